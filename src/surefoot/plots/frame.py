"""The plane of learning rate and momentum, and what lies where on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

from surefoot.plots.axes import log_axis, momentum_ticks

ROOM = 1.5


@dataclass(frozen=True, slots=True)
class Frame:
    """The part of the plane that is drawn: learning rate, and 1 - momentum, both logarithmic."""

    lr: tuple[float, float]
    gap: tuple[float, float]

    @classmethod
    def around(cls, settings: Sequence[tuple[float, float]]) -> Frame:
        """Return the part that holds some learning rates with their momenta."""
        rates = [lr for lr, _ in settings]
        gaps = [1.0 - momentum for _, momentum in settings]
        return cls((min(rates) / ROOM, max(rates) * ROOM), (min(gaps) / 1.15, 1.15))

    def x(self) -> alt.X:
        """Return the axis of the learning rate."""
        low, high = self.lr
        scale = alt.Scale(type="log", domain=[low, high], nice=False)
        return alt.X("lr:Q", scale=scale, axis=log_axis(low, high, grid=False), title="learning rate (peak)")

    def y(self) -> alt.Y:
        """Return the axis of the momentum, by the field ``gap``, 1 - momentum."""
        low, high = self.gap
        scale = alt.Scale(type="log", domain=[low, high], nice=False, reverse=True)
        axis = alt.Axis(
            grid=False, zindex=1, values=momentum_ticks(1.0 - low), labelExpr="format(1 - datum.value, '.3~f')"
        )
        return alt.Y("gap:Q", scale=scale, axis=axis, title="momentum")

    def place(self, lr: float, gap: float) -> tuple[float, float]:
        """Return where a setting lies, as shares of the axes."""
        return (
            math.log(lr / self.lr[0]) / math.log(self.lr[1] / self.lr[0]),
            math.log(gap / self.gap[0]) / math.log(self.gap[1] / self.gap[0]),
        )
