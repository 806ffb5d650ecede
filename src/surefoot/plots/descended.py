"""A descent at rest: the ways of the balls over the landscape, and their losses over the steps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import altair as alt
import numpy as np
import torch

from surefoot.plots.axes import loss_scale
from surefoot.plots.loss_contours import ball_colours, ball_names, ground_layer
from surefoot.plots.theme import HEIGHT, WIDTH, Row, column, finished, inline, layered
from surefoot.surfaces.descent import Array, Descent
from surefoot.surfaces.events import Event, Kind, events
from surefoot.surfaces.surface import Surface

# Points of a way; longer ones are thinned.
MOST_POINTS = 1500
# Points of a hill.
LINE = 400
# Losses above this multiple of the start have left the picture, and what is so much below it is as good as none.
CEILING, FLOOR = 30.0, 1e-10
# Of what can happen, in the order of its kinds.
SHAPES = ("triangle-up", "diamond", "triangle-right", "circle", "cross")


def descended(descent: Descent) -> alt.VConcatChart:
    """Return the ways of the balls, and below them their losses.

    On a plane the ways lie over bands of equal loss, the darker the lower, on a line along the hill. Marks on the
    losses are the first time that each thing happened to a ball.
    """
    surface = descent.surface
    ways = layered(*(_over_the_plane(descent) if surface.dimensions > 1 else _along_the_hill(descent)))
    shaded = "; the darker the ground, the lower the loss" if surface.dimensions > 1 else ""
    chart: alt.VConcatChart = finished(
        column(ways, _losses(descent), spacing=24).resolve_scale(color="shared"),
        f"{surface.name}: {descent.steps:,} steps",
        subtitle=[surface.about, f"Small dots are steps, large ones the last, crosses minima{shaded}."],
    )
    return chart


def _losses(descent: Descent) -> alt.LayerChart:
    colour = _by_ball(descent)
    losses = descent.losses - descent.surface.lowest
    start = float(losses[0, 0])
    ceiling, floor = CEILING * start, FLOOR * start
    rows = [row for name, way in zip(ball_names(descent), losses, strict=True) for row in _loss_rows(name, way, floor)]
    scale, axis = loss_scale([float(row["loss"] or start) for row in rows], ceiling=ceiling)
    x = alt.X("step:Q", title="step", axis=_whole_steps(), scale=alt.Scale(domain=[0, descent.steps], nice=False))
    y = alt.Y("loss:Q", title="loss above the lowest", scale=scale, axis=axis)
    lines = alt.Chart(inline(rows)).mark_line(clip=True, strokeWidth=2, strokeJoin="round").encode(x, y, color=colour)
    happened = [*_event_rows(descent, losses, floor=floor, ceiling=ceiling)]
    marks = alt.Chart(inline(happened)).mark_point(filled=True, size=70, opacity=1.0, style="backdrop", strokeWidth=1)
    kinds = [kind.value for kind in Kind]
    there = [kind for kind in kinds if kind in {row["kind"] for row in happened}]
    legend = alt.Legend(orient="bottom", title=None, direction="horizontal", values=there)
    shape = alt.Shape("kind:N", scale=alt.Scale(domain=kinds, range=list(SHAPES)), legend=legend if there else None)
    tooltip = [alt.Tooltip("kind:N", title="what"), alt.Tooltip("step:Q"), alt.Tooltip("name:N", title="recipe")]
    return layered(lines, marks.encode(x, y, color=colour, shape=shape, tooltip=tooltip), height=220)


_AXIS = alt.Axis(grid=False, zindex=1, tickCount=8)


def _over_the_plane(descent: Descent) -> list[alt.Chart]:
    (left, right), (low, high) = descent.surface.box
    x = alt.X("x:Q", title="x", scale=alt.Scale(domain=[left, right], nice=False), axis=_AXIS)
    y = alt.Y("y:Q", title="y", scale=alt.Scale(domain=[low, high], nice=False), axis=_AXIS)
    return [ground_layer(descent.surface, size=(WIDTH, HEIGHT)), *_minima(descent.surface, x, y), *_ways(descent, x, y)]


def _along_the_hill(descent: Descent) -> list[alt.Chart]:
    ((left, right),) = descent.surface.box
    places = np.linspace(left, right, LINE)
    heights = descent.surface.value(torch.from_numpy(places[:, None])).numpy()
    room = 0.06 * float(np.ptp(heights))
    x = alt.X(
        "x:Q", title="x", scale=alt.Scale(domain=[left, right], nice=False), axis=alt.Axis(grid=False, tickCount=8)
    )
    domain = [float(heights.min()) - room, float(heights.max()) + room]
    y = alt.Y("y:Q", title="loss", scale=alt.Scale(domain=domain, nice=False, zero=False), axis=alt.Axis(tickCount=6))
    rows: list[Row] = [{"x": a, "y": b} for a, b in zip(places.tolist(), heights.tolist(), strict=True)]
    hill = alt.Chart(inline(rows)).encode(x, y)
    below = hill.mark_area(style="outside", opacity=1.0).encode(y2=alt.datum(domain[0]))
    outline = hill.mark_line(style="drawn", strokeWidth=1.5, opacity=0.6)
    return [below, outline, *_minima(descent.surface, x, y), *_ways(descent, x, y)]


def _minima(surface: Surface, x: alt.X, y: alt.Y) -> Iterator[alt.Chart]:
    heights = surface.value(torch.tensor(surface.minima, dtype=torch.float64)).tolist()
    rows: list[Row] = [
        {"x": place[0], "y": place[1] if len(place) > 1 else height}
        for place, height in zip(surface.minima, heights, strict=True)
    ]
    yield (
        alt.Chart(inline(rows)).mark_point(shape="cross", filled=True, size=90, opacity=1.0, style="solid").encode(x, y)
    )


def _ways(descent: Descent, x: alt.X, y: alt.Y) -> Iterator[alt.Chart]:
    """Yield lines, a dot for every step and a ring for the last."""
    colour = _by_ball(descent)
    rows = [row for k, name in enumerate(ball_names(descent)) for row in _way_rows(descent, k, name)]
    base = alt.Chart(inline(rows)).encode(x, y, color=colour, detail="name:N", order="step:Q")
    tooltip = [alt.Tooltip("name:N", title="recipe"), "step:Q", alt.Tooltip("loss:Q", format=".4~g")]
    # Along a hill the way is the hill: only jumps need a line, and it would hide where they go.
    if descent.surface.dimensions > 1:
        yield base.mark_line(clip=True, strokeWidth=1.5, strokeJoin="round", opacity=0.8)
    yield base.mark_point(filled=True, size=24, opacity=0.9, clip=True).encode(tooltip=tooltip)
    last = alt.Chart(inline(_last_rows(rows))).encode(x, y, color=colour)
    yield last.mark_point(filled=True, size=150, opacity=1.0, clip=True, style="backdrop", strokeWidth=2)


def _by_ball(descent: Descent) -> alt.Color:
    names = ball_names(descent)
    scale = alt.Scale(domain=names, range=list(ball_colours(len(names))))
    legend = alt.Legend(orient="top", title=None, columns=1, labelLimit=500, symbolType="circle", symbolOpacity=1.0)
    return alt.Color("name:N", scale=scale, legend=legend)


def _way_rows(descent: Descent, k: int, name: str) -> Iterator[Row]:
    """Yield the places of a ball up to where they are no numbers, of very many some."""
    way, losses = descent.positions[k], descent.losses[k]
    for step in _shown(descent.steps):
        place = way[step].tolist()
        if not (np.all(np.isfinite(place)) and math.isfinite(losses[step])):
            return
        above = place[1] if len(place) > 1 else float(losses[step])
        yield {"name": name, "step": step, "x": place[0], "y": above, "loss": float(losses[step])}


def _last_rows(rows: Sequence[Row]) -> list[Row]:
    return [*{row["name"]: row for row in rows}.values()]


def _loss_rows(name: str, losses: Array, floor: float) -> Iterator[Row]:
    for step in _shown(len(losses) - 1):
        if not math.isfinite(losses[step]):
            return
        yield {"name": name, "step": step, "loss": max(float(losses[step]), floor)}


def _event_rows(descent: Descent, losses: Array, *, floor: float, ceiling: float) -> Iterator[Row]:
    for name, way, happened in zip(ball_names(descent), losses, events(descent.surface, descent), strict=True):
        for event in happened:
            yield {
                "name": name,
                "step": event.step,
                "kind": event.kind.value,
                "loss": _level(way, event, floor, ceiling),
            }


def _level(losses: Array, event: Event, floor: float, ceiling: float) -> float:
    """Return where an event's mark lies: a lost ball's at the upper edge."""
    loss = float(losses[event.step])
    return min(max(loss, floor), ceiling) if math.isfinite(loss) else ceiling


def _shown(steps: int) -> list[int]:
    places = np.linspace(0, steps, min(steps + 1, MOST_POINTS)).round()
    return [*map(int, np.unique(places))]


def _whole_steps() -> alt.Axis:
    return alt.Axis(tickCount=6, format=",~f", tickMinStep=1)
