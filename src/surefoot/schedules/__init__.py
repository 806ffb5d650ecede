"""Schedules: pure functions of the training step, for learning rate, momentum and weight decay alike.

``SCHEDULES`` has every kind that a recipe may name, those of plugins included; a search tries those that allow it, in
this order.
"""

from collections.abc import Mapping

from surefoot.core.plugins import Registry
from surefoot.schedules.constant import Constant
from surefoot.schedules.cosine import Cosine, CosineRestarts
from surefoot.schedules.exponential import Exponential
from surefoot.schedules.inverse_sqrt import InverseSqrt
from surefoot.schedules.one_cycle import OneCycle
from surefoot.schedules.polynomial import Linear, Polynomial
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.step_decay import MultiStep, StepDecay
from surefoot.schedules.triangular import Triangular
from surefoot.schedules.wsd import WarmupStableDecay

BUILT_IN = (
    Cosine,
    Linear,
    WarmupStableDecay,
    Constant,
    Exponential,
    StepDecay,
    InverseSqrt,
    OneCycle,
    MultiStep,
    Polynomial,
    CosineRestarts,
    Triangular,
)


def is_schedule(entry: object) -> bool:
    """Return whether an object is a kind of schedule."""
    return isinstance(entry, type) and issubclass(entry, Schedule)


SCHEDULES: Mapping[str, type[Schedule]] = Registry(
    {kind.name: kind for kind in BUILT_IN}, "surefoot.schedules", is_entry=is_schedule
)
