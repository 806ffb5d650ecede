"""The good range: the learning rates that lose little, at each momentum.

The comparison: final validation losses of the recipes that were trained in full, with their intervals.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from surefoot.core.formatting import how_much_lower, measured, numeral
from surefoot.plots.axes import finite, log_axis
from surefoot.plots.theme import RECOMMENDED, ROLES, RUNNER_UP, Row, by_role, finished, inline, layered
from surefoot.recipe.recipe import DEFAULT_RECIPE
from surefoot.search.result import Contestant, MomentumRow, SearchResult

BAR_HEIGHT = 40
CROSS = "M-1,-1L1,1M-1,1L1,-1"
# Around the learning rates that are drawn, as a factor; on the right there is room for the losses too.
ROOM, LOSSES = 1.4, 0.16


def good_range(result: SearchResult) -> alt.LayerChart:
    """Return the good learning rates of each momentum as bars, the best as dots, the largest usable as crosses.

    The result must know some of several momenta, or a good range.
    """
    rows = result.momentum_rows()
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
        "role": RECOMMENDED if result.is_recommended(row) else RUNNER_UP,
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


ROW_HEIGHT = 50
# In a row the name stands above the marks.
NAME_ABOVE, MARKS_BELOW = -13, 9
# Room beside the losses, as a share of their range.
COMPARISON_ROOM = 0.06
# Losses further apart than this factor are on a logarithmic axis.
WIDE = 3.0


def comparison(result: SearchResult) -> alt.LayerChart:
    """Return validation loss with its 90 % interval for every contestant, in their order, and each seed as a tick."""
    low, high, log = _bounds(result.contestants)
    rows = [_row(found, low, high) for found in result.contestants]
    ticks = [tick for found in result.contestants for tick in _ticks(found)]
    kind: dict[str, Any] = {"type": "log"} if log else {"zero": False}
    scale = alt.Scale(domain=[low, high], nice=False, **kind)
    axis = log_axis(low, high, most=6) if log else alt.Axis(tickCount=6)
    title = "validation loss at the end (log scale)" if log else "validation loss at the end"
    x = alt.X("mean:Q", scale=scale, axis=axis, title=title)
    y = alt.Y("recipe:N", sort=[str(row["recipe"]) for row in rows], axis=None)
    base = alt.Chart(inline(rows)).encode(y=y, tooltip=_COMPARISON_TOOLTIP)
    seeds = alt.Chart(inline(ticks)).mark_tick(thickness=1.5, size=16, opacity=0.55, yOffset=MARKS_BELOW)
    left, right = alt.value(0), alt.value("width")
    layers = [
        base.mark_rule(strokeWidth=2.5, clip=True, yOffset=MARKS_BELOW, y2Offset=MARKS_BELOW).encode(
            x=alt.X("low:Q", scale=scale), x2="high:Q", color=by_role()
        ),
        seeds.encode(x=x, y=y, color=by_role()),
        base.mark_point(filled=True, size=130, opacity=1.0, yOffset=MARKS_BELOW).encode(x=x, color=by_role()),
        base.mark_text(align="left", dy=NAME_ABOVE, style="note").encode(x=left, text="name:N"),
        base.mark_text(align="right", dy=NAME_ABOVE, style="note", fontWeight=600).encode(x=right, text="shown:N"),
    ]
    figure: alt.LayerChart = finished(
        layered(*layers, height=ROW_HEIGHT * len(rows)),
        _comparison_title(result),
        subtitle=f"{result.task}: {_seeds(result)}.",
    )
    return figure


def _seeds(result: SearchResult) -> str:
    counts = sorted({found.valid.seeds for found in result.contestants})
    if counts == [1]:
        return f"one training each, of {result.steps:,} steps"
    seeds = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"mean of {seeds} trainings of {result.steps:,} steps (ticks) with its 90 % interval (line)"


def _comparison_title(result: SearchResult) -> str:
    default = result.default
    gain = None if default is None else result.improvement(default)
    if default is None or gain is None or not math.isfinite(gain) or default is result.best:
        return "Validation loss in full training"
    if default.tied or gain <= 1.0:
        return "No clear gain over the default"
    return f"{how_much_lower(gain)} validation loss than the default"


_COMPARISON_TOOLTIP = [
    alt.Tooltip("recipe:N"),
    alt.Tooltip("shown:N", title="validation loss"),
    alt.Tooltip("interval:N", title="90 % interval"),
]


def _row(found: Contestant, low: float, high: float) -> Row:
    score, recipe = found.valid, found.recipe
    known = math.isfinite(score.low) and math.isfinite(score.high)
    lr, momentum = numeral(recipe.lr.highest), numeral(recipe.momentum.highest)
    # Whose learning rate it is need not be said of the default's optimizer.
    optimizer = "" if recipe.optimizer == DEFAULT_RECIPE.optimizer else f"{recipe.optimizer}, "
    tied = ", tied" if found.tied and found.role != "recommended" else ""
    return {
        "name": f"{found.role}{tied} ({optimizer}lr {lr}, momentum {momentum})",
        "role": found.role,
        "recipe": str(recipe),
        "mean": score.mean,
        # An interval that reaches out of the picture ends at its edge.
        "low": max(score.low, low) if known else score.mean,
        "high": min(score.high, high) if known else score.mean,
        "shown": measured(score.mean),
        "interval": f"{measured(score.low)} to {measured(score.high)}" if known else "not known",
    }


def _ticks(found: Contestant) -> Iterator[Row]:
    for loss in finite(run.outcome.loss for run in found.runs):
        yield {"recipe": str(found.recipe), "role": found.role, "mean": loss}


def _bounds(shown: Sequence[Contestant]) -> tuple[float, float, bool]:
    """Return the ends of the loss axis, and whether it is logarithmic."""
    losses = finite(run.outcome.loss for found in shown for run in found.runs) or [1.0]
    ends = [*losses, *finite(end for found in shown for end in (found.valid.low, found.valid.high))]
    low, high = min(ends), max(ends)
    if min(losses) > 0:
        low = max(low, min(losses) / 2)
    if 0 < low * WIDE < high:
        room = (high / low) ** COMPARISON_ROOM
        return low / room, high * room, True
    room = COMPARISON_ROOM * (high - low or abs(high) or 1.0)
    return low - room, high + room, False
