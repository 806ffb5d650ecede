"""The ways of balls on a landscape: over its loss where it is a plane, over the steps where it is a line."""

from __future__ import annotations

from collections.abc import Iterator

import altair as alt
import numpy as np
import torch

from surefoot.explanation.figure import Ways
from surefoot.numerals import numeral
from surefoot.plots.claim_courses import name_legend
from surefoot.plots.inline import Row, inline
from surefoot.plots.theme import finished, layered

# Cells of the shading, across and up.
CELLS = (64, 40)
OPACITY = 0.55
# What is lower than this share of the highest loss is as low as can be.
LOWEST = 1e-3


def claim_ways(figure: Ways) -> alt.LayerChart:
    """Return the ways, each in its colour; on a plane over the loss, the darker the lower."""
    layers = _on_a_plane(figure) if figure.surface.dimensions > 1 else _on_a_line(figure)
    steps = len(figure.ways[0][1]) - 1
    shaded = "; the shading is the loss" if figure.surface.dimensions > 1 else ""
    chart: alt.LayerChart = finished(
        layered(*layers), figure.title, subtitle=f"The first {steps} steps of balls from one start{shaded}."
    )
    return chart


def _on_a_plane(figure: Ways) -> list[alt.Chart]:
    (left, right), (low, high) = figure.surface.box
    x = alt.X("x:Q", title="x", scale=alt.Scale(domain=[left, right], nice=False), axis=alt.Axis(grid=False))
    y = alt.Y("y:Q", title="y", scale=alt.Scale(domain=[low, high], nice=False), axis=alt.Axis(grid=False))
    shade = alt.Color("loss:Q", scale=alt.Scale(type="log"), legend=None)
    shading = (
        alt.Chart(inline(_cells(figure))).mark_rect(opacity=1.0).encode(x, y, x2="right:Q", y2="top:Q", fill=shade)
    )
    whole: Row = {"x": left, "right": right, "y": low, "top": high}
    veil = alt.Chart(inline([whole])).mark_rect(style="paper", opacity=1.0 - OPACITY)
    return [shading, veil.encode(x, y, x2="right:Q", y2="top:Q"), *_lines(figure, x, y)]


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
    base = alt.Chart(inline(_rows(figure))).encode(x, y, order="step:Q")
    lines = base.mark_line(clip=True, strokeWidth=2, strokeJoin="round").encode(color=colour, detail="name:N")
    dots = base.mark_point(filled=True, size=22, opacity=1.0, clip=True).encode(
        color=colour, tooltip=["name:N", "step:Q"]
    )
    return [lines, dots]


def _rows(figure: Ways) -> Iterator[Row]:
    for name, way in figure.ways:
        for step, place in enumerate(way.tolist()):
            above = {"y": place[1]} if len(place) > 1 else {}
            yield {"name": name, "step": step, "x": place[0], **above}


def _cells(figure: Ways) -> Iterator[Row]:
    """Yield squares with the loss above the lowest, or a thousandth of the highest; each reaches under the next."""
    xs, ys = (np.linspace(low, high, cells + 1) for (low, high), cells in zip(figure.surface.box, CELLS, strict=True))
    centres = np.stack(np.meshgrid((xs[1:] + xs[:-1]) / 2, (ys[1:] + ys[:-1]) / 2, indexing="ij"), axis=-1)
    losses = figure.surface.value(torch.from_numpy(centres)).numpy() - figure.surface.lowest
    losses = np.maximum(losses, LOWEST * losses.max())
    for i, j in np.ndindex(*CELLS):
        yield {
            "x": float(xs[i]),
            "right": float(xs[min(i + 2, CELLS[0])]),
            "y": float(ys[j]),
            "top": float(ys[min(j + 2, CELLS[1])]),
            "loss": float(losses[i, j]),
        }
