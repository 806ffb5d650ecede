"""The frontier: the best loss that each length of training gives."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import altair as alt

from surefoot.core.formatting import measured, numeral
from surefoot.plots.axes import finite, loss_scale
from surefoot.plots.theme import RECOMMENDED, ROLES, Row, finished, inline, layered
from surefoot.plots.trial_points import TrialPoint, trial_points
from surefoot.search.result import FrontierPoint, SearchResult

# Room beside the shortest and the longest training, as a factor.
ROOM = 1.25
# How far above the highest point of the frontier trials are drawn: as a factor, and as a share of the losses' range;
# and how far below its lowest, as a factor: the loss of a single small training may be next to nothing.
HEADROOM, SHARE, BELOW = 3.0, 0.5, 10.0
# Points of the frontier nearer than this share of the axis do not both have their learning rate written at them.
APART = 0.07


def frontier(result: SearchResult) -> alt.LayerChart:
    """Return the expected loss over the length of training, with its 90 % interval and the trials behind it.

    A filled point is a length that was tried, an empty one is extrapolated; the number at it is the learning rate that
    gives it. The result must have a frontier.
    """
    points = [point for point in result.frontier if math.isfinite(point.loss)]
    metric = result.aim.goal == "metric"
    low, high = points[0].steps / ROOM, points[-1].steps * ROOM
    trials = _trials(result)
    shown, ceiling = ([*trials], None) if metric else _in_sight(points, trials)
    bounds = finite(end for point in points for end in (point.low, point.high))
    values = [*bounds, *(point.loss for point in points), *(value for _, value in shown)]
    scale, axis = _linear(values) if metric else loss_scale(values, ceiling=ceiling)
    x = alt.X(
        "steps:Q",
        title="steps of the training (log scale)",
        scale=alt.Scale(type="log", domain=[low, high], nice=False),
        axis=alt.Axis(values=_ticks([point.steps for point in points]), format=",d", labelOverlap=True),
    )
    y = alt.Y("loss:Q", title="validation metric" if metric else "validation loss", scale=scale, axis=axis)
    base = alt.Chart(inline([_row(point) for point in points])).encode(x, y, tooltip=_TOOLTIP)
    colour = alt.Color("role:N", scale=alt.Scale(domain=list(ROLES)), legend=None)
    layers = [
        base.mark_area(opacity=0.18, clip=True).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q", color=colour),
        alt.Chart(inline([{"steps": each.steps, "loss": value, "recipe": str(each.recipe)} for each, value in shown]))
        .mark_point(filled=True, size=22, opacity=0.3, style="drawn", clip=True)
        .encode(x, y, tooltip=["recipe:N", "loss:Q", "steps:Q"]),
        *_recommended(result, x),
        *_lines(points, x, y, colour),
        base.transform_filter("datum.trials > 0").mark_point(filled=True, size=90, opacity=1.0).encode(color=colour),
        base.transform_filter("datum.trials == 0").mark_point(style="paper", filled=True, size=90, opacity=1.0),
        base.transform_filter("datum.trials == 0")
        .mark_point(filled=False, size=80, strokeWidth=2, opacity=1.0)
        .encode(color=colour),
        *_rates(points, x, y),
    ]
    figure: alt.LayerChart = finished(layered(*layers), _title(result, points), subtitle=_subtitle(result, points))
    return figure


def _trials(result: SearchResult) -> list[tuple[TrialPoint, float]]:
    """Return the trials with what was to be made good: their loss, or their metric."""
    every = trial_points(result.measurements, judge=result.aim.judge)
    valued = [(trial, trial.metric if result.aim.goal == "metric" else trial.loss) for trial in every]
    return [(trial, value) for trial, value in valued if value is not None and math.isfinite(value)]


def _linear(values: Sequence[float]) -> tuple[alt.Scale, alt.Axis]:
    return alt.Scale(zero=False, nice=True, domain=[min(values), max(values)]), alt.Axis(tickCount=6)


def _in_sight(
    points: Sequence[FrontierPoint], trials: Sequence[tuple[TrialPoint, float]]
) -> tuple[list[tuple[TrialPoint, float]], float | None]:
    """Return the trials that are not far from the frontier, and where the axis ends if some are above that."""
    ends = finite(end for point in points for end in (point.loss, point.high))
    lowest, highest = min(point.loss for point in points), max(ends)
    ceiling = highest * HEADROOM if lowest > 0 else highest + SHARE * (highest - lowest or abs(highest) or 1.0)
    floor = min(lowest, *finite(point.low for point in points)) / BELOW if lowest > 0 else -math.inf
    shown = [(trial, loss) for trial, loss in trials if floor < loss <= ceiling]
    return shown, ceiling if any(loss > ceiling for _, loss in trials) else None


def _ticks(steps: Sequence[int]) -> list[int]:
    """Return the lengths of the frontier as ticks, those left out that lie close to a longer one."""
    span = math.log(steps[-1] / steps[0]) or 1.0
    kept = [steps[-1]]
    for each in reversed(steps[:-1]):
        if math.log(kept[0] / each) / span >= APART:
            kept.insert(0, each)
    return kept


def _lines(points: Sequence[FrontierPoint], x: alt.X, y: alt.Y, colour: alt.Color) -> Iterator[alt.Chart]:
    """Yield the line through the points; dashed where it leads to one that is extrapolated."""
    for dashed in (False, True):
        pairs = [pair for pair in pairwise(points) if (pair[1].trials == 0 or pair[0].trials == 0) == dashed]
        rows: list[Row] = [{**_row(point), "pair": number} for number, pair in enumerate(pairs) for point in pair]
        yield (
            alt.Chart(inline(rows))
            .mark_line(strokeDash=[5, 4] if dashed else [1, 0])
            .encode(x, y, detail="pair:N", color=colour)
        )


def _rates(points: Sequence[FrontierPoint], x: alt.X, y: alt.Y) -> Iterator[alt.Chart]:
    """Yield the learning rate above each point that has room for it."""
    ticks = set(_ticks([point.steps for point in points]))
    rows = [
        {**_row(point), "text": f"lr {numeral(point.recipe.lr.highest)}"} for point in points if point.steps in ticks
    ]
    base = alt.Chart(inline(rows)).encode(x, y, text="text:N")
    for style in ("halo", "note"):
        yield base.mark_text(style=style, dy=-15)


def _recommended(result: SearchResult, x: alt.X) -> Iterator[alt.Chart]:
    """Yield a line at the recommended length, with its name at the top."""
    if result.recipe is None or result.steps not in [point.steps for point in result.frontier]:
        return
    first = result.steps <= math.sqrt(result.frontier[0].steps * result.frontier[-1].steps)
    row: Row = {"steps": result.steps, "text": f"{RECOMMENDED}: {result.steps:,} steps"}
    base = alt.Chart(inline([row])).encode(x)
    yield base.mark_rule(strokeDash=[2, 3], strokeWidth=1.5)
    name = base.mark_text(align="left" if first else "right", dx=6 if first else -6, dy=8, style="note", fontWeight=600)
    yield name.encode(y=alt.value(0), text="text:N")


def _row(point: FrontierPoint) -> Row:
    known = math.isfinite(point.low) and math.isfinite(point.high)
    return {
        "role": RECOMMENDED,
        "steps": point.steps,
        "loss": point.loss,
        "low": point.low if known else point.loss,
        "high": point.high if known else point.loss,
        "trials": point.trials,
        "recipe": str(point.recipe),
        "expected": measured(point.loss),
        "interval": f"{measured(point.low)} to {measured(point.high)}" if known else "not known",
    }


_TOOLTIP = [
    alt.Tooltip("recipe:N"),
    alt.Tooltip("steps:Q", format=",d"),
    alt.Tooltip("expected:N", title="expected"),
    alt.Tooltip("interval:N", title="90 % interval"),
    alt.Tooltip("trials:Q"),
]


def _title(result: SearchResult, points: Sequence[FrontierPoint]) -> str:
    if result.overfits_after is not None:
        return f"After {result.overfits_after:,} steps the best loss rises"
    first, last = points[0], points[-1]
    if result.aim.goal == "metric" or len(points) < 2 or not 0 < last.loss < first.loss:
        return "What each length of training gives"
    times = numeral(last.steps / first.steps, digits=2)
    return f"{times}x the steps: loss {measured(first.loss)} becomes {measured(last.loss)}"


def _subtitle(result: SearchResult, points: Sequence[FrontierPoint]) -> str:
    empty = " Empty: extrapolated." if any(not point.trials for point in points) else ""
    return f"{result.task}: the best expected of each length, band: 90 % interval, grey dots: trials.{empty}"
