"""Polynomial decay, the straight line among them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from surefoot.schedules.scanner import number_text, rounded_number
from surefoot.schedules.schedule import Array, Schedule, Span, TorchScheduler, between, since


@dataclass(frozen=True, slots=True)
class Polynomial(Schedule):
    """From ``peak`` to ``final`` along a power of the time that is left.

        value(t) = final + (peak - final) * (1 - t / total) ** power

    Equal to ``torch.optim.lr_scheduler.PolynomialLR`` (``final=0``), Keras's and optax's polynomial decay.

    Example:
        >>> Polynomial(1.0, power=2.0).value(50, total=100)
        0.25
    """

    name: ClassVar[str] = "polynomial"
    peak: float
    final: float = 0.0
    power: float = 2.0

    def faults(self) -> Iterator[str]:
        """Yield powers that do not decay."""
        if self.power <= 0:
            yield "power must be above 0"

    def over(self, steps: Array, span: Span) -> Array:
        """Return the polynomial's values, shape of ``steps``."""
        left = (1.0 - steps / span.steps).clip(min=0.0)
        return self.final + (self.peak - self.final) * left**self.power

    def code(self, span: Span, begin: float) -> Iterator[str]:
        """Yield the lines of source text that return the value at ``step``; see :meth:`Schedule.code`."""
        share = f"(1 - {since(begin)} / {number_text(span.steps)}) ** {number_text(self.power)}"
        yield f"return {between(self.final, self.peak, share)}"

    def torch_scheduler(self, steps: int) -> TorchScheduler | None:
        """Return the equal scheduler of torch; see :meth:`Schedule.torch_scheduler`."""
        settings = {"total_iters": str(steps), "power": number_text(self.power)}
        return TorchScheduler.of("PolynomialLR", settings) if self.final == 0 else None


@dataclass(frozen=True, slots=True)
class Linear(Schedule):
    """A straight line from ``peak`` to ``final``, up or down.

        value(t) = peak + (final - peak) * t / total

    Example:
        >>> Linear(0.5, final=1.0).value(50, total=100)
        0.75
    """

    name: ClassVar[str] = "linear"
    searched: ClassVar[bool] = True
    peak: float
    final: float = 0.0

    def over(self, steps: Array, span: Span) -> Array:
        """Return the line's values, shape of ``steps``."""
        return Polynomial(self.peak, final=self.final, power=1.0).over(steps, span)

    def code(self, span: Span, begin: float) -> Iterator[str]:
        """Yield the lines of source text that return the value at ``step``; see :meth:`Schedule.code`."""
        yield f"return {between(self.final, self.peak, f'(1 - {since(begin)} / {number_text(span.steps)})')}"

    def torch_scheduler(self, steps: int) -> TorchScheduler | None:
        """Return the equal scheduler of torch; see :meth:`Schedule.torch_scheduler`."""
        if not 0 <= self.final <= self.peak or self.peak == 0:
            return None
        factors = {"start_factor": "1.0", "end_factor": repr(self.final / self.peak)}
        return TorchScheduler.of("LinearLR", factors | {"total_iters": str(steps)})

    @classmethod
    def from_peak(cls, peak: float, *, final: float) -> Schedule:
        """Return the schedule that a search tries."""
        return cls(peak, final=rounded_number(peak * final))
