"""The good ranges: the learning rates that lose little, at each momentum."""

from __future__ import annotations

import math

import altair as alt

from surefoot.core.formatting import format_interval, format_measurement, format_number
from surefoot.plots.axes import log_axis
from surefoot.plots.chart import Row, inline_data, layered, titled
from surefoot.plots.theme import RECOMMENDED, RUNNER_UP, role_colour
from surefoot.search.result import MomentumRow, SearchResult
from surefoot.wording.figures import good_range_title

# Height of the row of a momentum, in points.
ROW_HEIGHT = 40
# An SVG path, in a square from -1 to 1.
CROSS_SHAPE = "M-1,-1L1,1M-1,1L1,-1"
# Factor by which the axis goes on beyond the learning rates drawn.
RATE_MARGIN = 1.4
# Room for the expected losses on the right, as a share of the axis.
LOSS_COLUMN_SHARE = 0.16


def good_range(result: SearchResult) -> alt.LayerChart:
    """Return the good learning rates of each momentum as bars, the best as dots, the largest usable as crosses.

    Args:
        result: What find or tune returned, with learning rates by momentum, or a good range.
    """
    momenta = result.momentum_rows()
    rates = [rate for row in momenta for rate in (row.lr, row.limit, *_good_bounds(row)) if rate]
    low, high = min(rates) / RATE_MARGIN, max(rates) * RATE_MARGIN
    high *= (high / low) ** LOSS_COLUMN_SHARE
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    x = alt.X("lr:Q", scale=scale, axis=log_axis(low, high), title="learning rate (peak)")
    rows = [_momentum_row(row, result) for row in momenta]
    y = alt.Y("momentum:N", sort=[str(row["momentum"]) for row in rows], title="momentum", axis=alt.Axis(ticks=False))
    base = alt.Chart(inline_data(rows)).encode(y, color=role_colour(), tooltip=_TOOLTIP)
    limits = base.transform_filter("datum.limit != null").encode(alt.X("limit:Q", scale=scale))
    layers = [
        base.transform_filter("datum.low != null")
        .mark_bar(height=13, opacity=0.4, cornerRadius=3)
        .encode(alt.X("low:Q", scale=scale), x2="high:Q"),
        limits.mark_rule(strokeWidth=1.2, strokeDash=[2, 3]).encode(x2="lr:Q"),
        limits.mark_point(shape=CROSS_SHAPE, filled=False, size=45, strokeWidth=2.2, opacity=1.0),
        base.mark_point(filled=True, size=100, opacity=1.0).encode(x),
        base.mark_text(align="right", dx=-6, style="note").encode(x=alt.value("width"), text="expected:N"),
    ]
    subtitle = f"{result.task}: bars: good; dots: best; crosses: the largest usable; right: expected loss."
    figure: alt.LayerChart = titled(
        layered(*layers, height=ROW_HEIGHT * len(rows)), good_range_title(result), subtitle=subtitle
    )
    return figure


def has_good_range(result: SearchResult) -> bool:
    """Return whether a search knows learning rates by momentum, or a good range, which the figure needs."""
    return bool(result.by_momentum) or (result.good_range is not None and result.recipe is not None)


def _good_bounds(row: MomentumRow) -> tuple[float, ...]:
    return () if row.good is None else (row.good.low, row.good.high)


def _momentum_row(row: MomentumRow, result: SearchResult) -> Row:
    return {
        "momentum": format_number(row.momentum),
        "role": RECOMMENDED if result.is_recommended(row) else RUNNER_UP,
        "lr": row.lr,
        "low": None if row.good is None else row.good.low,
        "high": None if row.good is None else row.good.high,
        "limit": row.limit,
        "expected": format_measurement(row.loss) if math.isfinite(row.loss) else "",
        "best": format_number(row.lr),
        "good": "none" if row.good is None else format_interval(row.good),
        "largest": "not reached" if row.limit is None else format_number(row.limit),
    }


_TOOLTIP = [
    alt.Tooltip("momentum:N"),
    alt.Tooltip("best:N", title="best learning rate"),
    alt.Tooltip("good:N", title="good learning rates"),
    alt.Tooltip("largest:N", title="largest usable"),
    alt.Tooltip("expected:N", title="expected validation loss"),
]
