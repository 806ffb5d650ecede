"""A descent on a surface: the trajectories of its recipes, and their losses over the steps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import altair as alt
import numpy as np
import torch

from surefoot.plots.axes import loss_scale, step_axis
from surefoot.plots.chart import Row, column, inline_data, layered, sampled_indices, titled
from surefoot.plots.loss_contours import contour_layer
from surefoot.plots.theme import FIGURE_HEIGHT, FIGURE_WIDTH, trajectory_colour, unique_names
from surefoot.surfaces.descent import Array, Descent
from surefoot.surfaces.events import Event, EventKind
from surefoot.surfaces.surface import Surface

# Points of the curve of a surface of one dimension.
CURVE_POINTS = 400
# Margin above and below that curve, as a share of its height.
CURVE_MARGIN = 0.06
# The axis of losses ends at this multiple of the loss at the start, and begins at this share of it at the lowest.
LOSS_CEILING, LOSS_FLOOR = 30.0, 1e-10
# Marks of the events, in the order of EventKind.
EVENT_SHAPES = ("triangle-up", "diamond", "triangle-right", "circle", "cross")


def descent_figure(descent: Descent) -> alt.VConcatChart:
    """Return the trajectories of a descent, and below them its losses.

    On a surface of two dimensions trajectories lie over contours of the loss, darker where it is lower; in one
    dimension along the curve of the loss. A mark on the losses is the first time that an event happened to a recipe.

    Args:
        descent: What ``descend`` returned, of at most seven recipes.

    Raises:
        OutputError: If there are more recipes.
    """
    surface = descent.surface
    trajectories = layered(*(_plane_layers(descent) if surface.dimensions > 1 else _line_layers(descent)))
    contours = "; the darker the background, the lower the loss" if surface.dimensions > 1 else ""
    chart: alt.VConcatChart = titled(
        column(trajectories, _losses(descent), spacing=24).resolve_scale(color="shared"),
        f"{surface.name}: {descent.steps:,} steps",
        subtitle=[surface.about, f"Small dots are steps, large dots the last step, crosses minima{contours}."],
    )
    return chart


def recipe_names(descent: Descent) -> list[str]:
    """Return the recipes of a descent as names that differ."""
    return unique_names([str(recipe) for recipe in descent.recipes])


def _plane_layers(descent: Descent) -> list[alt.Chart]:
    (left, right), (low, high) = descent.surface.box
    axis = alt.Axis(grid=False, zindex=1, tickCount=8)
    x = alt.X("x:Q", title="x", scale=alt.Scale(domain=[left, right], nice=False), axis=axis)
    y = alt.Y("y:Q", title="y", scale=alt.Scale(domain=[low, high], nice=False), axis=axis)
    return [
        contour_layer(descent.surface, size=(FIGURE_WIDTH, FIGURE_HEIGHT)),
        _minima(descent.surface, x, y),
        *_trajectory_layers(descent, x, y),
    ]


def _line_layers(descent: Descent) -> list[alt.Chart]:
    ((left, right),) = descent.surface.box
    points = np.linspace(left, right, CURVE_POINTS)
    losses = descent.surface.value(torch.from_numpy(points[:, None])).numpy()
    margin = CURVE_MARGIN * float(np.ptp(losses))
    bottom, top = float(losses.min()) - margin, float(losses.max()) + margin
    x_scale, x_axis = alt.Scale(domain=[left, right], nice=False), alt.Axis(grid=False, tickCount=8)
    x = alt.X("x:Q", title="x", scale=x_scale, axis=x_axis)
    y_scale = alt.Scale(domain=[bottom, top], nice=False, zero=False)
    y = alt.Y("y:Q", title="loss", scale=y_scale, axis=alt.Axis(tickCount=6))
    rows: list[Row] = [{"x": point, "y": loss} for point, loss in zip(points.tolist(), losses.tolist(), strict=True)]
    curve = alt.Chart(inline_data(rows)).encode(x, y)
    area = curve.mark_area(style="outside", opacity=1.0).encode(y2=alt.datum(bottom))
    outline = curve.mark_line(style="drawn", strokeWidth=1.5, opacity=0.6)
    return [area, outline, _minima(descent.surface, x, y), *_trajectory_layers(descent, x, y)]


def _minima(surface: Surface, x: alt.X, y: alt.Y) -> alt.Chart:
    losses = surface.value(torch.tensor(surface.minima, dtype=torch.float64)).tolist()
    rows: list[Row] = [
        {"x": minimum[0], "y": minimum[1] if len(minimum) > 1 else loss}
        for minimum, loss in zip(surface.minima, losses, strict=True)
    ]
    crosses = alt.Chart(inline_data(rows)).mark_point(shape="cross", filled=True, size=90, opacity=1.0, style="solid")
    chart: alt.Chart = crosses.encode(x, y)
    return chart


def _trajectory_layers(descent: Descent, x: alt.X, y: alt.Y) -> Iterator[alt.Chart]:
    """Yield lines, a dot for every step and a large dot for the last.

    In one dimension there are no lines: a trajectory follows the curve, and a line would hide where it jumps.
    """
    names = recipe_names(descent)
    rows = [row for k, name in enumerate(names) for row in _trajectory_rows(descent, k, name)]
    base = alt.Chart(inline_data(rows)).encode(x, y, color=trajectory_colour(names), detail="name:N", order="step:Q")
    tooltip = [alt.Tooltip("name:N", title="recipe"), "step:Q", alt.Tooltip("loss:Q", format=".4~g")]
    if descent.surface.dimensions > 1:
        yield base.mark_line(clip=True, strokeWidth=1.5, strokeJoin="round", opacity=0.8)
    yield base.mark_point(filled=True, size=24, opacity=0.9, clip=True).encode(tooltip=tooltip)
    last = alt.Chart(inline_data(last_rows(rows))).encode(x, y, color=trajectory_colour(names))
    yield last.mark_point(filled=True, size=150, opacity=1.0, clip=True, style="backdrop", strokeWidth=2)


def _trajectory_rows(descent: Descent, k: int, name: str) -> Iterator[Row]:
    """Yield the points of a trajectory, up to the first that is not finite."""
    positions, losses = descent.positions[k], descent.losses[k]
    for step in sampled_indices(descent.steps + 1):
        position, loss = positions[step].tolist(), float(losses[step])
        if not (np.all(np.isfinite(position)) and math.isfinite(loss)):
            return
        y = position[1] if len(position) > 1 else loss
        yield {"name": name, "step": step, "x": position[0], "y": y, "loss": loss}


def last_rows(rows: Sequence[Row]) -> list[Row]:
    """Return the last row of each name."""
    return [*{row["name"]: row for row in rows}.values()]


def _losses(descent: Descent) -> alt.LayerChart:
    names = recipe_names(descent)
    losses = descent.losses - descent.surface.lowest
    start = float(losses[0, 0])
    ceiling, floor = LOSS_CEILING * start, LOSS_FLOOR * start
    rows = [row for name, curve in zip(names, losses, strict=True) for row in _loss_rows(name, curve, floor)]
    scale, axis = loss_scale([float(row["loss"] or start) for row in rows], ceiling=ceiling)
    x, y = step_axis(descent.steps), alt.Y("loss:Q", title="loss above the lowest", scale=scale, axis=axis)
    lines = alt.Chart(inline_data(rows)).mark_line(clip=True, strokeWidth=2, strokeJoin="round")
    event_rows = [*_event_rows(descent, losses, floor=floor, ceiling=ceiling)]
    marks = alt.Chart(inline_data(event_rows)).mark_point(
        filled=True, size=70, opacity=1.0, style="backdrop", strokeWidth=1
    )
    colour, shape = trajectory_colour(names), _event_shape({str(row["kind"]) for row in event_rows})
    tooltip = [alt.Tooltip("kind:N", title="event"), alt.Tooltip("step:Q"), alt.Tooltip("name:N", title="recipe")]
    return layered(
        lines.encode(x, y, color=colour), marks.encode(x, y, color=colour, shape=shape, tooltip=tooltip), height=220
    )


def _event_shape(happened: set[str]) -> alt.Shape:
    """Return the shape channel of events, with a legend of those that happened."""
    kinds = [kind.value for kind in EventKind]
    in_legend = [kind for kind in kinds if kind in happened]
    legend = alt.Legend(orient="bottom", title=None, direction="horizontal", values=in_legend) if in_legend else None
    return alt.Shape("kind:N", scale=alt.Scale(domain=kinds, range=list(EVENT_SHAPES)), legend=legend)


def _loss_rows(name: str, losses: Array, floor: float) -> Iterator[Row]:
    for step in sampled_indices(len(losses)):
        if not math.isfinite(losses[step]):
            return
        yield {"name": name, "step": step, "loss": max(float(losses[step]), floor)}


def _event_rows(descent: Descent, losses: Array, *, floor: float, ceiling: float) -> Iterator[Row]:
    happened = descent.events
    for name, curve, recipe_events in zip(recipe_names(descent), losses, happened, strict=True):
        for event in recipe_events:
            loss = _mark_loss(curve, event, floor, ceiling)
            yield {"name": name, "step": event.step, "kind": event.kind.value, "loss": loss}


def _mark_loss(losses: Array, event: Event, floor: float, ceiling: float) -> float:
    """Return the height of an event's mark: a divergence lies at the upper edge."""
    loss = float(losses[event.step])
    return min(max(loss, floor), ceiling) if math.isfinite(loss) else ceiling
