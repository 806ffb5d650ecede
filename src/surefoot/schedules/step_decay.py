"""Decay by drops: at a regular distance, or at chosen places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from surefoot.schedules.length import Length
from surefoot.schedules.schedule import Array, Schedule, Span

_EVERY = Length(30, percent=True)
_AT = (Length(50, percent=True), Length(75, percent=True))


@dataclass(frozen=True, slots=True)
class StepDecay(Schedule):
    """Multiply by ``drop`` once ``every`` so many steps.

        value(t) = peak * drop ** floor(t / every)

    Equal to ``torch.optim.lr_scheduler.StepLR``.

    Example:
        >>> StepDecay(1.0, drop=0.5, every=Length(10)).value(25, total=100)
        0.25
    """

    name: ClassVar[str] = "step"
    peak: float
    drop: float = 0.1
    every: Length = _EVERY

    def faults(self) -> Iterator[str]:
        """Yield drops that are none and distances of nothing."""
        if self.drop <= 0:
            yield "drop must be above 0"
        if self.every.amount <= 0:
            yield "every must be longer than 0"

    def over(self, steps: Array, span: Span) -> Array:
        """Return ``peak * drop ** floor(t / every)``, shape of ``steps``."""
        every = max(1, self.every.steps(span.training))
        return self.peak * self.drop ** np.floor(steps / every)


@dataclass(frozen=True, slots=True)
class MultiStep(Schedule):
    """Multiply by ``drop`` at each place of ``at``.

        value(t) = peak * drop ** (number of places at or before t)

    Equal to ``torch.optim.lr_scheduler.MultiStepLR``.

    Example:
        >>> schedule = MultiStep(1.0, drop=0.1, at=(Length(50, percent=True), Length(75, percent=True)))
        >>> [schedule.value(step, total=100) for step in (49, 50, 75)]
        [1.0, 0.1, 0.01...]
    """

    name: ClassVar[str] = "multistep"
    peak: float
    drop: float = 0.1
    at: tuple[Length, ...] = _AT

    def faults(self) -> Iterator[str]:
        """Yield drops that are none, and the lack of places."""
        if self.drop <= 0:
            yield "drop must be above 0"
        if not self.at:
            yield "at needs a place"

    def over(self, steps: Array, span: Span) -> Array:
        """Return ``peak * drop ** drops_so_far(t)``, shape of ``steps``."""
        places = sorted(length.steps(span.training) for length in self.at)
        return self.peak * self.drop ** np.searchsorted(places, steps, side="right").astype(np.float64)
