"""Triangular cycles between two bounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from surefoot.schedules.length import Length
from surefoot.schedules.schedule import Array, Schedule, Span

_UP = Length(10, percent=True)


@dataclass(frozen=True, slots=True)
class Triangular(Schedule):
    """Up from ``low`` to ``peak`` and down again, over and over.

        value(t) = low + (peak - low) * height(t) * shrink**cycle * gamma**t

    where the height goes from 0 to 1 during ``up`` and back to 0 during ``down`` (as long as ``up`` if not given).
    Equal to ``torch.optim.lr_scheduler.CyclicLR``: ``shrink=0.5`` is its ``triangular2``, ``gamma`` its
    ``exp_range``.

    Reference:
        Smith (2017), arXiv:1506.01186.

    Example:
        >>> schedule = Triangular(1.0, up=Length(10))
        >>> [schedule.value(step, total=100) for step in (0, 5, 10, 15, 20)]
        [0.0, 0.5, 1.0, 0.5, 0.0]
    """

    name: ClassVar[str] = "triangular"
    peak: float
    low: float = 0.0
    up: Length = _UP
    down: Length | None = None
    shrink: float = 1.0
    gamma: float = 1.0

    def faults(self) -> Iterator[str]:
        """Yield cycles that vanish or last no time."""
        if self.shrink <= 0:
            yield "shrink must be above 0"
        if self.gamma <= 0:
            yield "gamma must be above 0"
        if self.up.amount <= 0:
            yield "up must be longer than 0"
        if self.down is not None and self.down.amount <= 0:
            yield "down must be longer than 0"

    def over(self, steps: Array, span: Span) -> Array:
        """Return the cycle's values, shape of ``steps``."""
        up, down = self.slopes(span)
        cycle = np.floor(steps / (up + down))
        since = steps - cycle * (up + down)
        height: Array = np.where(since <= up, since / up, 1.0 - (since - up) / down)
        cycles: Array = height * self.shrink**cycle * self.gamma**steps
        return self.low + (self.peak - self.low) * cycles

    def slopes(self, span: Span) -> tuple[int, int]:
        """Return the lengths of the way up and of the way down, in steps."""
        up = max(1, self.up.steps(span.training))
        return up, up if self.down is None else max(1, self.down.steps(span.training))
