"""Warmup, stable, decay: hold the peak and decay only at the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from surefoot.schedules.cosine import half_cosine
from surefoot.schedules.length import Length
from surefoot.schedules.scanner import number_text, rounded_number
from surefoot.schedules.schedule import Array, Schedule, Span, between, half_cosine_text, since

_DECAY = Length(20, percent=True)


@dataclass(frozen=True, slots=True)
class WarmupStableDecay(Schedule):
    """The peak until ``decay`` is left, then down to ``final``; the warmup is the keyword that every schedule takes.

        value(t) = peak                                         before the decay
        value(t) = final + (peak - final) * shape(progress)     in the decay

    with shape ``1 - p`` (linear), ``(1 + cos(pi p)) / 2`` (cosine) or ``1 - sqrt(p)`` (sqrt). Equal to
    ``transformers.get_wsd_schedule``.

    Reference:
        Hu et al. (2024), arXiv:2404.06395; Hägele et al. (2024), arXiv:2405.18392 for ``sqrt``.

    Example:
        >>> schedule = WarmupStableDecay(1.0, decay=Length(20, percent=True))
        >>> [schedule.value(step, total=100) for step in (0, 80, 90, 100)]
        [1.0, 1.0, 0.5, 0.0]
    """

    name: ClassVar[str] = "wsd"
    searched: ClassVar[bool] = True
    peak: float
    decay: Length = _DECAY
    final: float = 0.0
    shape: Literal["linear", "cosine", "sqrt"] = "linear"

    def faults(self) -> Iterator[str]:
        """Yield shapes that there are not."""
        if self.shape not in ("linear", "cosine", "sqrt"):
            yield "shape must be linear, cosine or sqrt"

    def over(self, steps: Array, span: Span) -> Array:
        """Return the values, shape of ``steps``."""
        decay = max(1, self.decay.steps(span.training))
        progress = ((steps - (span.steps - decay)) / decay).clip(0.0, 1.0)
        return self.final + (self.peak - self.final) * self._left(progress)

    def _left(self, progress: Array) -> Array:
        if self.shape == "cosine":
            return half_cosine(progress)
        return 1.0 - (np.sqrt(progress) if self.shape == "sqrt" else progress)

    def code(self, span: Span, begin: float) -> Iterator[str]:
        """Yield the lines of source text that return the value at ``step``; see :meth:`Schedule.code`."""
        decay = max(1, self.decay.steps(span.training))
        decay_begins = begin + span.steps - decay
        if decay_begins > begin:
            yield f"if step < {number_text(decay_begins)}:"
            yield f"    return {number_text(self.peak)}"
        progress = f"{since(decay_begins)} / {decay}"
        share = {
            "linear": f"(1 - {progress})",
            "sqrt": f"(1 - math.sqrt({progress}))",
            "cosine": half_cosine_text(progress),
        }
        yield f"return {between(self.final, self.peak, share[self.shape])}"

    @classmethod
    def from_peak(cls, peak: float, *, final: float) -> Schedule:
        """Return the schedule that a search tries."""
        return cls(peak, final=rounded_number(peak * final))
