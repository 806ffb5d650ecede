"""The heat map: where in learning rate and momentum the loss is low."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import altair as alt
import numpy as np
from numpy.typing import NDArray

from surefoot.core.formatting import numeral
from surefoot.core.values import Interval
from surefoot.plots.axes import finite, freest, log_ticks, ring
from surefoot.plots.theme import DEFAULT, RECOMMENDED, ROLES, Row, finished, inline, layered
from surefoot.plots.trial_points import Frame, TrialPoint, lengths, trial_points
from surefoot.recipe.recipe import Recipe
from surefoot.search.result import SearchResult

# A loss this many times the best is as bad as any other.
WORST_RATIO = 30.0
# The colours span at least this factor, and what all but the worst settings have and half as much again, in logarithms.
LEAST_WORST, MOST = 1.5, 0.8
# How much paper lies over the shading, so that dots stand out.
VEIL = 0.5
# Area of a dot, in square points: of the shortest training, and how much larger that of the longest is.
SMALLEST, GROWTH = 40.0, 150.0
# The shading between the dots: cells of the grid, width of the kernel and its reach, as shares of the axes.
CELLS = (44, 26)
KERNEL, REACH = 0.07, 0.16
# They suit so many dots, and widen where there are fewer, up to a factor.
TYPICAL_POINTS, WIDEST = 50, 2.0
# Momenta nearer than this make no outline that could be seen.
NARROW = 0.02
# At most so many lengths have a size in the legend.
MOST_SIZES = 6


def heat_map(result: SearchResult) -> alt.LayerChart:
    """Return the losses of all trials over learning rate and momentum.

    A dot is a setting, its size the length of its training, its colour its validation loss relative to the best of
    those trained as long: a short training is not blamed for being short. The shading interpolates. The good range is
    a bar at the recommended momentum; where it is known of several momenta, an outline.
    A learning rate means another thing to every optimizer: where several were searched, one is drawn.
    """
    every = trial_points(result.measurements, judge=result.aim.judge)
    optimizer = _drawn_optimizer(result, every)
    points = [point for point in every if point.recipe.optimizer == optimizer]
    marked = _marked(result, optimizer)
    good = _good_ranges(result, optimizer)
    corners = [(lr, momentum) for momentum, rates in good for lr in (rates.low, rates.high)]
    frame = Frame.around([*((each.lr, each.momentum) for each in points), *(row[1:] for row in marked), *corners])
    trained = any(math.isfinite(point.relative) for point in points)
    coloured = [*_shading(points, frame), _dots(points, frame)] if trained else []
    layers = [*coloured, _crosses(points, frame), *_good(good, frame), *_rings(marked, points, frame)]
    recipe = result.recipe
    around = "" if recipe is None or recipe.optimizer != optimizer else f": around {_setting(recipe)}"
    tried = f"{len({point.recipe for point in points})} settings in {len(points)} trials"
    if len(points) < len(every):
        tried += f" with {optimizer}; {len(every) - len(points)} trials of other optimizers are not drawn"
    crosses = " Crosses diverged." if any(not math.isfinite(point.relative) for point in points) else ""
    outline = f" {'Outline' if len(good) > 1 else 'Bar'}: the good range." if good else ""
    figure: alt.LayerChart = finished(
        layered(*layers), f"Where the loss is low{around}", subtitle=f"{result.task}: {tried}.{crosses}{outline}"
    )
    return figure


def _drawn_optimizer(result: SearchResult, points: Sequence[TrialPoint]) -> str:
    """Return the recommended recipe's optimizer, or the first that was tried where that one was not searched."""
    tried = [point.recipe.optimizer for point in points]
    recommended = None if result.recipe is None else result.recipe.optimizer
    return recommended if recommended in tried or not tried else tried[0]  # type: ignore[return-value]  # no None in it


def _setting(recipe: Recipe) -> str:
    return f"learning rate {numeral(recipe.lr.highest)}, momentum {numeral(recipe.momentum.highest)}"


