"""Fleets: many recipes trained together."""

from surefoot.fleet.calibrate import calibrate
from surefoot.fleet.launch import launch, load
from surefoot.fleet.local import LocalFleet
from surefoot.fleet.plan import Plan
from surefoot.fleet.plateau import Plateau
from surefoot.fleet.protocol import Fleet, Scores
from surefoot.fleet.serial import SerialFleet
from surefoot.fleet.stacked import StackedFleet
from surefoot.fleet.training import share_cores, train_fleets

__all__ = [
    "Fleet",
    "LocalFleet",
    "Plan",
    "Plateau",
    "Scores",
    "SerialFleet",
    "StackedFleet",
    "calibrate",
    "launch",
    "load",
    "share_cores",
    "train_fleets",
]
