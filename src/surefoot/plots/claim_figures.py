"""The figures of claims: one function for each kind of data, and the caption of each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import altair as alt
import numpy as np
import torch
from numpy.typing import NDArray

from surefoot.core.formatting import format_number
from surefoot.explanation.claim_result import (
    ClaimFigure,
    ClaimResult,
    Estimate,
    FinalLosses,
    Line,
    LossCurves,
    LossHeatmap,
    StableRates,
    Trajectories,
)
from surefoot.explanation.experiment_results import MAX_CAPPED_LOSS
from surefoot.explanation.range_test_and_stability import STABLE_RATE_SPACING
from surefoot.plots.axes_and_point_labels import log_axis, log_ticks, loss_scale, step_axis
from surefoot.plots.chart import Row, inline_data, layered, titled
from surefoot.plots.loss_surfaces import contour_layer
from surefoot.wording.captions import (
    FINAL_LOSSES_CAPTION,
    LOSS_CURVES_CAPTION,
    LOSS_HEATMAP_CAPTION,
    STABLE_RATES_CAPTION,
    TRAJECTORIES_CAPTION,
)

# Relative losses above this are outside of the figure of loss curves.
MAX_DRAWN_LOSS = 3.0
# Names of at most so many letters stand three in a row of a legend, and two: all of them fit the width of a phone.
MAX_LETTERS_FOR_3_COLUMNS, MAX_LETTERS_FOR_2_COLUMNS = 9, 14
# Factors by which axes of learning rates go on beyond their outermost values.
FINAL_LOSSES_RATE_MARGIN, STABLE_RATES_MARGIN = 1.15, 1.2
# Factor between the bars of two good ranges, below the losses, and how far the last is from the edge, in such factors.
GOOD_RANGE_DISTANCE, GOOD_RANGE_MARGIN = 1.5, 0.3
# Heights in points: of the heat map, and of a row of the stable rates.
HEATMAP_HEIGHT, STABLE_RATES_ROW_HEIGHT = 240, 56


def claim_figure(claim: ClaimResult) -> alt.LayerChart:
    """Return the figure that shows the result of a claim.

    Args:
        claim: A claim as ``explain`` measured it.
    """
    draw, _ = _KINDS[type(claim.figure)]
    return draw(claim.figure)


def claim_caption(claim: ClaimResult) -> str:
    """Return how to read the figure of a claim.

    Args:
        claim: A claim as ``explain`` measured it.
    """
    _, caption = _KINDS[type(claim.figure)]
    return caption


def _loss_curves(figure: LossCurves) -> alt.LayerChart:
    """Return training losses: thin lines are seeds, thick lines their geometric mean."""
    seeds = [row for line in figure.lines for row in _seed_curve_rows(line)]
    means = [row for line in figure.lines for row in _mean_rows(line, "step", floor=1e-9)]
    losses = np.concatenate([line.y.ravel() for line in figure.lines])
    scale, axis = loss_scale([float(losses.min()), 1.0], ceiling=min(MAX_DRAWN_LOSS, max(1.0, float(losses.max()))))
    x = step_axis(max(int(line.x[-1]) for line in figure.lines))
    y = alt.Y("loss:Q", title="training loss / loss at the start", scale=scale, axis=axis)
    colour = _name_colour([line.name for line in figure.lines])
    thin = alt.Chart(inline_data(seeds)).mark_line(strokeWidth=1, opacity=0.35, clip=True)
    thick = alt.Chart(inline_data(means)).mark_line(clip=True)
    layers = [thin.encode(x, y, detail="seed:N", color=colour), thick.encode(x, y, color=colour)]
    subtitle = f"Running means of the training loss; thin: {len(figure.lines[0].y)} seeds, thick: their mean."
    chart: alt.LayerChart = titled(layered(*layers), figure.title, subtitle=subtitle)
    return chart


def _seed_curve_rows(line: Line) -> Iterator[Row]:
    for seed, losses in enumerate(line.y):
        for step, loss in zip(line.x.tolist(), losses.tolist(), strict=True):
            yield {"name": line.name, "seed": seed, "step": step, "loss": min(loss, MAX_CAPPED_LOSS)}


def _mean_rows(line: Line, x_field: str, *, floor: float = 0.0) -> Iterator[Row]:
    """Yield the geometric means over seeds; losses below ``floor`` count as that."""
    means = np.exp(np.log(np.maximum(line.y, floor)).mean(axis=0))
    for x, loss in zip(line.x.tolist(), means.tolist(), strict=True):
        yield {"name": line.name, x_field: x, "loss": loss}


def _final_losses(figure: FinalLosses) -> alt.LayerChart:
    """Return final losses over learning rates on log axes: dots are seeds, lines their mean, bars good ranges."""
    rates = np.concatenate([line.x for line in figure.lines])
    losses = np.concatenate([line.y.ravel() for line in figure.lines])
    low, high = float(rates.min()) / FINAL_LOSSES_RATE_MARGIN, float(rates.max()) * FINAL_LOSSES_RATE_MARGIN
    bars = len(figure.good_ranges)
    bottom = float(losses.min()) / (GOOD_RANGE_DISTANCE ** (bars + GOOD_RANGE_MARGIN) if bars else 1.0)
    scale, axis = loss_scale([bottom, 1.0])
    x_scale = alt.Scale(type="log", domain=[low, high], nice=False)
    x = alt.X("rate:Q", title=figure.x_title, scale=x_scale, axis=log_axis(low, high))
    y = alt.Y("loss:Q", title="loss at the end / loss at the start", scale=scale, axis=axis)
    colour = _name_colour([line.name for line in figure.lines])
    dots = alt.Chart(inline_data(row for line in figure.lines for row in _final_rows(line)))
    lines = alt.Chart(inline_data(row for line in figure.lines for row in _mean_rows(line, "rate")))
    layers = [
        dots.mark_point(filled=True, size=16, opacity=0.45).encode(x, y, color=colour),
        lines.mark_line().encode(x, y, color=colour),
    ]
    subtitle = ["Dots: seeds, lines: their mean; what ends above its start, or diverged, is drawn at 1."]
    if figure.good_ranges:
        good = alt.Chart(inline_data(_good_range_rows(figure, bottom))).mark_rule(strokeWidth=5)
        layers.append(good.encode(x, x2="high:Q", y=y, color=colour))
        subtitle.append("Bars below: where training learns at least 90 % as much as at the best rate.")
    chart: alt.LayerChart = titled(layered(*layers), figure.title, subtitle=subtitle)
    return chart


def _final_rows(line: Line) -> Iterator[Row]:
    for losses in line.y:
        for rate, loss in zip(line.x.tolist(), losses.tolist(), strict=True):
            yield {"name": line.name, "rate": rate, "loss": loss}


def _good_range_rows(figure: FinalLosses, bottom: float) -> Iterator[Row]:
    for number, (name, low, high) in enumerate(figure.good_ranges):
        loss = bottom * GOOD_RANGE_DISTANCE ** (number + GOOD_RANGE_MARGIN)
        yield {"name": name, "rate": low, "high": high, "loss": loss}


def _loss_heatmap(figure: LossHeatmap) -> alt.LayerChart:
    """Return a heat map of final losses; the columns that the claim is about are framed."""
    rates = [format_number(rate) for rate in figure.rates.tolist()]
    x = alt.X("rate:O", title="learning rate", sort=rates, axis=alt.Axis(labelAngle=-45, grid=False))
    y = alt.Y("momentum:O", title="momentum", sort="descending", axis=alt.Axis(grid=False))
    highest = float(figure.factors.max())
    scale = alt.Scale(type="log", domain=[1.0, max(highest, 1.01)])
    ticks = log_ticks(1.0, max(highest, 2.0), max_ticks=6)
    legend = alt.Legend(title="times the lowest loss", orient="top", values=ticks, format="~g")
    base = alt.Chart(inline_data(_cell_rows(figure, rates)))
    squares = base.mark_rect().encode(
        x,
        y,
        color=alt.Color("factor:Q", scale=scale, legend=legend),
        tooltip=[alt.Tooltip("rate:O", title="learning rate"), "momentum:O", alt.Tooltip("text:N", title="loss")],
    )
    marked = alt.Chart(inline_data({"rate": format_number(rate), "name": name} for name, rate in figure.marked))
    frames = marked.mark_rect(filled=False, strokeWidth=2.5, style="ink").encode(x=x)
    names = marked.mark_text(style="note", fontWeight=600, dy=-8).encode(x=x, y=alt.value(0), text="name:N")
    chart: alt.LayerChart = titled(
        layered(squares, frames, names, height=HEATMAP_HEIGHT),
        figure.title,
        subtitle="Geometric means over seeds; framed: the learning rates that the claim is about.",
    )
    return chart


def _cell_rows(figure: LossHeatmap, rates: list[str]) -> Iterator[Row]:
    for momentum, factors in zip(figure.momenta, figure.factors.tolist(), strict=True):
        for rate, factor in zip(rates, factors, strict=True):
            text = f"{format_number(factor)} times the lowest"
            yield {"rate": rate, "momentum": momentum, "factor": factor, "text": text}


def _stable_rates(figure: StableRates) -> alt.LayerChart:
    """Return the largest stable rates: a dot with its 90 % interval, and a tick for each seed."""
    rows = [_stable_rate_row(batch, momentum, rates) for batch, momentum, rates in figure.rows]
    every = [rate for _, _, rates in figure.rows for rate in rates.tolist()]
    low = min([*every, *(float(row["low"] or 0.0) for row in rows)]) / STABLE_RATES_MARGIN
    high = max([*every, *(float(row["high"] or 0.0) for row in rows)]) * STABLE_RATES_MARGIN
    axis, scale = log_axis(low, high), alt.Scale(type="log", domain=[low, high], nice=False)
    x = alt.X("rate:Q", title="largest stable learning rate", scale=scale, axis=axis)
    batches = list(dict.fromkeys(batch for batch, _, _ in figure.rows))
    momenta = list(dict.fromkeys(momentum for _, momentum, _ in figure.rows))
    y = alt.Y("batch:N", sort=batches, title=None, axis=alt.Axis(labelLimit=200, grid=False))
    offset = alt.YOffset("momentum:N", sort=momenta)
    colour = _name_colour([f"momentum {momentum}" for momentum in momenta])
    base = alt.Chart(inline_data(rows)).encode(y=y, yOffset=offset, color=colour)
    ticks = alt.Chart(inline_data(_stable_seed_rows(figure))).encode(x=x, y=y, yOffset=offset, color=colour)
    layers = [
        base.mark_rule(strokeWidth=2.5).encode(x=alt.X("low:Q", scale=scale, axis=axis), x2="high:Q"),
        ticks.mark_tick(thickness=1.5, size=16, opacity=0.55),
        base.mark_point(filled=True, size=130, opacity=1.0).encode(x=x),
    ]
    chart: alt.LayerChart = titled(
        layered(*layers, height=STABLE_RATES_ROW_HEIGHT * len(batches)),
        figure.title,
        subtitle="Mean over seeds (ticks) with its 90 % interval (line); the same samples in all.",
    )
    return chart


def _stable_rate_row(batch: str, momentum: str, rates: NDArray[np.float64]) -> Row:
    estimate = Estimate.of("", rates, resolution=STABLE_RATE_SPACING)
    return {
        "batch": batch,
        "momentum": momentum,
        "name": f"momentum {momentum}",
        "rate": estimate.mean,
        "low": estimate.low,
        "high": estimate.high,
    }


def _stable_seed_rows(figure: StableRates) -> Iterator[Row]:
    for batch, momentum, rates in figure.rows:
        for rate in rates.tolist():
            yield {"batch": batch, "momentum": momentum, "name": f"momentum {momentum}", "rate": rate}


def _trajectories(figure: Trajectories) -> alt.LayerChart:
    """Return trajectories: on a plane over contours of the loss, in one dimension over steps."""
    in_plane = figure.surface.dimensions > 1
    layers = _plane_layers(figure) if in_plane else _line_layers(figure)
    steps = len(figure.trajectories[0][1]) - 1
    contours = "; the darker the background, the lower the loss" if in_plane else ""
    subtitle = f"The first {steps} steps, all from one start{contours}."
    chart: alt.LayerChart = titled(layered(*layers), figure.title, subtitle=subtitle)
    return chart


def _plane_layers(figure: Trajectories) -> list[alt.Chart]:
    (left, right), (low, high) = figure.surface.box
    x = alt.X("x:Q", title="x", scale=alt.Scale(domain=[left, right], nice=False), axis=alt.Axis(grid=False))
    y = alt.Y("y:Q", title="y", scale=alt.Scale(domain=[low, high], nice=False), axis=alt.Axis(grid=False))
    return [contour_layer(figure.surface), *_trajectory_layers(figure, x, y)]


def _line_layers(figure: Trajectories) -> list[alt.Chart]:
    ((low, high),) = figure.surface.box
    x = alt.X("step:Q", title="step", axis=alt.Axis(tickCount=6, format=",~f"))
    y = alt.Y("x:Q", title="position", scale=alt.Scale(domain=[low, high], nice=False))
    losses = figure.surface.value(torch.tensor(figure.surface.minima, dtype=torch.float64)).tolist()
    minima: list[Row] = [
        {"x": position, "name": f"minimum, loss {format_number(loss)}"}
        for (position,), loss in zip(figure.surface.minima, losses, strict=True)
    ]
    base = alt.Chart(inline_data(minima)).encode(y=y)
    rules = base.mark_rule(strokeDash=[4, 4], opacity=0.6)
    names = base.mark_text(align="right", dy=-13, style="note").encode(x=alt.value("width"), text="name:N")
    return [rules, *_trajectory_layers(figure, x, y), names]


def _trajectory_layers(figure: Trajectories, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    colour = _name_colour([name for name, _ in figure.trajectories])
    base = alt.Chart(inline_data(_trajectory_rows(figure))).encode(x, y, order="step:Q")
    lines = base.mark_line(clip=True, strokeWidth=2, strokeJoin="round")
    dots = base.mark_point(filled=True, size=22, opacity=1.0, clip=True)
    return [lines.encode(color=colour, detail="name:N"), dots.encode(color=colour, tooltip=["name:N", "step:Q"])]


def _trajectory_rows(figure: Trajectories) -> Iterator[Row]:
    for name, positions in figure.trajectories:
        for step, position in enumerate(positions.tolist()):
            y = {"y": position[1]} if len(position) > 1 else {}
            yield {"name": name, "step": step, "x": position[0], **y}


def _name_colour(names: Sequence[str]) -> alt.Color:
    """Return the colour channel of the field ``name``, with a legend in as many columns as fit a phone."""
    longest = max(map(len, names))
    columns = 3 if longest <= MAX_LETTERS_FOR_3_COLUMNS else 2 if longest <= MAX_LETTERS_FOR_2_COLUMNS else 1
    legend = alt.Legend(orient="top", title=None, symbolType="stroke", symbolOpacity=1.0, columns=columns)
    return alt.Color("name:N", scale=alt.Scale(domain=[*names]), legend=legend)


# How each kind of data is drawn, and how to read the figure.
_KINDS: dict[type[ClaimFigure], tuple[Callable[[Any], alt.LayerChart], str]] = {
    LossCurves: (_loss_curves, LOSS_CURVES_CAPTION),
    FinalLosses: (_final_losses, FINAL_LOSSES_CAPTION),
    LossHeatmap: (_loss_heatmap, LOSS_HEATMAP_CAPTION),
    StableRates: (_stable_rates, STABLE_RATES_CAPTION),
    Trajectories: (_trajectories, TRAJECTORIES_CAPTION),
}