def _good_ranges(result: SearchResult, optimizer: str) -> list[tuple[float, Interval]]:
    """Return the good learning rates of the good momenta, ascending."""
    good, recipe = result.good_range, result.recipe
    if good is None or recipe is None or recipe.optimizer != optimizer or good.lr.low == good.lr.high:
        return []
    found = {
        row.momentum: row.good
        for row in result.by_momentum
        if row.good is not None and good.momentum is not None and row.momentum in good.momentum
    }
    if max(found, default=0.0) - min(found, default=0.0) < NARROW:
        found = {}
    return sorted({**found, recipe.momentum.highest: good.lr}.items())


def _good(ranges: Sequence[tuple[float, Interval]], frame: Frame) -> Iterator[alt.Chart]:
    """Yield the outline of the good settings, or a bar with ends where there is one momentum only."""
    low = [(rates.low, 1.0 - momentum) for momentum, rates in ranges]
    high = [(rates.high, 1.0 - momentum) for momentum, rates in reversed(ranges)]
    corners = [*low, *high, *low[:1]] if len(ranges) > 1 else [*low, *high]
    rows: list[Row] = [{"lr": lr, "gap": gap, "order": number} for number, (lr, gap) in enumerate(corners)]
    base = alt.Chart(inline(rows)).encode(frame.x(), frame.y(), order="order:Q")
    yield base.mark_line(style="paper", strokeWidth=4, opacity=0.8, strokeJoin="round")
    yield base.mark_line(style="drawn", strokeWidth=1.8, strokeJoin="round")
    if len(ranges) == 1:
        ends = alt.Chart(inline(rows)).encode(frame.x(), frame.y())
        yield ends.mark_tick(style="ink", thickness=1.8, size=12, orient="vertical")


def _colour(points: Sequence[TrialPoint]) -> alt.Color:
    worst = _worst(points)
    scale = alt.Scale(type="log", domain=[1.0, worst], clamp=True, nice=False, range="heatmap")
    beyond = any(point.relative > worst * 1.01 for point in points if math.isfinite(point.relative))
    title = f"loss, times the best of that length{f' (yellow: {numeral(worst)} and more)' if beyond else ''}"
    values = log_ticks(1.0, worst, most=6)
    # Opaque, so that the dots' legend and the shading's are one.
    legend = alt.Legend(
        orient="bottom", title=title, format="~g", values=values, direction="horizontal", gradientOpacity=1.0
    )
    return alt.Color("relative:Q", scale=scale, legend=legend)


def _worst(points: Sequence[TrialPoint]) -> float:
    """Return the relative loss at which the colours end: a few far worse settings shall not make all others alike."""
    found = finite(point.relative for point in points) or [1.0]
    usual = float(np.quantile(found, MOST))
    return float(min(WORST_RATIO, max(LEAST_WORST, min(max(found), usual**1.5))))


def _dots(points: Sequence[TrialPoint], frame: Frame) -> alt.Chart:
    rows = [_row(point) for point in points if math.isfinite(point.relative)]
    known = lengths(points)
    sizes = [SMALLEST + GROWTH * (number / max(1, len(known) - 1)) for number in range(len(known))]
    every = math.ceil(len(known) / MOST_SIZES)
    size = alt.Size(
        "steps:O",
        scale=alt.Scale(type="ordinal", domain=known, range=sizes),
        legend=alt.Legend(
            orient="top",
            title="steps trained",
            direction="horizontal",
            symbolStrokeWidth=0.7,
            values=known[::-1][::every][::-1],
            format=",d",
        ),
    )
    # Small dots lie above large ones.
    order = alt.Order("steps:Q", sort="descending")
    chart: alt.Chart = (
        alt.Chart(inline(rows))
        .mark_point(filled=True, opacity=1.0, style="ink", strokeWidth=0.7)
        .encode(frame.x(), frame.y(), color=_colour(points), size=size, order=order, tooltip=_TOOLTIP)
    )
    return chart


def _crosses(points: Sequence[TrialPoint], frame: Frame) -> alt.Chart:
    rows = [_row(point) for point in points if not math.isfinite(point.relative)]
    chart: alt.Chart = (
        alt.Chart(inline(rows))
        .mark_text(text="✕", style="note", fontSize=11, fontWeight=600)
        .encode(frame.x(), frame.y(), tooltip=_TOOLTIP)
    )
    return chart


