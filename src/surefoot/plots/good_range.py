"""The good range: the learning rates that lose little, at each momentum."""

from __future__ import annotations

import math
from collections.abc import Sequence

import altair as alt

from surefoot.numerals import measured, numeral
from surefoot.plots.axes import log_axis
from surefoot.plots.inline import Row, inline
from surefoot.plots.theme import RECOMMENDED, ROLES, RUNNER_UP, finished, layered
from surefoot.search.momentum_rows import is_recommended, momentum_rows
from surefoot.search.result import MomentumRow, SearchResult

BAR_HEIGHT = 40
CROSS = "M-1,-1L1,1M-1,1L1,-1"
# Around the learning rates that are drawn, as a factor; on the right there is room for the losses too.
ROOM, LOSSES = 1.4, 0.16


def good_range(result: SearchResult) -> alt.LayerChart:
    """Return the good learning rates of each momentum as bars, the best as dots, the largest usable as crosses.

    The result must know some of several momenta, or a good range.
    """
    rows = momentum_rows(result)
    rates = [rate for row in rows for rate in (row.lr, row.limit, *_ends(row)) if rate]
    low, high = min(rates) / ROOM, max(rates) * ROOM
    high *= (high / low) ** LOSSES
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    x = alt.X("lr:Q", scale=scale, axis=log_axis(low, high), title="learning rate (peak)")
    drawn = [_bar(row, result) for row in rows]
    y = alt.Y("momentum:N", sort=[str(row["momentum"]) for row in drawn], title="momentum", axis=alt.Axis(ticks=False))
    base = alt.Chart(inline(drawn)).encode(
        y, color=alt.Color("role:N", scale=alt.Scale(domain=list(ROLES)), legend=None), tooltip=_TOOLTIP
    )
    limits = base.transform_filter("datum.limit != null").encode(alt.X("limit:Q", scale=scale))
    layers = [
        base.transform_filter("datum.low != null")
        .mark_bar(height=13, opacity=0.4, cornerRadius=3)
        .encode(alt.X("low:Q", scale=scale), x2="high:Q"),
        limits.mark_rule(strokeWidth=1.2, strokeDash=[2, 3]).encode(x2="lr:Q"),
        limits.mark_point(shape=CROSS, filled=False, size=45, strokeWidth=2.2, opacity=1.0),
        base.mark_point(filled=True, size=100, opacity=1.0).encode(x),
        base.mark_text(align="right", dx=-6, style="note").encode(x=alt.value("width"), text="expected:N"),
    ]
    subtitle = f"{result.task}: bars: good; dots: best; crosses: the largest usable; right: expected loss."
    figure: alt.LayerChart = finished(
        layered(*layers, height=BAR_HEIGHT * len(rows)), _title(result), subtitle=subtitle
    )
    return figure


def _ends(row: MomentumRow) -> Sequence[float]:
    return () if row.good is None else (row.good.low, row.good.high)


def _bar(row: MomentumRow, result: SearchResult) -> Row:
    known = math.isfinite(row.loss)
    return {
        "momentum": numeral(row.momentum),
        "role": RECOMMENDED if is_recommended(row, result) else RUNNER_UP,
        "lr": row.lr,
        "low": None if row.good is None else row.good.low,
        "high": None if row.good is None else row.good.high,
        "limit": row.limit,
        "expected": measured(row.loss) if known else "",
        "best": numeral(row.lr),
        "good": "none" if row.good is None else f"{numeral(row.good.low)} to {numeral(row.good.high)}",
        "largest": "not reached" if row.limit is None else numeral(row.limit),
    }


_TOOLTIP = [
    alt.Tooltip("momentum:N"),
    alt.Tooltip("best:N", title="best learning rate"),
    alt.Tooltip("good:N", title="good learning rates"),
    alt.Tooltip("largest:N", title="largest usable"),
    alt.Tooltip("expected:N", title="expected validation loss"),
]


def _title(result: SearchResult) -> str:
    good, recipe = result.good_range, result.recipe
    if good is None or recipe is None or good.lr.low == good.lr.high:
        return "The learning rates of each momentum"
    rates = f"{numeral(good.lr.low)} to {numeral(good.lr.high)}"
    return f"Good learning rates at momentum {numeral(recipe.momentum.highest)}: {rates}"
