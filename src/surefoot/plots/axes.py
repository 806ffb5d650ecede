"""Axes whose ticks can be read: whole decades, or 1, 2, 5 where there are few of them.

Names beside what they name, where they hide the least.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import altair as alt

# From the coarsest to the finest; the first that gives enough ticks is taken.
MANTISSAS = (
    (1.0,),
    (1.0, 2.0, 5.0),
    (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0),
    (1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 9.0),
)
ENOUGH = 3
# Room beside the lowest and the highest loss on a logarithmic axis.
MARGIN = 1.1
MOMENTUM_TICKS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)


def log_ticks(low: float, high: float, *, most: int = 8) -> list[float]:
    """Return the round numbers between two positive bounds, for a logarithmic axis.

    Example:
        >>> log_ticks(0.3, 8.0)
        [0.5, 1.0, 2.0, 5.0]
        >>> log_ticks(1e-6, 1e3, most=5)
        [1e-06, 0.0001, 0.01, 1.0, 100.0]
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for steps in MANTISSAS:
        ticks = [float(f"{step}e{power}") for power in range(first, last + 1) for step in steps]
        inside = [tick for tick in ticks if low <= tick * (1 + 1e-9) and tick <= high * (1 + 1e-9)]
        if ENOUGH <= len(inside) <= most:
            return inside
    decades = [tick for tick in (float(f"1e{power}") for power in range(first, last + 1)) if low <= tick <= high]
    return decades[:: max(1, math.ceil(len(decades) / most))]


def linear_ticks(low: float, high: float, *, most: int) -> list[float]:
    """Return round numbers at even distances between two bounds, at most so many.

    Example:
        >>> linear_ticks(0.0, 0.3, most=4)
        [0.0, 0.1, 0.2, 0.3]
    """
    rough = (high - low) / max(1, most - 1)
    if rough <= 0:
        return [low]
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(nice * size for nice in (1.0, 2.0, 2.5, 5.0, 10.0) if nice * size >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [float(f"{number * step:.10g}") for number in range(first, math.floor(high / step + 1e-9) + 1)]


def log_axis(low: float, high: float, *, most: int = 8, grid: bool = True) -> alt.Axis:
    """Return a logarithmic axis from ``low`` to ``high``; short ones, without two round numbers, choose their own."""
    ticks = log_ticks(low, high, most=most)
    values = {"values": ticks} if len(ticks) > 1 else {"tickCount": 4}
    return alt.Axis(format="~g", grid=grid, zindex=0 if grid else 1, labelOverlap=True, **values)


def loss_scale(losses: Sequence[float], *, ceiling: float | None = None) -> tuple[alt.Scale, alt.Axis]:
    """Return scale and axis for losses: logarithmic where all are positive, linear where not.

    Args:
        losses: The finite ones.
        ceiling: Where the axis ends, if some losses are to run out of the picture.
    """
    low, high = min(losses), max(losses) if ceiling is None else ceiling
    if low <= 0:
        return alt.Scale(zero=False, nice=True, domainMax=high), alt.Axis(tickCount=6)
    low, high = low / MARGIN, max(high, low * 1.05) * (MARGIN if ceiling is None else 1.0)
    return alt.Scale(type="log", domain=[low, high], nice=False), log_axis(low, high, most=7)


def momentum_ticks(largest: float) -> list[float]:
    """Return the momenta to label on an axis of ``1 - momentum`` that reaches up to a largest momentum."""
    inside = [tick for tick in MOMENTUM_TICKS if tick <= largest + 1e-9]
    return [round(1.0 - tick, 6) for tick in inside]


def finite(values: Iterable[float | None]) -> list[float]:
    """Return the finite ones."""
    return [value for value in values if value is not None and math.isfinite(value)]


# Where something lies, as shares of the axes from the top left.
Place: TypeAlias = tuple[float, float]
# Width of a letter and of pictures, the usual one and a telephone's, and from a ring to its name; in points.
LETTER, USUAL, NARROW, AWAY = 7.0, 560.0, 240.0, 14


@dataclass(frozen=True, slots=True)
class Side:
    """Where a name stands relative to its ring.

    Attributes:
        align, dx, dy: Its anchor and offset in points.
        box: What it covers (left, right, above, below) as shares of a picture of usual width.
        room: How far it reaches to the left and right in the narrowest picture, a telephone's.
    """

    align: Literal["left", "center", "right"]
    dx: int
    dy: int
    box: tuple[float, float, float, float]
    room: tuple[float, float]

    def covered(self, place: Place) -> list[Place]:
        """Return places all over the name of what lies at a place."""
        left, right, above, below = self.box
        steps = (0.0, 0.25, 0.5, 0.75, 1.0)
        return [
            (place[0] + left + (right - left) * x, place[1] + above + (below - above) * y) for x in steps for y in steps
        ]


def sides(name: str) -> tuple[Side, ...]:
    """Return where a name can stand: to the right, to the left, above, below."""
    usual, narrow = (LETTER * len(name) / width for width in (USUAL, NARROW))
    aside, reach = AWAY / USUAL, AWAY / NARROW + narrow
    return (
        Side("left", AWAY, 0, (aside, aside + usual, -0.03, 0.03), (0.0, reach)),
        Side("right", -AWAY, 0, (-aside - usual, -aside, -0.03, 0.03), (-reach, 0.0)),
        Side("center", 0, -20, (-usual / 2, usual / 2, -0.09, -0.03), (-narrow / 2, narrow / 2)),
        Side("center", 0, 20, (-usual / 2, usual / 2, 0.03, 0.09), (-narrow / 2, narrow / 2)),
    )


def freest(name: str, place: Place, taken: Sequence[Place]) -> Side:
    """Return the side of a place that lies in the picture and where the name hides the fewest of what is taken."""
    return min(sides(name), key=lambda side: hidden(side, place, taken))


def hidden(side: Side, place: Place, taken: Sequence[Place]) -> int:
    """Return how many of what is taken a name hides; more than all where it leaves the picture."""
    across, down = place
    left, right, above, below = side.box
    outside = across + side.room[0] < 0 or across + side.room[1] > 1 or not 0 <= down + above <= down + below <= 1
    return (
        sum(left <= x - across <= right and above <= y - down <= below for x, y in taken) + (len(taken) + 1) * outside
    )


def ring(base: alt.Chart, side: Side, *, roles: Sequence[str]) -> Iterator[alt.Chart]:
    """Yield a ring around one row, with its ``role`` as its name and for its colour.

    Args:
        base: The row on its axes.
        side: Where the name stands.
        roles: All that there are, in the order of their colours.
    """
    # Not the colour channel: that one is the losses'.
    colour = alt.Stroke("role:N", scale=alt.Scale(domain=list(roles)), legend=None)
    yield base.mark_point(filled=False, size=330, strokeWidth=2.5, opacity=1.0).encode(stroke=colour)
    yield from written(base, side, field="role")


def written(base: alt.Chart, side: Side, *, field: str) -> Iterator[alt.Chart]:
    """Yield the text in a field, readable over whatever lies under it."""
    for style in ("halo", "note"):
        text = base.mark_text(style=style, align=side.align, dx=side.dx, dy=side.dy, fontWeight=600)
        yield text.encode(text=f"{field}:N")
