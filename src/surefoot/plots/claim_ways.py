"""The ways of balls on a landscape: over its loss where it is a plane, over the steps where it is a line."""

from __future__ import annotations

from collections.abc import Iterator

import altair as alt
import torch

from surefoot.explanation.figure import Ways
from surefoot.numerals import numeral
from surefoot.plots.claim_courses import name_legend
from surefoot.plots.ground import ground_layer
from surefoot.plots.inline import Row, inline
from surefoot.plots.theme import finished, layered


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
