"""Trainers: whatever runs trials."""

from surefoot.trainers.outcome import Curve, Outcome, SharpnessProbe, failed
from surefoot.trainers.trainer import Trainer
from surefoot.trainers.trial import Trial

__all__ = ["Curve", "Outcome", "SharpnessProbe", "Trainer", "Trial", "failed"]
