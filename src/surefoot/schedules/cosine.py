"""Cosine annealing, once or with warm restarts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from surefoot.schedules.length import Length
from surefoot.schedules.scanner import number_text, rounded_number
from surefoot.schedules.schedule import Array, Schedule, Span, TorchScheduler, between, half_cosine_text, since

_PERIOD = Length(25, percent=True)


@dataclass(frozen=True, slots=True)
class Cosine(Schedule):
    """Half a cosine from ``peak`` down to ``final``.

        value(t) = final + (peak - final) * (1 + cos(pi * t / total)) / 2

    Equal to ``torch.optim.lr_scheduler.CosineAnnealingLR`` with ``T_max=total``.

    Reference:
        Loshchilov & Hutter (2017), arXiv:1608.03983, equation 5.

    Example:
        >>> Cosine(1.0).value(50, total=100)
        0.5
    """

    name: ClassVar[str] = "cosine"
    searched: ClassVar[bool] = True
    peak: float
    final: float = 0.0

    def over(self, steps: Array, span: Span) -> Array:
        """Return the cosine's values, shape of ``steps``."""
        return self.final + (self.peak - self.final) * half_cosine(steps / span.steps)

    def code(self, span: Span, begin: float) -> Iterator[str]:
        """Yield the lines of source text that return the value at ``step``; see :meth:`Schedule.code`."""
        progress = f"{since(begin)} / {number_text(span.steps)}"
        yield f"return {between(self.final, self.peak, half_cosine_text(progress))}"

    def torch_scheduler(self, steps: int) -> TorchScheduler | None:
        """Return the equal scheduler of torch; see :meth:`Schedule.torch_scheduler`."""
        return TorchScheduler.of("CosineAnnealingLR", {"T_max": str(steps)} | _floor(self.final))

    @classmethod
    def from_peak(cls, peak: float, *, final: float) -> Schedule:
        """Return the schedule that a search tries."""
        return cls(peak, final=rounded_number(peak * final))


@dataclass(frozen=True, slots=True)
class CosineRestarts(Schedule):
    """Cosine annealing that starts again at the end of every period.

        value(t) = final + (peak * shrink**i - final) * (1 + cos(pi * t_i / T_i)) / 2,    T_i = period * growth**i

    where t_i counts from the last restart and i counts the restarts. Equal to
    ``torch.optim.lr_scheduler.CosineAnnealingWarmRestarts`` (``T_0=period``, ``T_mult=growth``, ``shrink=1``), to
    timm's ``CosineLRScheduler`` (``cycle_decay=shrink``) and, where ``shrink=1`` or ``final=0``, to Keras's
    ``CosineDecayRestarts`` (``m_mul=shrink``), which shrinks the part above the floor instead of the peak.

    Reference:
        Loshchilov & Hutter (2017), arXiv:1608.03983.

    Example:
        >>> schedule = CosineRestarts(1.0, period=Length(10))
        >>> [schedule.value(step, total=40) for step in (0, 5, 10)]
        [1.0, 0.5, 1.0]
    """

    name: ClassVar[str] = "cosine_restarts"
    peak: float
    final: float = 0.0
    period: Length = _PERIOD
    growth: float = 1.0
    shrink: float = 1.0

    def faults(self) -> Iterator[str]:
        """Yield periods that shrink or last no time, and peaks that vanish."""
        if self.growth < 1:
            yield "growth must be at least 1"
        if self.shrink <= 0:
            yield "shrink must be above 0"
        if self.period.amount <= 0:
            yield "period must be longer than 0"

    def over(self, steps: Array, span: Span) -> Array:
        """Return the values of the restarting cosine, shape of ``steps``."""
        cycle, progress = self._cycle_and_progress(steps / max(1, self.period.steps(span.training)))
        peak = self.peak * self.shrink**cycle
        return self.final + (peak - self.final) * half_cosine(progress)

    def _cycle_and_progress(self, periods: Array) -> tuple[Array, Array]:
        """Split a time, in first periods, into the number of restarts and the share of the running period."""
        if self.growth == 1.0:
            cycle = np.floor(periods)
            return cycle, periods - cycle
        # The first i periods together last (growth**i - 1) / (growth - 1); solved for i.
        cycle = np.floor(np.log1p(periods * (self.growth - 1.0)) / np.log(self.growth) + 1e-12)
        begun = (self.growth**cycle - 1.0) / (self.growth - 1.0)
        return cycle, (periods - begun) / self.growth**cycle

    def code(self, span: Span, begin: float) -> Iterator[str]:
        """Yield the lines of source text that return the value at ``step``; see :meth:`Schedule.code`."""
        period, growth = max(1, self.period.steps(span.training)), number_text(self.growth)
        if self.growth == 1.0:
            yield f"cycle, since = divmod({since(begin)}, {period})"
            progress = f"since / {period}"
        else:
            times, over = (f" {sign} {number_text(self.growth - 1.0)}" if self.growth != 2.0 else "" for sign in "*/")
            yield f"periods = {since(begin)} / {period}"
            yield f"cycle = int(math.log1p(periods{times}) / math.log({growth}) + 1e-12)"
            yield f"progress = (periods - ({growth}**cycle - 1){over}) / {growth}**cycle"
            progress = "progress"
        if self.shrink == 1.0:
            yield f"return {between(self.final, self.peak, half_cosine_text(progress))}"
        else:
            yield f"peak = {number_text(self.peak)} * {number_text(self.shrink)} ** cycle"
            final = number_text(self.final)
            falling = f"peak * {half_cosine_text(progress)}" if self.final == 0 else None
            yield f"return {falling or f'{final} + (peak - {final}) * {half_cosine_text(progress)}'}"

    def torch_scheduler(self, steps: int) -> TorchScheduler | None:
        """Return the equal scheduler of torch; see :meth:`Schedule.torch_scheduler`."""
        if self.shrink != 1.0 or self.growth != int(self.growth):
            return None
        period = max(1, self.period.steps(steps))
        growth = {} if self.growth == 1.0 else {"T_mult": number_text(self.growth)}
        return TorchScheduler.of("CosineAnnealingWarmRestarts", {"T_0": str(period)} | growth | _floor(self.final))


def half_cosine(progress: Array) -> Array:
    """Return ``(1 + cos(pi * progress)) / 2``: 1 at the beginning, 0 at the end and after it."""
    return (1.0 + np.cos(np.pi * progress.clip(0.0, 1.0))) / 2.0


def _floor(final: float) -> dict[str, str]:
    return {"eta_min": number_text(final)} if final else {}
