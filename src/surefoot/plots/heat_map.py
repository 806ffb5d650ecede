"""The heat map: where in learning rate and momentum the loss is low."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence, Set
from dataclasses import replace

import altair as alt
import numpy as np
from numpy.typing import NDArray

from surefoot.numerals import numeral
from surefoot.plots.axes import finite, log_ticks
from surefoot.plots.frame import Frame
from surefoot.plots.inline import Row, inline
from surefoot.plots.labels import freest, ring
from surefoot.plots.spots import Spot, badness_of, spots_of
from surefoot.plots.theme import DEFAULT, RECOMMENDED, ROLES, finished, layered
from surefoot.recipe import Recipe
from surefoot.search.result import TuneResult

# A loss this many times the best is as bad as any other.
WORST_RATIO = 30.0
# The colours span at least this factor, and what all but the worst settings have and half as much again, in logarithms.
LEAST_WORST, MOST = 1.5, 0.8
# How much paper lies over the shading, so that dots stand out.
VEIL = 0.5
# Area of a dot, in square points, without any training and its growth up to a full one.
SMALLEST, GROWTH = 15.0, 175.0
# The shading between the dots: cells of the grid, width of the kernel and its reach, as shares of the axes.
CELLS = (44, 26)
KERNEL, REACH = 0.07, 0.16
# They suit so many dots, and widen where there are fewer, up to a factor.
TYPICAL_SPOTS, WIDEST = 50, 2.0


def heat_map(result: TuneResult) -> alt.LayerChart:
    """Return the losses of all settings that the search tried, over learning rate and momentum.

    A dot is a setting, its size how far it was trained, its colour its validation loss relative to the best of those
    trained as long: a training that was stopped early is not blamed for being short. What was only confirmed is there
    by its mean over fresh seeds, relative to the best of those. The shading interpolates.
    A learning rate means another thing to every optimizer: where several were searched, one is drawn.
    """
    every = spots_of(result.measurements)
    optimizer = _drawn_optimizer(result, every)
    searched = [spot for spot in every if spot.found.trial.recipe.optimizer == optimizer]
    spots = [*searched, *_confirmed(result, optimizer, known={spot.found.trial.recipe for spot in searched})]
    marked = _marked(result, optimizer)
    frame = Frame.around([*((spot.lr, spot.momentum) for spot in spots), *((row[1], row[2]) for row in marked)])
    trained = any(math.isfinite(spot.badness) for spot in spots)
    coloured = [*_shading(spots, frame), _dots(spots, frame)] if trained else []
    layers = [*coloured, _crosses(spots, frame), *_rings(marked, spots, frame)]
    chart = layered(*layers)
    crosses = " Crosses diverged." if any(not math.isfinite(spot.badness) for spot in spots) else ""
    best = result.best
    around = "" if best is None or best.recipe.optimizer != optimizer else f": around {_setting(best.recipe)}"
    tried = f"{len(searched)} settings tried"
    if len(searched) < len(every):
        tried = (
            f"{len(searched)} settings of {optimizer}; {len(every) - len(searched)} of other optimizers are not drawn"
        )
    subtitle = f"{result.task}: {tried}.{crosses}"
    figure: alt.LayerChart = finished(chart, f"Where the loss is low{around}", subtitle=subtitle)
    return figure


def _confirmed(result: TuneResult, optimizer: str, *, known: Set[Recipe]) -> list[Spot]:
    """Return the confirmed settings that the search itself has not trained, each against the best of the confirmed.

    The default under the recommended schedule has no place of its own beside the default.
    """
    fresh = [
        found
        for found in result.contestants
        if found.recipe.optimizer == optimizer and found.recipe not in {*known, result.default_scheduled.recipe}
    ]
    best = min((found.valid.mean for found in result.contestants), default=math.nan)
    return [
        Spot(
            found.recipe.lr.highest,
            found.recipe.momentum.highest,
            badness_of(found.valid.mean, best, positive=best > 0),
            replace(found.runs[0], outcome=replace(found.runs[0].outcome, loss=found.valid.mean)),
        )
        for found in fresh
        if found.runs and math.isfinite(found.valid.mean)
    ]


def _drawn_optimizer(result: TuneResult, spots: Sequence[Spot]) -> str:
    """Return the recommended recipe's optimizer, or the first that was tried where that one was not searched."""
    tried = [spot.found.trial.recipe.optimizer for spot in spots]
    recommended = None if result.best is None else result.best.recipe.optimizer
    return recommended if recommended in tried else tried[0]


