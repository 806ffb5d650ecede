"""Axes with ticks at round numbers, and labels next to points, placed where they hide the fewest others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import altair as alt

from surefoot.plots.theme import FIGURE_WIDTH

# Round numbers within a decade, from the coarsest choice to the finest; the first that gives enough ticks is taken.
TICK_MANTISSAS = (
    (1.0,),
    (1.0, 2.0, 5.0),
    (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0),
    (1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 9.0),
)
# Ticks that an axis needs so that values between them can be read.
MIN_TICKS = 3
MOMENTUM_TICKS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
# Factors by which an axis goes on beyond its outermost values, chosen so that marks there are drawn whole.
LOSS_AXIS_MARGIN, RATE_AXIS_MARGIN, MOMENTUM_AXIS_MARGIN = 1.1, 1.5, 1.15


def log_ticks(low: float, high: float, *, max_ticks: int = 8) -> list[float]:
    """Return round numbers between two positive bounds, for a logarithmic axis.

    Args:
        low: Lower bound, > 0.
        high: Upper bound.
        max_ticks: Largest number of ticks.

    Example:
        >>> log_ticks(0.3, 8.0)
        [0.5, 1.0, 2.0, 5.0]
        >>> log_ticks(1e-6, 1e3, max_ticks=5)
        [1e-06, 0.0001, 0.01, 1.0, 100.0]
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for mantissas in TICK_MANTISSAS:
        ticks = [float(f"{mantissa}e{power}") for power in range(first, last + 1) for mantissa in mantissas]
        inside = [tick for tick in ticks if low <= tick * (1 + 1e-9) and tick <= high * (1 + 1e-9)]
        if MIN_TICKS <= len(inside) <= max_ticks:
            return inside
    decades = [tick for tick in (float(f"1e{power}") for power in range(first, last + 1)) if low <= tick <= high]
    return decades[:: max(1, math.ceil(len(decades) / max_ticks))]


