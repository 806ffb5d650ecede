"""Axes whose ticks can be read: whole decades, or 1, 2, 5 where there are few of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

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
