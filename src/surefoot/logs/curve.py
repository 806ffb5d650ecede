"""What is known of one training from its log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from surefoot.logs.names import QUANTITIES, Quantity
from surefoot.logs.series import Series


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One training as its log tells it; every log format becomes one of these.

    Attributes:
        source: Where it was read.
        train: Training loss.
        valid: Validation loss.
        lr: Learning rate.
        momentum: Momentum, or beta1.
        grad_norm: Norm of the gradient.
        names: What the log calls each of them.
        notes: What a reader should know: bytes and points that were lost, other columns that could have been meant.
    """

    source: str
    train: Series | None = None
    valid: Series | None = None
    lr: Series | None = None
    momentum: Series | None = None
    grad_norm: Series | None = None
    names: Mapping[Quantity, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def known(self) -> Iterator[tuple[Quantity, Series]]:
        """Yield the quantities that the log has."""
        for quantity in QUANTITIES:
            series = getattr(self, quantity)
            if series is not None:
                yield quantity, series

    @property
    def last_step(self) -> int:
        """The last step of all."""
        return max(int(series.steps[-1]) for _, series in self.known())
