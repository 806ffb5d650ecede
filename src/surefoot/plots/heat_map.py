"""The heat map of a search: where in learning rate and momentum the loss is low."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import altair as alt
import numpy as np
from numpy.typing import NDArray

from surefoot.core.formatting import format_number
from surefoot.core.value_types import Interval
from surefoot.plots.axes_and_point_labels import (
    SettingAxes,
    best_label_position,
    finite_values,
    labelled_ring,
    log_ticks,
)
from surefoot.plots.chart import Row, inline_data, layered, titled
from surefoot.plots.theme import DEFAULT, RECIPE_ROLES, RECOMMENDED
from surefoot.plots.trial_point_data import TrialPoint, training_lengths, trial_points
from surefoot.search.result import SearchResult
from surefoot.wording.captions import heat_map_title

# All constants below are chosen by eye, on the searches of the built-in tasks.
# A loss that is this many times the best has the last colour, however much higher it is.
MAX_RELATIVE_LOSS = 30.0
# The colours span at least the factor MIN_COLOUR_RANGE. They end where the loss of USUAL_SHARE of the points does, and
# half as much again in logarithms: a few settings that are far worse must not make all others look alike.
MIN_COLOUR_RANGE, USUAL_SHARE, COLOUR_RANGE_EXPONENT = 1.5, 0.8, 1.5
# Share of the paper's colour in the shading, so that dots stand out.
SHADING_FADE = 0.5
# Area of a dot in square points: of the shortest training, and what the longest has more.
MIN_DOT_AREA, EXTRA_DOT_AREA = 40.0, 150.0
# The shading between the dots: cells across and up, and width and reach of its Gaussian kernel as shares of the axes.
GRID_CELLS = (44, 26)
KERNEL_WIDTH, KERNEL_REACH = 0.07, 0.16
# Width and reach suit this many dots; they grow where there are fewer, at most by the factor.
USUAL_DOTS, MAX_KERNEL_FACTOR = 50, 2.0
# Good momenta that span less than this are drawn as a bar: an outline would be too flat to be seen.
MIN_OUTLINE_SPAN = 0.02
# Largest number of training lengths in the legend of sizes.
MAX_LEGEND_SIZES = 6


def heat_map(result: SearchResult) -> alt.LayerChart:
    """Return the losses of all trials over learning rate and momentum.

    A dot is a setting. Its size is the length of its training, its colour its validation loss relative to the best of
    the same length, so that short trainings compare with short ones. The shading interpolates. The good range is a bar
    at the recommended momentum; where it is known for several momenta, an outline. Learning rates of different
    optimizers do not compare: where several were searched, one is drawn.

    Args:
        result: What find or tune returned.
    """
    all_points = trial_points(result.measurements, score_at=result.criterion.score_at)
    optimizer = _drawn_optimizer(result, all_points)
    points = [point for point in all_points if point.recipe.optimizer == optimizer]
    marked = _marked_recipes(result, optimizer)
    good = _good_ranges(result, optimizer)
    corners = [(lr, momentum) for momentum, rates in good for lr in (rates.low, rates.high)]
    axes = SettingAxes.around([*((each.lr, each.momentum) for each in points), *(row[1:] for row in marked), *corners])
    any_finite = any(math.isfinite(point.relative) for point in points)
    coloured = [*_shading(points, axes), _dots(points, axes)] if any_finite else []
    layers = [*coloured, _crosses(points, axes), *_good_range_marks(good, axes), *_rings(marked, points, axes)]
    trials = f"{len({point.recipe for point in points})} settings in {len(points)} trials"
    if len(points) < len(all_points):
        trials += f" with {optimizer}; {len(all_points) - len(points)} trials of other optimizers are not drawn"
    crosses = " Crosses diverged." if any(not math.isfinite(point.relative) for point in points) else ""
    outline = f" {'Outline' if len(good) > 1 else 'Bar'}: the good range." if good else ""
    figure: alt.LayerChart = titled(
        layered(*layers), heat_map_title(result, optimizer), subtitle=f"{result.task}: {trials}.{crosses}{outline}"
    )
    return figure


def has_trials(result: SearchResult) -> bool:
    """Return whether a search holds trials, which the heat map needs."""
    return bool(trial_points(result.measurements))


def _drawn_optimizer(result: SearchResult, points: Sequence[TrialPoint]) -> str:
    """Return the recommended recipe's optimizer, or the first that was tried where that one was not searched."""
    tried = [point.recipe.optimizer for point in points]
    if result.recipe is not None and (result.recipe.optimizer in tried or not tried):
        return result.recipe.optimizer
    return tried[0]


