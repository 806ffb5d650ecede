"""Decay by drops: at a regular distance, or at chosen steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from surefoot.schedules.length import Length
from surefoot.schedules.scanner import number_text
from surefoot.schedules.schedule import Array, Schedule, Span, TorchScheduler, since

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
    searched: ClassVar[bool] = True
    peak: float
    drop: float = 0.1
    every: Length = _EVERY

    def faults(self) -> Iterator[str]:
        """Yield drops that are not above 0 and empty distances."""
        if self.drop <= 0:
            yield "drop must be above 0"
        if self.every.amount <= 0:
            yield "every must be longer than 0"

    def over(self, steps: Array, span: Span) -> Array:
        """Return ``peak * drop ** floor(t / every)``, shape of ``steps``."""
        every = max(1, self.every.steps(span.training))
        return self.peak * self.drop ** np.floor(steps / every)

    def code(self, span: Span, begin: float) -> Iterator[str]:
        """Yield the lines of source text that return the value at ``step``; see :meth:`Schedule.code`."""
        every = max(1, self.every.steps(span.training))
        yield f"return {number_text(self.peak)} * {number_text(self.drop)} ** ({since(begin)} // {every})"

    def torch_scheduler(self, steps: int) -> TorchScheduler | None:
        """Return the equal scheduler of torch; see :meth:`Schedule.torch_scheduler`."""
        every = max(1, self.every.steps(steps))
        return TorchScheduler.of("StepLR", {"step_size": str(every), "gamma": number_text(self.drop)})


@dataclass(frozen=True, slots=True)
class MultiStep(Schedule):
    """Multiply by ``drop`` at each of the steps ``at``.

        value(t) = peak * drop ** (number of these steps at or before t)

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
        """Yield drops that are not above 0, and an empty ``at``."""
        if self.drop <= 0:
            yield "drop must be above 0"
        if not self.at:
            yield "at needs a length"

    def over(self, steps: Array, span: Span) -> Array:
        """Return ``peak * drop ** drops_so_far(t)``, shape of ``steps``."""
        milestones = sorted(length.steps(span.training) for length in self.at)
        return self.peak * self.drop ** np.searchsorted(milestones, steps, side="right").astype(np.float64)

    def code(self, span: Span, begin: float) -> Iterator[str]:
        """Yield the lines of source text that return the value at ``step``; see :meth:`Schedule.code`."""
        milestones = sorted(round(begin) + length.steps(span.training) for length in self.at)
        yield f"drops = sum(step >= milestone for milestone in {milestones})"
        yield f"return {number_text(self.peak)} * {number_text(self.drop)} ** drops"

    def torch_scheduler(self, steps: int) -> TorchScheduler | None:
        """Return the equal scheduler of torch; see :meth:`Schedule.torch_scheduler`."""
        milestones = sorted(length.steps(steps) for length in self.at)
        if milestones[0] == 0:
            return None  # torch passes over a milestone at step 0
        return TorchScheduler.of("MultiStepLR", {"milestones": str(milestones), "gamma": number_text(self.drop)})