def _setting(recipe: Recipe) -> str:
    return f"learning rate {numeral(recipe.lr.highest)}, momentum {numeral(recipe.momentum.highest)}"


def _colour(spots: Sequence[Spot]) -> alt.Color:
    worst = _worst(spots)
    scale = alt.Scale(type="log", domain=[1.0, worst], clamp=True, nice=False, range="heatmap")
    beyond = any(spot.badness > worst * 1.01 for spot in spots if math.isfinite(spot.badness))
    title = f"loss, times the best of equal length{f' (yellow: {numeral(worst)} and more)' if beyond else ''}"
    values = log_ticks(1.0, worst, most=6)
    # Opaque, so that the dots' legend and the shading's are one.
    legend = alt.Legend(
        orient="bottom", title=title, format="~g", values=values, direction="horizontal", gradientOpacity=1.0
    )
    return alt.Color("badness:Q", scale=scale, legend=legend)


def _worst(spots: Sequence[Spot]) -> float:
    """Return the badness at which the colours end: a few far worse settings shall not make all others alike."""
    found = finite(spot.badness for spot in spots) or [1.0]
    usual = float(np.quantile(found, MOST))
    return float(min(WORST_RATIO, max(LEAST_WORST, min(max(found), usual**1.5))))


def _dots(spots: Sequence[Spot], frame: Frame) -> alt.Chart:
    rows = [_row(spot) for spot in spots if math.isfinite(spot.badness)]
    shares = sorted({(spot.share, spot.trained) for spot in spots})
    sizes = {trained: SMALLEST + GROWTH * float(share) for share, trained in shares}
    size = alt.Size(
        "trained:O",
        scale=alt.Scale(type="ordinal", domain=[*sizes], range=[*sizes.values()]),
        legend=alt.Legend(
            orient="top", title="trained, of a full training", direction="horizontal", symbolStrokeWidth=0.7
        ),
    )
    # Small dots lie above large ones.
    order = alt.Order("steps:Q", sort="descending")
    chart: alt.Chart = (
        alt.Chart(inline(rows))
        .mark_point(filled=True, opacity=1.0, style="ink", strokeWidth=0.7)
        .encode(frame.x(), frame.y(), color=_colour(spots), size=size, order=order, tooltip=_TOOLTIP)
    )
    return chart


def _crosses(spots: Sequence[Spot], frame: Frame) -> alt.Chart:
    rows = [_row(spot) for spot in spots if not math.isfinite(spot.badness)]
    chart: alt.Chart = (
        alt.Chart(inline(rows))
        .mark_text(text="✕", style="note", fontSize=11, fontWeight=600)
        .encode(frame.x(), frame.y(), tooltip=_TOOLTIP)
    )
    return chart


_TOOLTIP = [
    alt.Tooltip("recipe:N"),
    alt.Tooltip("loss:N", title="validation loss"),
    alt.Tooltip("relative:N", title="times the best of equal length"),
    alt.Tooltip("length:N", title="steps"),
]


def _row(spot: Spot) -> Row:
    found = spot.found
    return {
        "lr": spot.lr,
        "gap": 1.0 - spot.momentum,
        "badness": spot.badness,
        "trained": spot.trained,
        "recipe": str(found.trial.recipe),
        "loss": numeral(found.outcome.loss),
        "relative": numeral(spot.badness),
        "length": f"{found.taken} of {found.trial.steps}",
        "steps": found.taken,
    }