def _good_ranges(result: SearchResult, optimizer: str) -> list[tuple[float, Interval]]:
    """Return the good learning rates of the good momenta, ascending in momentum."""
    good, recipe = result.good_range, result.recipe
    if good is None or recipe is None or recipe.optimizer != optimizer or good.lr.low == good.lr.high:
        return []
    ranges = {
        row.momentum: row.good
        for row in result.by_momentum
        if row.good is not None and good.momentum is not None and row.momentum in good.momentum
    }
    if max(ranges, default=0.0) - min(ranges, default=0.0) < MIN_OUTLINE_SPAN:
        ranges = {}
    return sorted({**ranges, recipe.momentum.highest: good.lr}.items())


def _good_range_marks(ranges: Sequence[tuple[float, Interval]], axes: SettingAxes) -> Iterator[alt.Chart]:
    """Yield the outline of the good settings; where there is only one momentum, a bar with ends."""
    low = [(rates.low, 1.0 - momentum) for momentum, rates in ranges]
    high = [(rates.high, 1.0 - momentum) for momentum, rates in reversed(ranges)]
    corners = [*low, *high, *low[:1]] if len(ranges) > 1 else [*low, *high]
    rows: list[Row] = [{"lr": lr, "gap": gap, "order": number} for number, (lr, gap) in enumerate(corners)]
    base = alt.Chart(inline_data(rows)).encode(axes.x(), axes.y(), order="order:Q")
    yield base.mark_line(style="paper", strokeWidth=4, opacity=0.8, strokeJoin="round")
    yield base.mark_line(style="drawn", strokeWidth=1.8, strokeJoin="round")
    if len(ranges) == 1:
        ends = alt.Chart(inline_data(rows)).encode(axes.x(), axes.y())
        yield ends.mark_tick(style="ink", thickness=1.8, size=12, orient="vertical")


def _loss_colour(points: Sequence[TrialPoint]) -> alt.Color:
    highest = _highest_coloured(points)
    scale = alt.Scale(type="log", domain=[1.0, highest], clamp=True, nice=False, range="heatmap")
    beyond = any(point.relative > highest * 1.01 for point in points if math.isfinite(point.relative))
    title = f"loss, times the best of that length{f' (yellow: {format_number(highest)} and more)' if beyond else ''}"
    values = log_ticks(1.0, highest, max_ticks=6)
    # Opaque, so that Vega joins the legends of the dots and of the shading.
    legend = alt.Legend(
        orient="bottom", title=title, format="~g", values=values, direction="horizontal", gradientOpacity=1.0
    )
    return alt.Color("relative:Q", scale=scale, legend=legend)


def _highest_coloured(points: Sequence[TrialPoint]) -> float:
    """Return the relative loss at which the colours end."""
    losses = finite_values(point.relative for point in points) or [1.0]
    usual = float(np.quantile(losses, USUAL_SHARE))
    return float(min(MAX_RELATIVE_LOSS, max(MIN_COLOUR_RANGE, min(max(losses), usual**COLOUR_RANGE_EXPONENT))))


def _dots(points: Sequence[TrialPoint], axes: SettingAxes) -> alt.Chart:
    rows = [_point_row(point) for point in points if math.isfinite(point.relative)]
    lengths = training_lengths(points)
    areas = [MIN_DOT_AREA + EXTRA_DOT_AREA * (index / max(1, len(lengths) - 1)) for index in range(len(lengths))]
    every = math.ceil(len(lengths) / MAX_LEGEND_SIZES)
    legend = alt.Legend(
        orient="top",
        title="steps trained",
        direction="horizontal",
        symbolStrokeWidth=0.7,
        values=lengths[::-1][::every][::-1],
        format=",d",
    )
    size = alt.Size("steps:O", scale=alt.Scale(type="ordinal", domain=lengths, range=areas), legend=legend)
    small_on_top = alt.Order("steps:Q", sort="descending")
    chart: alt.Chart = (
        alt.Chart(inline_data(rows))
        .mark_point(filled=True, opacity=1.0, style="ink", strokeWidth=0.7)
        .encode(axes.x(), axes.y(), color=_loss_colour(points), size=size, order=small_on_top, tooltip=_TOOLTIP)
    )
    return chart


def _crosses(points: Sequence[TrialPoint], axes: SettingAxes) -> alt.Chart:
    """Return a cross for every setting that diverged."""
    rows = [_point_row(point) for point in points if not math.isfinite(point.relative)]
    chart: alt.Chart = (
        alt.Chart(inline_data(rows))
        .mark_text(text="✕", style="note", fontSize=11, fontWeight=600)
        .encode(axes.x(), axes.y(), tooltip=_TOOLTIP)
    )
    return chart


