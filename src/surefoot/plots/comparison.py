"""The comparison: final validation losses of the confirmed recipes with their intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import altair as alt

from surefoot.numerals import how_much_lower, measured, numeral
from surefoot.plots.axes import finite, log_axis
from surefoot.plots.inline import Row, inline
from surefoot.plots.theme import DEFAULT, DEFAULT_SCHEDULED, RECOMMENDED, RUNNER_UP, by_role, finished, layered
from surefoot.recipe import DEFAULT_RECIPE
from surefoot.search.result import Contestant, TuneResult

ROW_HEIGHT = 50
# In a row the name stands above the marks.
NAME_ABOVE, MARKS_BELOW = -13, 9
NOT_WORSE = "not clearly worse"
# Room beside the losses, as a share of their range.
ROOM = 0.06
# Losses further apart than this factor are on a logarithmic axis.
WIDE = 3.0


@dataclass(frozen=True, slots=True)
class Standing:
    """A confirmed recipe in the ranking.

    Attributes:
        role: Whose recipe it is; the key to its colour.
        name: What people call it: the role, and whether the best is clearly better.
        found: The recipe with its scores.
    """

    role: str
    name: str
    found: Contestant


def comparison(result: TuneResult) -> alt.LayerChart:
    """Return validation loss with its 90 % interval for every confirmed recipe, best first, and each seed as a tick."""
    standings = ranking(result)
    low, high, log = _bounds([standing.found for standing in standings])
    rows = [_row(standing, low, high) for standing in standings]
    ticks = [tick for standing in standings for tick in _ticks(standing)]
    kind: dict[str, Any] = {"type": "log"} if log else {"zero": False}
    scale = alt.Scale(domain=[low, high], nice=False, **kind)
    axis = log_axis(low, high, most=6) if log else alt.Axis(tickCount=6)
    title = "validation loss at the end (log scale)" if log else "validation loss at the end"
    x = alt.X("mean:Q", scale=scale, axis=axis, title=title)
    y = alt.Y("recipe:N", sort=[str(row["recipe"]) for row in rows], axis=None)
    base = alt.Chart(inline(rows)).encode(y=y, tooltip=_TOOLTIP)
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
    count = result.default.valid.seeds
    figure: alt.LayerChart = finished(
        layered(*layers, height=ROW_HEIGHT * len(rows)),
        _title(result),
        subtitle=f"{result.task}: mean of {count} fresh seeds (ticks) with its 90 % interval (line).",
    )
    return figure


def ranking(result: TuneResult) -> list[Standing]:
    """Return the confirmed recipes with what they are, best first; a diverged default comes last."""
    present = {found.recipe for found in result.contestants}
    diverged = [found for found in (result.default, result.default_scheduled) if found.recipe not in present]
    return [_standing(result, found) for found in (*result.contestants, *diverged)]


def _standing(result: TuneResult, found: Contestant) -> Standing:
    roles = {result.default_scheduled.recipe: DEFAULT_SCHEDULED, result.default.recipe: DEFAULT}
    role = roles.get(found.recipe, RECOMMENDED if found is result.best else RUNNER_UP)
    if found is result.best or not found.tied:
        return Standing(role, role, found)
    return Standing(role, NOT_WORSE if role == RUNNER_UP else f"{role}: {NOT_WORSE}", found)


def _title(result: TuneResult) -> str:
    gain = result.improvement(result.default)
    if gain is None or not math.isfinite(gain):
        return "Validation loss of the recommended recipe and the default"
    if any(found.tied and found.recipe == result.default.recipe for found in result.contestants):
        return "No clear gain over the default"
    return f"{how_much_lower(gain)} validation loss than the default"


_TOOLTIP = [
    alt.Tooltip("recipe:N"),
    alt.Tooltip("shown:N", title="validation loss"),
    alt.Tooltip("interval:N", title="90 % interval"),
]


def _row(standing: Standing, low: float, high: float) -> Row:
    score, recipe = standing.found.valid, standing.found.recipe
    known = math.isfinite(score.low) and math.isfinite(score.high)
    lr, momentum = numeral(recipe.lr.highest), numeral(recipe.momentum.highest)
    # Whose learning rate it is need not be said of the default's optimizer.
    optimizer = "" if recipe.optimizer == DEFAULT_RECIPE.optimizer else f"{recipe.optimizer}, "
    return {
        "name": f"{standing.name} ({optimizer}lr {lr}, momentum {momentum})",
        "role": standing.role,
        "recipe": str(recipe),
        "mean": score.mean,
        # An interval that reaches out of the picture ends at its edge.
        "low": max(score.low, low) if known else score.mean,
        "high": min(score.high, high) if known else score.mean,
        "shown": measured(score.mean),
        "interval": f"{measured(score.low)} to {measured(score.high)}" if known else "not known",
    }


def _ticks(standing: Standing) -> Iterator[Row]:
    for loss in finite(run.outcome.loss for run in standing.found.runs):
        yield {"recipe": str(standing.found.recipe), "role": standing.role, "mean": loss}


def _bounds(shown: list[Contestant]) -> tuple[float, float, bool]:
    """Return the ends of the loss axis, and whether it is logarithmic."""
    losses = finite(run.outcome.loss for found in shown for run in found.runs) or [1.0]
    ends = [*losses, *finite(end for found in shown for end in (found.valid.low, found.valid.high))]
    low, high = min(ends), max(ends)
    if min(losses) > 0:
        low = max(low, min(losses) / 2)
    if 0 < low * WIDE < high:
        room = (high / low) ** ROOM
        return low / room, high * room, True
    room = ROOM * (high - low or abs(high) or 1.0)
    return low - room, high + room, False