def _shading(spots: Sequence[Spot], frame: Frame) -> Iterator[alt.Chart]:
    """Yield the picture between the dots, and a veil over it: a mean of their log losses, the nearer the heavier.

    It is drawn near dots only. Every cell reaches under the next ones, so that nothing shines through between them.
    """
    columns, rows = CELLS
    x = np.geomspace(*frame.lr, columns + 1)
    y = np.geomspace(*frame.gap, rows + 1)
    middles = [(np.sqrt(x[i] * x[i + 1]), np.sqrt(y[j] * y[j + 1])) for i in range(columns) for j in range(rows)]
    levels = _interpolated(spots, frame, np.array([frame.place(*middle) for middle in middles])).reshape(CELLS)
    there = np.pad(np.isfinite(levels), ((0, 1), (0, 1)))
    cells: list[Row] = [
        {
            "lr": float(x[i]),
            "right": float(x[i + 2 if there[i + 1, j] else i + 1]),
            "gap": float(y[j]),
            "top": float(y[j + 2 if there[i, j + 1] else j + 1]),
            "badness": float(levels[i, j]),
        }
        for i, j in np.ndindex(CELLS)
        if there[i, j]
    ]
    corners = {"x2": "right:Q", "y2": "top:Q"}
    shaded = alt.Chart(inline(cells)).mark_rect(opacity=1.0)
    yield shaded.encode(frame.x(), frame.y(), color=_colour(spots), **corners)
    whole: Row = {"lr": frame.lr[0], "right": frame.lr[1], "gap": frame.gap[0], "top": frame.gap[1]}
    veil = alt.Chart(inline([whole])).mark_rect(style="paper", opacity=VEIL)
    yield veil.encode(frame.x(), frame.y(), **corners)


def _interpolated(spots: Sequence[Spot], frame: Frame, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the interpolated badness at some places ``[cells, 2]``, NaN where no dot is near."""
    known = np.array([frame.place(spot.lr, 1.0 - spot.momentum) for spot in spots])
    levels = np.log([min(spot.badness, WORST_RATIO) for spot in spots])
    distance = np.linalg.norm(places[:, None] - known[None], axis=-1)
    wider = min(WIDEST, math.sqrt(TYPICAL_SPOTS / len(spots)))
    weights = np.exp(-0.5 * (distance / (KERNEL * wider)) ** 2) + 1e-12
    return np.where(distance.min(1) <= REACH * wider, np.exp(weights @ levels / weights.sum(1)), np.nan)


def _marked(result: TuneResult, optimizer: str) -> list[tuple[str, float, float]]:
    """Return the recommended recipe and the default with learning rate and momentum, if they are an optimizer's."""
    chosen = [(DEFAULT, result.default.recipe)]
    if result.best is not None and result.best.recipe not in (result.default.recipe, result.default_scheduled.recipe):
        chosen.append((RECOMMENDED, result.best.recipe))
    return [
        (role, recipe.lr.highest, recipe.momentum.highest) for role, recipe in chosen if recipe.optimizer == optimizer
    ]


def _rings(marked: Sequence[tuple[str, float, float]], spots: Sequence[Spot], frame: Frame) -> Iterator[alt.Chart]:
    """Yield rings around the marked settings, with their names beside them where they hide the fewest dots."""
    taken = [frame.place(spot.lr, 1.0 - spot.momentum) for spot in spots]
    for role, lr, momentum in marked:
        row: Row = {"lr": lr, "gap": 1.0 - momentum, "role": role}
        side = freest(role, frame.place(lr, 1.0 - momentum), taken)
        yield from ring(alt.Chart(inline([row])).encode(frame.x(), frame.y()), side, roles=ROLES)