def linear_ticks(low: float, high: float, *, max_ticks: int) -> list[float]:
    """Return evenly spaced round numbers between two bounds.

    Args:
        low: Lower bound.
        high: Upper bound; where it is not above ``low``, that alone is the tick.
        max_ticks: Largest number of ticks.

    Example:
        >>> linear_ticks(0.0, 0.3, max_ticks=4)
        [0.0, 0.1, 0.2, 0.3]
    """
    distance = (high - low) / max(1, max_ticks - 1)
    if distance <= 0:
        return [low]
    size = 10.0 ** math.floor(math.log10(distance))
    step = next(nice * size for nice in (1.0, 2.0, 2.5, 5.0, 10.0) if nice * size >= distance * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [float(f"{number * step:.10g}") for number in range(first, math.floor(high / step + 1e-9) + 1)]


def log_axis(low: float, high: float, *, max_ticks: int = 8, grid: bool = True) -> alt.Axis:
    """Return a logarithmic axis.

    Where fewer than two round numbers lie between the bounds, Vega chooses the ticks.

    Args:
        low: Lower bound, > 0.
        high: Upper bound.
        max_ticks: Largest number of ticks.
        grid: Whether there are grid lines; without them the axis lies over the marks.
    """
    ticks = log_ticks(low, high, max_ticks=max_ticks)
    values = {"values": ticks} if len(ticks) > 1 else {"tickCount": 4}
    return alt.Axis(format="~g", grid=grid, zindex=0 if grid else 1, labelOverlap=True, **values)


def step_axis(last: int, *, first: int = 0, labels: bool = True) -> alt.X:
    """Return the horizontal axis of the field ``step``.

    Args:
        last: Last step of the axis.
        first: First step of the axis.
        labels: Whether the axis has a title and numbers; of charts in a column only the lowest needs them.
    """
    axis = alt.Axis(tickCount=6, tickMinStep=1, format=",~f", labels=labels)
    scale = alt.Scale(domain=[first, max(last, first + 1)], nice=False)
    return alt.X("step:Q", title="step" if labels else None, axis=axis, scale=scale)


def loss_scale(losses: Sequence[float], *, ceiling: float | None = None) -> tuple[alt.Scale, alt.Axis]:
    """Return scale and axis of losses: logarithmic where all are positive, else linear.

    Args:
        losses: The finite losses that are drawn.
        ceiling: Upper end of the axis, where some losses are to lie beyond it.
    """
    low, high = min(losses), max(losses) if ceiling is None else ceiling
    if low <= 0:
        return alt.Scale(zero=False, nice=True, domainMax=high), alt.Axis(tickCount=6)
    low, high = low / LOSS_AXIS_MARGIN, max(high, low * 1.05) * (LOSS_AXIS_MARGIN if ceiling is None else 1.0)
    return alt.Scale(type="log", domain=[low, high], nice=False), log_axis(low, high, max_ticks=7)


def finite_values(values: Iterable[float | None]) -> list[float]:
    """Return the values that are finite numbers: without ``None``, NaN and infinity."""
    return [value for value in values if value is not None and math.isfinite(value)]


@dataclass(frozen=True, slots=True)
class SettingAxes:
    """Axes of learning rate, and of momentum on a scale of ``log(1 - momentum)``.

    Attributes:
        lr: Lowest and highest learning rate.
        gap: Lowest and highest 1 - momentum.
    """

    lr: tuple[float, float]
    gap: tuple[float, float]

    @classmethod
    def around(cls, settings: Sequence[tuple[float, float]]) -> SettingAxes:
        """Return the axes that hold some settings.

        Args:
            settings: Learning rates with their momenta.
        """
        rates = [lr for lr, _ in settings]
        gaps = [1.0 - momentum for _, momentum in settings]
        lr = min(rates) / RATE_AXIS_MARGIN, max(rates) * RATE_AXIS_MARGIN
        return cls(lr, (min(gaps) / MOMENTUM_AXIS_MARGIN, MOMENTUM_AXIS_MARGIN))

    def x(self) -> alt.X:
        """Return the horizontal axis, of the field ``lr``."""
        low, high = self.lr
        scale = alt.Scale(type="log", domain=[low, high], nice=False)
        return alt.X("lr:Q", scale=scale, axis=log_axis(low, high, grid=False), title="learning rate (peak)")

    def y(self) -> alt.Y:
        """Return the vertical axis, of the field ``gap``, which is 1 - momentum."""
        low, high = self.gap
        scale = alt.Scale(type="log", domain=[low, high], nice=False, reverse=True)
        ticks = [round(1.0 - momentum, 6) for momentum in MOMENTUM_TICKS if 1.0 - momentum >= low - 1e-9]
        axis = alt.Axis(grid=False, zindex=1, values=ticks, labelExpr="format(1 - datum.value, '.3~f')")
        return alt.Y("gap:Q", scale=scale, axis=axis, title="momentum")

    def position(self, lr: float, gap: float) -> tuple[float, float]:
        """Return where a setting lies, as shares of the axes from the top left.

        Args:
            lr: Learning rate.
            gap: 1 - momentum.
        """
        return (
            math.log(lr / self.lr[0]) / math.log(self.lr[1] / self.lr[0]),
            math.log(gap / self.gap[0]) / math.log(self.gap[1] / self.gap[0]),
        )


# A position on a chart, as shares of its width and height from the top left.
AxesPosition: TypeAlias = tuple[float, float]

# In points: the mean width of a letter at 12 points, the width of a chart on a phone, and the distances from a ring's
# middle to a label next to it, and to one above or below it.
LETTER_WIDTH, PHONE_WIDTH, OFFSET_SIDEWAYS, OFFSET_UPWARDS = 7.0, 240.0, 14, 20
# Height of a label, and its distance from the middle of its ring where it stands above or below, as shares of the
# height of a chart.
LABEL_HEIGHT, LABEL_DISTANCE = 0.06, 0.03


@dataclass(frozen=True, slots=True)
class LabelPosition:
    """Where a label stands relative to the point that it names.

    Attributes:
        align: Which end of the label its anchor is.
        dx: Offset of the anchor to the right, in points.
        dy: Offset of the anchor downwards, in points.
        box: Left, right, top and bottom of the label relative to the point, as shares of a chart of the usual size.
        reach: How far the label reaches to the left and to the right of the point, as shares of the width of a chart on
            a phone, the narrowest.
    """

    align: Literal["left", "center", "right"]
    dx: int
    dy: int
    box: tuple[float, float, float, float]
    reach: tuple[float, float]

    def covered_positions(self, point: AxesPosition) -> list[AxesPosition]:
        """Return a grid of 25 positions over the label.

        Args:
            point: The position of the point that the label names.
        """
        left, right, top, bottom = self.box
        steps = (0.0, 0.25, 0.5, 0.75, 1.0)
        return [
            (point[0] + left + (right - left) * x, point[1] + top + (bottom - top) * y) for x in steps for y in steps
        ]


def label_positions(label: str) -> tuple[LabelPosition, ...]:
    """Return where a label can stand: to the right of its point, to the left, above, below.

    Args:
        label: Text of the label.
    """
    width, width_on_phone = (LETTER_WIDTH * len(label) / chart for chart in (FIGURE_WIDTH, PHONE_WIDTH))
    offset, reach = OFFSET_SIDEWAYS / FIGURE_WIDTH, OFFSET_SIDEWAYS / PHONE_WIDTH + width_on_phone
    level = (-LABEL_HEIGHT / 2, LABEL_HEIGHT / 2)
    centred, centred_reach = (-width / 2, width / 2), (-width_on_phone / 2, width_on_phone / 2)
    above, below = (-LABEL_DISTANCE - LABEL_HEIGHT, -LABEL_DISTANCE), (LABEL_DISTANCE, LABEL_DISTANCE + LABEL_HEIGHT)
    return (
        LabelPosition("left", OFFSET_SIDEWAYS, 0, (offset, offset + width, *level), (0.0, reach)),
        LabelPosition("right", -OFFSET_SIDEWAYS, 0, (-offset - width, -offset, *level), (-reach, 0.0)),
        LabelPosition("center", 0, -OFFSET_UPWARDS, (*centred, *above), centred_reach),
        LabelPosition("center", 0, OFFSET_UPWARDS, (*centred, *below), centred_reach),
    )


def best_label_position(label: str, point: AxesPosition, occupied: Sequence[AxesPosition]) -> LabelPosition:
    """Return the position of a label that lies inside the chart and hides the fewest occupied positions.

    Args:
        label: Text of the label.
        point: The position of the point that it names.
        occupied: Positions that should stay visible.
    """
    return min(label_positions(label), key=lambda position: count_covered(position, point, occupied))


def count_covered(position: LabelPosition, point: AxesPosition, occupied: Sequence[AxesPosition]) -> int:
    """Return how many occupied positions a label hides; more than there are where it leaves the chart.

    Args:
        position: Where the label stands.
        point: The position of the point that it names.
        occupied: Positions that should stay visible.
    """
    x, y = point
    left, right, top, bottom = position.box
    to_left, to_right = position.reach
    outside = x + to_left < 0 or x + to_right > 1 or not 0 <= y + top <= y + bottom <= 1
    covered = sum(left <= other_x - x <= right and top <= other_y - y <= bottom for other_x, other_y in occupied)
    return covered + (len(occupied) + 1) * outside


def labelled_ring(base: alt.Chart, position: LabelPosition, *, roles: Sequence[str]) -> Iterator[alt.Chart]:
    """Yield a ring around the one point of a chart, labelled with its field ``role``.

    Args:
        base: Chart of one row, with its axes.
        position: Where the label stands.
        roles: All roles of the figure, in the order of their colours.
    """
    # Not the colour channel, which is taken by the losses.
    colour = alt.Stroke("role:N", scale=alt.Scale(domain=list(roles)), legend=None)
    yield base.mark_point(filled=False, size=330, strokeWidth=2.5, opacity=1.0).encode(stroke=colour)
    yield from outlined_text(base, position, field="role")


def outlined_text(base: alt.Chart, position: LabelPosition, *, field: str) -> Iterator[alt.Chart]:
    """Yield text with an outline in the colour of the paper, readable over any marks.

    Args:
        base: Chart of the rows, with its axes.
        position: Where the text stands.
        field: Field that holds the text.
    """
    for style in ("halo", "note"):
        text = base.mark_text(style=style, align=position.align, dx=position.dx, dy=position.dy, fontWeight=600)
        yield text.encode(text=f"{field}:N")