_TOOLTIP = [
    alt.Tooltip("recipe:N"),
    alt.Tooltip("loss:N", title="validation loss"),
    alt.Tooltip("times:N", title="times the best of that length"),
    alt.Tooltip("steps:Q", title="steps", format=",d"),
    alt.Tooltip("seeds:Q", title="seeds"),
]


def _point_row(point: TrialPoint) -> Row:
    return {
        "lr": point.lr,
        "gap": 1.0 - point.momentum,
        "relative": point.relative,
        "recipe": str(point.recipe),
        "loss": format_number(point.loss),
        "times": format_number(point.relative),
        "steps": point.steps,
        "seeds": point.seeds,
    }


def _shading(points: Sequence[TrialPoint], axes: SettingAxes) -> Iterator[alt.Chart]:
    """Yield cells near the dots in the colour of the interpolated loss, and a layer of paper that fades them.

    Every cell reaches under its neighbours, so that no gaps show between them.
    """
    columns, rows = GRID_CELLS
    x = np.geomspace(*axes.lr, columns + 1)
    y = np.geomspace(*axes.gap, rows + 1)
    middles = [(np.sqrt(x[i] * x[i + 1]), np.sqrt(y[j] * y[j + 1])) for i in range(columns) for j in range(rows)]
    losses = _interpolated(points, axes, np.array([axes.position(*middle) for middle in middles])).reshape(GRID_CELLS)
    drawn = np.pad(np.isfinite(losses), ((0, 1), (0, 1)))
    cells: list[Row] = [
        {
            "lr": float(x[i]),
            "right": float(x[i + 2 if drawn[i + 1, j] else i + 1]),
            "gap": float(y[j]),
            "top": float(y[j + 2 if drawn[i, j + 1] else j + 1]),
            "relative": float(losses[i, j]),
        }
        for i, j in np.ndindex(GRID_CELLS)
        if drawn[i, j]
    ]
    corners = {"x2": "right:Q", "y2": "top:Q"}
    shaded = alt.Chart(inline_data(cells)).mark_rect(opacity=1.0)
    yield shaded.encode(axes.x(), axes.y(), color=_loss_colour(points), **corners)
    whole: Row = {"lr": axes.lr[0], "right": axes.lr[1], "gap": axes.gap[0], "top": axes.gap[1]}
    fade = alt.Chart(inline_data([whole])).mark_rect(style="paper", opacity=SHADING_FADE)
    yield fade.encode(axes.x(), axes.y(), **corners)


def _interpolated(
    points: Sequence[TrialPoint], axes: SettingAxes, positions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return a kernel-weighted geometric mean of the relative losses around each position.

    Args:
        points: The points that are drawn.
        axes: The axes that positions are shares of.
        positions: Where the mean is wanted, ``[cells, 2]``.

    Returns:
        Relative losses ``[cells]``, NaN where no point is near.
    """
    known = np.array([axes.position(point.lr, 1.0 - point.momentum) for point in points])
    log_losses = np.log([min(point.relative, MAX_RELATIVE_LOSS) for point in points])
    distance = np.linalg.norm(positions[:, None] - known[None], axis=-1)
    wider = min(MAX_KERNEL_FACTOR, math.sqrt(USUAL_DOTS / len(points)))
    weights = np.exp(-0.5 * (distance / (KERNEL_WIDTH * wider)) ** 2) + 1e-12
    means = np.exp(weights @ log_losses / weights.sum(1))
    return np.where(distance.min(1) <= KERNEL_REACH * wider, means, np.nan)


def _marked_recipes(result: SearchResult, optimizer: str) -> list[tuple[str, float, float]]:
    """Return role, learning rate and momentum of the default and the recommended recipe, if they use the optimizer."""
    marked = [] if result.default is None else [(DEFAULT, result.default.recipe)]
    if result.recipe is not None and result.recipe not in [recipe for _, recipe in marked]:
        marked.append((RECOMMENDED, result.recipe))
    return [
        (role, recipe.lr.highest, recipe.momentum.highest) for role, recipe in marked if recipe.optimizer == optimizer
    ]


def _rings(
    marked: Sequence[tuple[str, float, float]], points: Sequence[TrialPoint], axes: SettingAxes
) -> Iterator[alt.Chart]:
    """Yield a ring around each marked recipe, with a label where it hides the fewest dots."""
    occupied = [axes.position(point.lr, 1.0 - point.momentum) for point in points]
    for role, lr, momentum in marked:
        row: Row = {"lr": lr, "gap": 1.0 - momentum, "role": role}
        label = best_label_position(role, axes.position(lr, 1.0 - momentum), occupied)
        ringed = alt.Chart(inline_data([row])).encode(axes.x(), axes.y())
        yield from labelled_ring(ringed, label, roles=RECIPE_ROLES)
