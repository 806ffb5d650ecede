"""Decay by the same factor at every step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from surefoot.schedules.length import Length
from surefoot.schedules.scanner import number_text
from surefoot.schedules.schedule import Array, Schedule, Span, TorchScheduler, since


@dataclass(frozen=True, slots=True)
class Exponential(Schedule):
    """Multiply by ``rate`` over a distance of ``every``, smoothly.

        value(t) = peak * rate ** (t / every)

    Without ``every`` the distance is the whole span, so the last value is ``peak * rate``. With ``every=1`` it is
    ``torch.optim.lr_scheduler.ExponentialLR(gamma=rate)``; in general it is Keras's ``ExponentialDecay``
    (``decay_steps=every``) and optax's ``exponential_decay`` (``transition_steps=every``).

    Example:
        >>> Exponential(1.0, rate=0.01).value(50, total=100)
        0.1
    """

    name: ClassVar[str] = "exponential"
    searched: ClassVar[bool] = True
    peak: float
    rate: float = 0.01
    every: Length | None = None

    def faults(self) -> Iterator[str]:
        """Yield rates that are none and distances of nothing."""
        if self.rate <= 0:
            yield "rate must be above 0"
        if self.every is not None and self.every.amount <= 0:
            yield "every must be longer than 0"

    def over(self, steps: Array, span: Span) -> Array:
        """Return ``peak * rate ** (t / every)``, shape of ``steps``."""
        every = span.steps if self.every is None else max(1, self.every.steps(span.training))
        return self.peak * self.rate ** (steps / every)

    def code(self, span: Span, begin: float) -> Iterator[str]:
        """Yield the lines of source text that return the value at ``step``; see :meth:`Schedule.code`."""
        every = span.steps if self.every is None else max(1, self.every.steps(span.training))
        yield f"return {number_text(self.peak)} * {number_text(self.rate)} ** ({since(begin)} / {number_text(every)})"

    def torch_scheduler(self, steps: int) -> TorchScheduler | None:
        """Return the equal scheduler of torch; see :meth:`Schedule.torch_scheduler`."""
        every = steps if self.every is None else max(1, self.every.steps(steps))
        gamma = number_text(self.rate) if every == 1 else f"{number_text(self.rate)} ** (1 / {every})"
        return TorchScheduler.of("ExponentialLR", {"gamma": gamma})

    @classmethod
    def from_peak(cls, peak: float, *, final: float) -> Schedule:
        """Return the schedule that a search tries; without a final share it ends at the class's own ``rate``."""
        return cls(peak, rate=final) if final else cls(peak)
