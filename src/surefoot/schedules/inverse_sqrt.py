"""Decay with the inverse square root of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from surefoot.schedules.length import Length
from surefoot.schedules.scanner import number_text
from surefoot.schedules.schedule import Array, Schedule, Span, shifted

_TIMESCALE = Length(10, percent=True)


@dataclass(frozen=True, slots=True)
class InverseSqrt(Schedule):
    """The peak at first, then falling as one over the square root of time.

        value(t) = peak * sqrt(timescale / (timescale + t))

    With ``warmup`` equal to ``timescale`` it is the schedule of the first transformer, and
    ``transformers.get_inverse_sqrt_schedule``.

    Reference:
        Vaswani et al. (2017), arXiv:1706.03762, equation 3.

    Example:
        >>> InverseSqrt(1.0, timescale=Length(10)).value(30, total=100)
        0.5
    """

    name: ClassVar[str] = "inverse_sqrt"
    searched: ClassVar[bool] = True
    peak: float
    timescale: Length = _TIMESCALE

    def faults(self) -> Iterator[str]:
        """Yield a time scale of nothing."""
        if self.timescale.amount <= 0:
            yield "timescale must be longer than 0"

    def over(self, steps: Array, span: Span) -> Array:
        """Return ``peak * sqrt(timescale / (timescale + t))``, shape of ``steps``."""
        timescale = max(1, self.timescale.steps(span.training))
        return self.peak * np.sqrt(timescale / (timescale + steps))

    def code(self, span: Span, begin: float) -> Iterator[str]:
        """Yield the lines of source text that return the value at ``step``; see :meth:`Schedule.code`."""
        timescale = max(1, self.timescale.steps(span.training))
        yield f"return {number_text(self.peak)} * math.sqrt({timescale} / ({shifted(timescale - begin)}))"