_TOOLTIP = [
    alt.Tooltip("recipe:N"),
    alt.Tooltip("loss:N", title="validation loss"),
    alt.Tooltip("times:N", title="times the best of that length"),
    alt.Tooltip("steps:Q", title="steps", format=",d"),
    alt.Tooltip("seeds:Q", title="seeds"),
]


def _row(point: TrialPoint) -> Row:
    return {
        "lr": point.lr,
        "gap": 1.0 - point.momentum,
        "relative": point.relative,
        "recipe": str(point.recipe),
        "loss": numeral(point.loss),
        "times": numeral(point.relative),
        "steps": point.steps,
        "seeds": point.seeds,
    }


def _shading(points: Sequence[TrialPoint], frame: Frame) -> Iterator[alt.Chart]:
    """Yield the picture between the dots, and a veil over it: a mean of their log losses, the nearer the heavier.

    It is drawn near dots only. Every cell reaches under the next ones, so that nothing shines through between them.
    """
    columns, rows = CELLS
    x = np.geomspace(*frame.lr, columns + 1)
    y = np.geomspace(*frame.gap, rows + 1)
    middles = [(np.sqrt(x[i] * x[i + 1]), np.sqrt(y[j] * y[j + 1])) for i in range(columns) for j in range(rows)]
    levels = _interpolated(points, frame, np.array([frame.place(*middle) for middle in middles])).reshape(CELLS)
    there = np.pad(np.isfinite(levels), ((0, 1), (0, 1)))
    cells: list[Row] = [
        {
            "lr": float(x[i]),
            "right": float(x[i + 2 if there[i + 1, j] else i + 1]),
            "gap": float(y[j]),
            "top": float(y[j + 2 if there[i, j + 1] else j + 1]),
            "relative": float(levels[i, j]),
        }
        for i, j in np.ndindex(CELLS)
        if there[i, j]
    ]
    corners = {"x2": "right:Q", "y2": "top:Q"}
    shaded = alt.Chart(inline(cells)).mark_rect(opacity=1.0)
    yield shaded.encode(frame.x(), frame.y(), color=_colour(points), **corners)
    whole: Row = {"lr": frame.lr[0], "right": frame.lr[1], "gap": frame.gap[0], "top": frame.gap[1]}
    veil = alt.Chart(inline([whole])).mark_rect(style="paper", opacity=VEIL)
    yield veil.encode(frame.x(), frame.y(), **corners)


def _interpolated(points: Sequence[TrialPoint], frame: Frame, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the interpolated relative at some places ``[cells, 2]``, NaN where no dot is near."""
    known = np.array([frame.place(point.lr, 1.0 - point.momentum) for point in points])
    levels = np.log([min(point.relative, WORST_RATIO) for point in points])
    distance = np.linalg.norm(places[:, None] - known[None], axis=-1)
    wider = min(WIDEST, math.sqrt(TYPICAL_POINTS / len(points)))
    weights = np.exp(-0.5 * (distance / (KERNEL * wider)) ** 2) + 1e-12
    return np.where(distance.min(1) <= REACH * wider, np.exp(weights @ levels / weights.sum(1)), np.nan)


def _marked(result: SearchResult, optimizer: str) -> list[tuple[str, float, float]]:
    """Return the default and the recommended recipe with learning rate and momentum, if they are an optimizer's."""
    chosen = [] if result.default is None else [(DEFAULT, result.default.recipe)]
    if result.recipe is not None and result.recipe not in [recipe for _, recipe in chosen]:
        chosen.append((RECOMMENDED, result.recipe))
    return [
        (role, recipe.lr.highest, recipe.momentum.highest) for role, recipe in chosen if recipe.optimizer == optimizer
    ]


def _rings(
    marked: Sequence[tuple[str, float, float]], points: Sequence[TrialPoint], frame: Frame
) -> Iterator[alt.Chart]:
    """Yield rings around the marked settings, with their names beside them where they hide the fewest dots."""
    taken = [frame.place(point.lr, 1.0 - point.momentum) for point in points]
    for role, lr, momentum in marked:
        row: Row = {"lr": lr, "gap": 1.0 - momentum, "role": role}
        side = freest(role, frame.place(lr, 1.0 - momentum), taken)
        yield from ring(alt.Chart(inline([row])).encode(frame.x(), frame.y()), side, roles=ROLES)
