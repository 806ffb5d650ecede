"""Schedules made from other schedules: the same shape at another height, and the short descent of a cooldown."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from surefoot.schedules.base import AMPLITUDES, Schedule
from surefoot.schedules.composers import Sequence, Warmup
from surefoot.schedules.polynomial import Linear


def digits(value: float) -> float:
    """Return a number to the four digits that recipes are written with."""
    return float(f"{value:.4g}")


def scaled(schedule: Schedule, factor: float) -> Schedule:
    """Return a schedule whose every value is ``factor`` times as large, its numbers to four digits.

    Example:
        >>> from surefoot.schedules import Cosine, Length
        >>> scaled(Warmup(Cosine(0.5, final=0.05), Length(10)), 0.02).schedule
        Cosine(peak=0.01, final=0.001)
    """
    changes: dict[str, Any] = {}
    if isinstance(schedule, Sequence):
        changes["parts"] = tuple(scaled(part, factor) for part in schedule.parts)
    if isinstance(schedule, Warmup):
        changes["schedule"] = scaled(schedule.schedule, factor)
    for field in fields(schedule):  # type: ignore[arg-type]  # every schedule is a dataclass
        value = getattr(schedule, field.name)
        if field.name in AMPLITUDES and value is not None:
            changes[field.name] = digits(value * factor)
    return replace(schedule, **changes)  # type: ignore[type-var]


def cooldown(schedule: Schedule, step: int, total: int, length: int, *, final: float = 0.0) -> Linear:
    """Return a line from a schedule's value at ``step`` of ``total`` to ``final`` in ``length`` steps.

    It is a line over the whole of ``step + length`` steps that passes through the present value at ``step``.

    Example:
        >>> from surefoot.schedules import Constant
        >>> line = cooldown(Constant(1.0), 80, total=1000, length=20)
        >>> [round(line.value(step, total=100), 9) for step in (80, 90, 100)]
        [1.0, 0.5, 0.0]
    """
    value = schedule.value(step, total)
    return Linear(final + (value - final) * (step + length) / length, final=final)
