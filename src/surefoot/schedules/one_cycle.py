"""One cycle: up to the peak, then far down; and its inverse for momentum."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from surefoot.schedules.cosine import half_cosine
from surefoot.schedules.length import Length
from surefoot.schedules.scanner import number_text
from surefoot.schedules.schedule import Array, Schedule, Span, TorchScheduler, between, half_cosine_text, shifted, since

START_DIVISOR = 25.0
FINAL_DIVISOR = 1e4
_RISE = Length(30, percent=True)


@dataclass(frozen=True, slots=True)
class OneCycle(Schedule):
    """From ``start`` to ``peak`` during ``rise``, then to ``final`` at the last step, along half cosines or lines.

    Equal to ``torch.optim.lr_scheduler.OneCycleLR`` with its defaults ``start = peak / 25`` and
    ``final = start / 1e4``. A peak below the start makes the cycle that momentum takes: see :func:`momentum_cycle`.

    Reference:
        Smith & Topin (2018), arXiv:1708.07120.

    Example:
        >>> schedule = OneCycle(1.0, start=0.1, final=0.0, rise=Length(50, percent=True))
        >>> [round(schedule.value(step, total=101), 3) for step in (0, 100)]
        [0.1, 0.0]
    """

    name: ClassVar[str] = "onecycle"
    brings_warmup: ClassVar[bool] = True
    ends_at_last_step: ClassVar[bool] = True
    scales_with_groups: ClassVar[bool] = False
    searched: ClassVar[bool] = True
    peak: float
    start: float | None = None
    final: float | None = None
    rise: Length = _RISE
    shape: Literal["cosine", "linear"] = "cosine"

    def faults(self) -> Iterator[str]:
        """Yield shapes that there are not."""
        if self.shape not in ("cosine", "linear"):
            yield "shape must be cosine or linear"

    def over(self, steps: Array, span: Span) -> Array:
        """Return the cycle's values, shape of ``steps``."""
        start, final = self.ends()
        top, bottom = self.turns(span)
        steps = steps.clip(max=bottom)
        rising = self._between(start, self.peak, _progress(steps, 0.0, top))
        falling = self._between(self.peak, final, _progress(steps, top, bottom))
        return np.where(steps < top, rising, falling)

    def ends(self) -> tuple[float, float]:
        """Return the first value and the last."""
        start = self.peak / START_DIVISOR if self.start is None else self.start
        return start, start / FINAL_DIVISOR if self.final is None else self.final

    def turns(self, span: Span) -> tuple[float, float]:
        """Return the steps of the top, as in torch one before the rise is over, and of the bottom, the last."""
        return self.rise.exact(span.training) - 1.0, span.steps - 1.0

    def torch_scheduler(self, steps: int, momentum: Schedule | None = None) -> TorchScheduler | None:
        """Return OneCycleLR, which cycles a momentum as well; ``None`` where it cannot.

        Args:
            steps: Optimizer steps of the whole training.
            momentum: Schedule of the momentum, where it changes too.
        """
        """Return OneCycleLR, which cycles a momentum as well; ``None`` where it cannot."""
        start, final = self.ends()
        top, bottom = self.turns(Span(float(steps), steps))
        if not (start > 0 and final > 0 and 0 < top < bottom):
            return None
        settings = {
            "max_lr": number_text(self.peak),
            "total_steps": str(steps),
            "pct_start": repr(self.rise.exact(steps) / steps),
        }
        settings |= {"div_factor": number_text(self.peak / start)} if self.peak != start * START_DIVISOR else {}
        settings |= {"final_div_factor": number_text(start / final)} if start != final * FINAL_DIVISOR else {}
        settings |= {"anneal_strategy": '"linear"'} if self.shape == "linear" else {}
        if momentum is None:
            settings["cycle_momentum"] = "False"
        elif isinstance(momentum, OneCycle) and self._mirrors(momentum):
            settings |= {"base_momentum": number_text(momentum.peak), "max_momentum": number_text(momentum.ends()[0])}
        else:
            return None
        return TorchScheduler.of("OneCycleLR", settings)

    def _mirrors(self, momentum: OneCycle) -> bool:
        """Return whether a momentum turns where this cycle turns and ends where it began."""
        start, final = momentum.ends()
        return start == final and (momentum.rise, momentum.shape) == (self.rise, self.shape)

    def _line(self, first: float, last: float, progress: str) -> str:
        share = half_cosine_text(progress) if self.shape == "cosine" else f"(1 - {progress})"
        return f"return {between(last, first, share)}"

    def _between(self, first: float, last: float, progress: Array) -> Array:
        share = half_cosine(progress) if self.shape == "cosine" else 1.0 - progress
        return last + (first - last) * share

    def code(self, span: Span, begin: float) -> Iterator[str]:
        """Yield the lines of source text that return the value at ``step``; see :meth:`Schedule.code`."""
        start, final = self.ends()
        top, bottom = self.turns(span)
        time = "since" if begin else "step"
        if begin:
            yield f"since = min({shifted(-begin)}, {number_text(bottom)})"
        rise = self._line(start, self.peak, f"{time} / {number_text(top)}")
        fall = self._line(self.peak, final, f"{since(top, of=time)} / {number_text(bottom - top)}")
        if top >= bottom:
            yield rise if top > 0 else f"return {number_text(self.peak)}"
            return
        if top > 0:
            yield f"if {time} < {number_text(top)}:"
            yield f"    {rise}"
        yield fall


def momentum_cycle(cycle: OneCycle, *, low: float = 0.85, high: float = 0.95) -> OneCycle:
    """Return the momentum that goes with a one-cycle learning rate: lowest where the rate is highest.

    Example:
        >>> momentum = momentum_cycle(OneCycle(0.1))
        >>> momentum.value(0, total=100), round(momentum.value(29, total=100), 3)
        (0.95, 0.85)
    """
    return OneCycle(low, start=high, final=high, rise=cycle.rise, shape=cycle.shape)


def _progress(steps: Array, begin: float, end: float) -> Array:
    return ((steps - begin) / (end - begin if end > begin else 1.0)).clip(0.0, 1.0)
