"""Schedules: pure functions of the training step, for learning rate, momentum and weight decay alike."""

from surefoot.schedules.base import Schedule
from surefoot.schedules.composers import Sequence, Warmup, without_warmup
from surefoot.schedules.constant import Constant
from surefoot.schedules.cosine import Cosine, CosineRestarts
from surefoot.schedules.exponential import Exponential
from surefoot.schedules.inverse_sqrt import InverseSqrt
from surefoot.schedules.length import Length
from surefoot.schedules.onecycle import OneCycle, momentum_cycle
from surefoot.schedules.polynomial import Linear, Polynomial
from surefoot.schedules.python_code import python_code
from surefoot.schedules.scaled import cooldown, digits, scaled
from surefoot.schedules.step_decay import MultiStep, StepDecay
from surefoot.schedules.table import table
from surefoot.schedules.text import SCHEDULES, parse_schedule, schedule_text
from surefoot.schedules.triangular import Triangular
from surefoot.schedules.wsd import WarmupStableDecay

__all__ = [
    "SCHEDULES",
    "Constant",
    "Cosine",
    "CosineRestarts",
    "Exponential",
    "InverseSqrt",
    "Length",
    "Linear",
    "MultiStep",
    "OneCycle",
    "Polynomial",
    "Schedule",
    "Sequence",
    "StepDecay",
    "Triangular",
    "Warmup",
    "WarmupStableDecay",
    "cooldown",
    "digits",
    "momentum_cycle",
    "parse_schedule",
    "python_code",
    "scaled",
    "schedule_text",
    "table",
    "without_warmup",
]
