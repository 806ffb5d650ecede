"""Training losses over steps of a few trainings that a claim compares.

Where trainings end, over their learning rate: one line for each kind of training that a claim compares.

The loss over learning rate and momentum, a square for each setting of the survey.

Up to which learning rate training is stable: with and without momentum, with full batches and small ones.

The ways of balls on a landscape: over its loss where it is a plane, over the steps where it is a line.

The figure of a claim, whatever its kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import altair as alt
import numpy as np
import torch

from surefoot.core.formatting import numeral
from surefoot.explanation.claim import Claim, Courses, Ends, Line, Number, Plane, Ranges, Ways
from surefoot.explanation.curve import CEILING
from surefoot.explanation.stable_range import LIMIT_RESOLUTION
from surefoot.plots.axes import log_axis, log_ticks, loss_scale
from surefoot.plots.loss_contours import ground_layer
from surefoot.plots.theme import Row, finished, inline, layered

# A loss so many times the start has left the picture.
TOP = 3.0
# Names of at most so many letters go three in a line, two, and one: on a telephone they must fit.
SHORT, MIDDLING = 9, 14
Y_TITLE = "training loss / loss at the start"


def claim_courses(figure: Courses) -> alt.LayerChart:
    """Return training losses: thin lines are seeds, thick ones their geometric mean."""
    names = [line.name for line in figure.lines]
    seeds = [row for line in figure.lines for row in _seed_rows(line)]
    means = [row for line in figure.lines for row in _mean_rows(line)]
    every = np.concatenate([line.y.ravel() for line in figure.lines])
    scale, axis = loss_scale([float(every.min()), 1.0], ceiling=min(TOP, max(1.0, float(every.max()))))
    last = max(float(line.x[-1]) for line in figure.lines)
    x = alt.X("step:Q", title="step", axis=alt.Axis(tickCount=6, format=",~f"), scale=alt.Scale(domain=[0, last]))
    y = alt.Y("loss:Q", title=Y_TITLE, scale=scale, axis=axis)
    colour = alt.Color("name:N", scale=alt.Scale(domain=names), legend=name_legend(names))
    thin = alt.Chart(inline(seeds)).mark_line(strokeWidth=1, opacity=0.35, clip=True)
    thick = alt.Chart(inline(means)).mark_line(clip=True)
    layers = [thin.encode(x, y, detail="seed:N", color=colour), thick.encode(x, y, color=colour)]
    chart: alt.LayerChart = finished(
        layered(*layers),
        figure.title,
        subtitle=f"Running means of the training loss; thin: {len(figure.lines[0].y)} seeds, thick: their mean.",
    )
    return chart


def name_legend(names: Sequence[str]) -> alt.Legend:
    """Return the legend of lines by name, so that all of it is seen on a telephone, too."""
    longest = max(map(len, names))
    columns = 3 if longest <= SHORT else 2 if longest <= MIDDLING else 1
    return alt.Legend(orient="top", title=None, symbolType="stroke", symbolOpacity=1.0, columns=columns)


def _seed_rows(line: Line) -> Iterator[Row]:
    for seed, losses in enumerate(line.y):
        for step, loss in zip(line.x.tolist(), losses.tolist(), strict=True):
            yield {"name": line.name, "seed": seed, "step": step, "loss": min(loss, CEILING)}


def _mean_rows(line: Line) -> Iterator[Row]:
    means = np.exp(np.log(np.maximum(line.y, 1e-9)).mean(axis=0))
    for step, loss in zip(line.x.tolist(), means.tolist(), strict=True):
        yield {"name": line.name, "step": step, "loss": loss}


CLAIM_ENDS_Y_TITLE = "loss at the end / loss at the start"
NOTE = "Dots: seeds, lines: their mean; what ends above its start, or diverged, is drawn at 1."
GOOD_NOTE = "Bars below: where training learns at least 90 % as much as at the best rate."


def claim_ends(figure: Ends) -> alt.LayerChart:
    """Return the losses at the end on log axes."""
    names = [line.name for line in figure.lines]
    rates = np.concatenate([line.x for line in figure.lines])
    ends = np.concatenate([line.y.ravel() for line in figure.lines])
    low, high = float(rates.min()) / 1.15, float(rates.max()) * 1.15
    bottom = float(ends.min()) / (1.5 ** (len(figure.good) + 0.3) if figure.good else 1.0)
    scale, axis = loss_scale([bottom, 1.0])
    x_scale = alt.Scale(type="log", domain=[low, high], nice=False)
    x = alt.X("rate:Q", title=figure.x_title, scale=x_scale, axis=log_axis(low, high))
    y = alt.Y("loss:Q", title=CLAIM_ENDS_Y_TITLE, scale=scale, axis=axis)
    colour = alt.Color("name:N", scale=alt.Scale(domain=names), legend=name_legend(names))
    dots = alt.Chart(inline(row for line in figure.lines for row in _dot_rows(line)))
    lines = alt.Chart(inline(row for line in figure.lines for row in _ends_mean_rows(line)))
    layers = [
        dots.mark_point(filled=True, size=16, opacity=0.45).encode(x, y, color=colour),
        lines.mark_line().encode(x, y, color=colour),
    ]
    if figure.good:
        bars = alt.Chart(inline(_good_rows(figure, bottom)))
        layers.append(bars.mark_rule(strokeWidth=5).encode(x, x2="high:Q", y=y, color=colour))
    notes = [NOTE, GOOD_NOTE] if figure.good else NOTE
    chart: alt.LayerChart = finished(layered(*layers), figure.title, subtitle=notes)
    return chart


def _dot_rows(line: Line) -> Iterator[Row]:
    for losses in line.y:
        for rate, loss in zip(line.x.tolist(), losses.tolist(), strict=True):
            yield {"name": line.name, "rate": rate, "loss": loss}


def _ends_mean_rows(line: Line) -> Iterator[Row]:
    means = np.exp(np.log(line.y).mean(axis=0))
    for rate, loss in zip(line.x.tolist(), means.tolist(), strict=True):
        yield {"name": line.name, "rate": rate, "loss": loss}


def _good_rows(figure: Ends, bottom: float) -> Iterator[Row]:
    for number, (name, low, high) in enumerate(figure.good):
        yield {"name": name, "rate": low, "high": high, "loss": bottom * 1.5 ** (number + 0.3)}


def claim_plane(figure: Plane) -> alt.LayerChart:
    """Return a heat map of the losses at the end; the columns that the claim speaks of are framed."""
    rates = [numeral(rate) for rate in figure.rates.tolist()]
    x = alt.X("rate:O", title="learning rate", sort=rates, axis=alt.Axis(labelAngle=-45, grid=False))
    y = alt.Y("momentum:O", title="momentum", sort="descending", axis=alt.Axis(grid=False))
    highest = float(figure.factors.max())
    scale = alt.Scale(type="log", domain=[1.0, max(highest, 1.01)])
    legend = alt.Legend(
        title="times the lowest loss", orient="top", values=log_ticks(1.0, max(highest, 2.0), most=6), format="~g"
    )
    base = alt.Chart(inline(_rows(figure, rates)))
    squares = base.mark_rect().encode(
        x,
        y,
        color=alt.Color("factor:Q", scale=scale, legend=legend),
        tooltip=[alt.Tooltip("rate:O", title="learning rate"), "momentum:O", alt.Tooltip("shown:N", title="loss")],
    )
    marks = alt.Chart(inline({"rate": numeral(rate), "name": name} for name, rate in figure.marked))
    frames = marks.mark_rect(filled=False, strokeWidth=2.5, style="ink").encode(x=x)
    names = marks.mark_text(style="note", fontWeight=600, dy=-8).encode(x=x, y=alt.value(0), text="name:N")
    chart: alt.LayerChart = finished(
        layered(squares, frames, names, height=240),
        figure.title,
        subtitle="Geometric means over seeds; framed: the learning rates that the claim speaks of.",
    )
    return chart


def _rows(figure: Plane, rates: list[str]) -> Iterator[Row]:
    for momentum, factors in zip(figure.momenta, figure.factors.tolist(), strict=True):
        for rate, factor in zip(rates, factors, strict=True):
            shown = f"{numeral(factor)} times the lowest"
            yield {"rate": rate, "momentum": momentum, "factor": factor, "shown": shown}


ROW_HEIGHT = 56


def claim_ranges(figure: Ranges) -> alt.LayerChart:
    """Return the largest stable rates: a dot with its 90 % interval, and a tick for each seed."""
    means = [_mean_row(*row) for row in figure.rows]
    momenta = list(dict.fromkeys(momentum for _, momentum, _ in figure.rows))
    every = [rate for _, _, rates in figure.rows for rate in rates.tolist()]
    low, high = min([*every, *(row[1] for row in means)]) / 1.2, max([*every, *(row[2] for row in means)]) * 1.2
    axis = log_axis(low, high)
    x_scale = alt.Scale(type="log", domain=[low, high], nice=False)
    x = alt.X("rate:Q", title="largest stable learning rate", scale=x_scale, axis=axis)
    batches = list(dict.fromkeys(batch for batch, _, _ in figure.rows))
    y = alt.Y("batch:N", sort=batches, title=None, axis=alt.Axis(labelLimit=200, grid=False))
    offset = alt.YOffset("momentum:N", sort=momenta)
    names = [f"momentum {momentum}" for momentum in momenta]
    colour = alt.Color("name:N", scale=alt.Scale(domain=names), legend=name_legend(names))
    base = alt.Chart(inline(row for row, _, _ in means)).encode(y=y, yOffset=offset, color=colour)
    ticks = alt.Chart(inline(_ranges_seed_rows(figure))).encode(x=x, y=y, yOffset=offset, color=colour)
    layers = [
        base.mark_rule(strokeWidth=2.5).encode(x=alt.X("low:Q", scale=x_scale, axis=axis), x2="high:Q"),
        ticks.mark_tick(thickness=1.5, size=16, opacity=0.55),
        base.mark_point(filled=True, size=130, opacity=1.0).encode(x=x),
    ]
    chart: alt.LayerChart = finished(
        layered(*layers, height=ROW_HEIGHT * len(batches)),
        figure.title,
        subtitle="Mean over seeds (ticks) with its 90 % interval (line); the same samples in all.",
    )
    return chart


def _mean_row(
    batch: str, momentum: str, rates: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> tuple[Row, float, float]:
    number = Number.of("", rates, resolution=LIMIT_RESOLUTION)
    row: Row = {
        "batch": batch,
        "momentum": momentum,
        "name": f"momentum {momentum}",
        "rate": number.mean,
        "low": number.low,
        "high": number.high,
    }
    return row, number.low, number.high


def _ranges_seed_rows(figure: Ranges) -> Iterator[Row]:
    for batch, momentum, rates in figure.rows:
        for rate in rates.tolist():
            yield {"batch": batch, "momentum": momentum, "name": f"momentum {momentum}", "rate": rate}


def claim_ways(figure: Ways) -> alt.LayerChart:
    """Return the ways, each in its colour; on a plane over the loss, the darker the lower."""
    layers = _on_a_plane(figure) if figure.surface.dimensions > 1 else _on_a_line(figure)
    steps = len(figure.ways[0][1]) - 1
    shaded = "; the darker the ground, the lower the loss" if figure.surface.dimensions > 1 else ""
    chart: alt.LayerChart = finished(
        layered(*layers), figure.title, subtitle=f"The first {steps} steps of balls from one start{shaded}."
    )
    return chart


def _on_a_plane(figure: Ways) -> list[alt.Chart]:
    (left, right), (low, high) = figure.surface.box
    x = alt.X("x:Q", title="x", scale=alt.Scale(domain=[left, right], nice=False), axis=alt.Axis(grid=False))
    y = alt.Y("y:Q", title="y", scale=alt.Scale(domain=[low, high], nice=False), axis=alt.Axis(grid=False))
    return [ground_layer(figure.surface), *_lines(figure, x, y)]


def _on_a_line(figure: Ways) -> list[alt.Chart]:
    ((low, high),) = figure.surface.box
    x = alt.X("step:Q", title="step", axis=alt.Axis(tickCount=6, format=",~f"))
    y = alt.Y("x:Q", title="place of the ball", scale=alt.Scale(domain=[low, high], nice=False))
    losses = figure.surface.value(torch.tensor(figure.surface.minima, dtype=torch.float64)).tolist()
    minima: list[Row] = [
        {"x": place, "name": f"minimum, loss {numeral(loss)}"}
        for (place,), loss in zip(figure.surface.minima, losses, strict=True)
    ]
    rules = alt.Chart(inline(minima)).mark_rule(strokeDash=[4, 4], opacity=0.6).encode(y=y)
    names = (
        alt.Chart(inline(minima))
        .mark_text(align="right", dy=-13, style="note")
        .encode(y=y, x=alt.value("width"), text="name:N")
    )
    return [rules, *_lines(figure, x, y), names]


def _lines(figure: Ways, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    names = [name for name, _ in figure.ways]
    colour = alt.Color("name:N", scale=alt.Scale(domain=names), legend=name_legend(names))
    base = alt.Chart(inline(_ways_rows(figure))).encode(x, y, order="step:Q")
    lines = base.mark_line(clip=True, strokeWidth=2, strokeJoin="round").encode(color=colour, detail="name:N")
    dots = base.mark_point(filled=True, size=22, opacity=1.0, clip=True).encode(
        color=colour, tooltip=["name:N", "step:Q"]
    )
    return [lines, dots]


def _ways_rows(figure: Ways) -> Iterator[Row]:
    for name, way in figure.ways:
        for step, place in enumerate(way.tolist()):
            above = {"y": place[1]} if len(place) > 1 else {}
            yield {"name": name, "step": step, "x": place[0], **above}


def claim_figure(claim: Claim) -> alt.LayerChart:
    """Return the figure that is to be seen with a claim."""
    figure = claim.figure
    if isinstance(figure, Courses):
        return claim_courses(figure)
    if isinstance(figure, Ends):
        return claim_ends(figure)
    if isinstance(figure, Plane):
        return claim_plane(figure)
    if isinstance(figure, Ranges):
        return claim_ranges(figure)
    return claim_ways(figure)
