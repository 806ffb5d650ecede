"""Trajectories on a loss surface with its contours: descents on a test surface, and a slice of a real loss."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterator, Sequence

import altair as alt
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from surefoot.core.formatting import format_number, format_percent
from surefoot.loss_slices.result import LossSlice, ProjectedTrajectory
from surefoot.plots.axes_and_point_labels import loss_scale, step_axis
from surefoot.plots.chart import Row, column, inline_data, layered, sampled_indices, titled
from surefoot.plots.theme import FIGURE_HEIGHT, FIGURE_WIDTH, trajectory_colour, unique_names
from surefoot.surfaces.descent import Array, Descent, Event, EventKind
from surefoot.surfaces.surface import Surface
from surefoot.wording.explain_and_slice import slice_title

BAND_COUNT = 12
# Losses below this share of the highest belong to the lowest band.
MIN_LOSS_SHARE = 1e-3
# Grey levels, 0 to 255: of the lowest and of the highest band, and how much darker a contour line is than its band.
# Grey, so that every colour of a trajectory stands out.
LOWEST_BAND_GREY, HIGHEST_BAND_GREY, CONTOUR_DARKENING = 196, 250, 16
# The same on a dark background, where low is light and contour lines are lighter.
LOWEST_BAND_GREY_ON_BLACK, HIGHEST_BAND_GREY_ON_BLACK, CONTOUR_DARKENING_ON_BLACK = 78, 34, -14
# Grey level of the transparent image in a chart: seen on white and on black paper alike.
OVERLAY_GREY = 128


def contour_layer(surface: Surface, *, size: tuple[int, int] | None = None) -> alt.Chart:
    """Return the bands as the lowest layer of a chart, with the image inside the chart.

    The image is of one transparent grey, denser where the loss is lower: dark on white paper, light on black.

    Args:
        surface: The surface, drawn over its box.
        size: Width and height of the chart in points; needed for one of several in a column. Without it the image has
            the size of its chart.
    """
    width, height = (alt.ExprRef("width"), alt.ExprRef("height")) if size is None else size
    image = alt.Chart(inline_data([{"url": _overlay_url(surface)}])).mark_image(
        align="left", baseline="top", aspect=False, aria=False, width=width, height=height
    )
    layer: alt.Chart = image.encode(x=alt.value(0), y=alt.value(0), url="url:N")
    return layer


def loss_image(surface: Surface, width: int, height: int, *, dark: bool = False) -> Image.Image:
    """Return the bands as an opaque grey image, darker where the loss is lower; on a dark background lighter.

    Args:
        surface: The surface, drawn over its box.
        width: Width in pixels.
        height: Height in pixels.
        dark: Whether the background is dark.
    """
    bands = loss_bands(surface, width, height)
    low, high, line = (
        (LOWEST_BAND_GREY_ON_BLACK, HIGHEST_BAND_GREY_ON_BLACK, CONTOUR_DARKENING_ON_BLACK)
        if dark
        else (LOWEST_BAND_GREY, HIGHEST_BAND_GREY, CONTOUR_DARKENING)
    )
    greys = low + (high - low) * bands / (BAND_COUNT - 1)
    contours = (np.diff(bands, axis=0, prepend=bands[:1]) != 0) | (np.diff(bands, axis=1, prepend=bands[:, :1]) != 0)
    return Image.fromarray((greys - line * contours).astype(np.uint8))


def loss_bands(surface: Surface, width: int, height: int) -> NDArray[np.int64]:
    """Return the band of each pixel ``[height, width]``, 0 the lowest; bands are even in the log loss.

    Args:
        surface: The surface, sampled over its box.
        width: Number of columns.
        height: Number of rows, the first at the top.

    Example:
        >>> from surefoot.surfaces.quadratics import Ravine
        >>> loss_bands(Ravine(1.0), 5, 5)[2].tolist()
        [11, 9, 0, 9, 11]
    """
    (left, right), (low, high) = surface.box
    x = left + (right - left) * (np.arange(width) + 0.5) / width
    y = high - (high - low) * (np.arange(height) + 0.5) / height
    losses = surface.value(torch.from_numpy(np.stack(np.meshgrid(x, y), axis=-1))).numpy() - surface.lowest
    highest = losses.max() or 1.0  # 0 where the surface is flat
    share = 1.0 - np.log(np.maximum(losses / highest, MIN_LOSS_SHARE)) / np.log(MIN_LOSS_SHARE)
    bands: NDArray[np.int64] = np.minimum(share * BAND_COUNT, BAND_COUNT - 1).astype(np.int64)
    return bands


def _overlay_url(surface: Surface) -> str:
    """Return the transparent image as a data URL."""
    greys = np.asarray(loss_image(surface, 2 * FIGURE_WIDTH, 2 * FIGURE_HEIGHT), dtype=np.float64)
    density = (255.0 - greys) / (255.0 - OVERLAY_GREY)
    overlay = np.stack([*(np.full_like(density, OVERLAY_GREY),) * 3, 255.0 * density], axis=-1)
    buffer = io.BytesIO()
    Image.fromarray(overlay.round().astype(np.uint8), mode="RGBA").save(buffer, format="png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


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
    trajectories = layered(*(_descent_plane(descent) if surface.dimensions > 1 else _descent_line(descent)))
    contours = "; the darker the background, the lower the loss" if surface.dimensions > 1 else ""
    chart: alt.VConcatChart = titled(
        column(trajectories, _descent_losses(descent), spacing=24).resolve_scale(color="shared"),
        f"{surface.name}: {descent.steps:,} steps",
        subtitle=[surface.about, f"Small dots are steps, large dots the last step, crosses minima{contours}."],
    )
    return chart


def recipe_names(descent: Descent) -> list[str]:
    """Return the recipes of a descent as names that differ."""
    return unique_names([str(recipe) for recipe in descent.recipes])


def _descent_plane(descent: Descent) -> list[alt.Chart]:
    (left, right), (low, high) = descent.surface.box
    axis = alt.Axis(grid=False, zindex=1, tickCount=8)
    x = alt.X("x:Q", title="x", scale=alt.Scale(domain=[left, right], nice=False), axis=axis)
    y = alt.Y("y:Q", title="y", scale=alt.Scale(domain=[low, high], nice=False), axis=axis)
    return [
        contour_layer(descent.surface, size=(FIGURE_WIDTH, FIGURE_HEIGHT)),
        _minima(descent.surface, x, y),
        *_trajectory_layers(descent, x, y),
    ]


def _descent_line(descent: Descent) -> list[alt.Chart]:
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
    rows = [row for k, name in enumerate(names) for row in _descent_rows(descent, k, name)]
    base = alt.Chart(inline_data(rows)).encode(x, y, color=trajectory_colour(names), detail="name:N", order="step:Q")
    tooltip = [alt.Tooltip("name:N", title="recipe"), "step:Q", alt.Tooltip("loss:Q", format=".4~g")]
    if descent.surface.dimensions > 1:
        yield base.mark_line(clip=True, strokeWidth=1.5, strokeJoin="round", opacity=0.8)
    yield base.mark_point(filled=True, size=24, opacity=0.9, clip=True).encode(tooltip=tooltip)
    last = alt.Chart(inline_data(last_rows(rows))).encode(x, y, color=trajectory_colour(names))
    yield last.mark_point(filled=True, size=150, opacity=1.0, clip=True, style="backdrop", strokeWidth=2)


def _descent_rows(descent: Descent, k: int, name: str) -> Iterator[Row]:
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


def _descent_losses(descent: Descent) -> alt.LayerChart:
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


_SLICE_TOOLTIP = [
    alt.Tooltip("name:N", title="recipe"),
    "step:Q",
    alt.Tooltip("loss:Q", title="loss of the training", format=".4~g"),
    alt.Tooltip("distance:Q", title="distance to the plane", format=".3~g"),
]


def loss_slice_figure(result: LossSlice) -> alt.VConcatChart:
    """Return the trajectories of the trainings over the slice, and below them the losses of the trainings.

    Args:
        result: What ``slice_loss`` returned.
    """
    plane = layered(*_slice_plane(result, size=(FIGURE_WIDTH, FIGURE_HEIGHT)))
    on_surface = result.along == "coordinates"
    legend_note = "" if on_surface else " The legend says how much of a trajectory is in the plane."
    chart: alt.VConcatChart = titled(
        column(plane, _slice_losses(result), spacing=24).resolve_scale(color="shared"),
        slice_title(result),
        subtitle=[
            result.surface.about,
            f"The darker the background, the lower the loss.{legend_note}",
        ],
    )
    return chart


def loss_plane(result: LossSlice) -> alt.LayerChart:
    """Return the trajectories of the trainings over the slice, alone.

    Args:
        result: What ``slice_loss`` returned.
    """
    chart: alt.LayerChart = titled(
        layered(*_slice_plane(result, size=None)),
        "Real trainings over a slice of the real loss",
        subtitle=result.surface.about,
    )
    return chart


def _slice_plane(result: LossSlice, *, size: tuple[int, int] | None) -> list[alt.Chart]:
    (left, right), (low, high) = result.surface.box
    axis = alt.Axis(grid=False, zindex=1, tickCount=7)
    x = alt.X("x:Q", title=_axis_title(result, 0), scale=alt.Scale(domain=[left, right], nice=False), axis=axis)
    y = alt.Y("y:Q", title=_axis_title(result, 1), scale=alt.Scale(domain=[low, high], nice=False), axis=axis)
    names = _trajectory_names(result)
    colour = trajectory_colour(names)
    rows = [row for name, each in zip(names, result.trajectories, strict=True) for row in _slice_rows(name, each)]
    base = alt.Chart(inline_data(rows)).encode(x, y, color=colour, detail="name:N", order="step:Q")
    ends = alt.Chart(inline_data(last_rows(rows))).encode(x, y, color=colour)
    start = alt.Chart(inline_data(rows[:1])).encode(x, y)
    return [
        contour_layer(result.surface, size=size),
        base.mark_line(clip=True, strokeWidth=2, strokeJoin="round", opacity=0.9),
        base.mark_point(filled=True, size=26, opacity=1.0, clip=True).encode(tooltip=_SLICE_TOOLTIP),
        ends.mark_point(filled=True, size=150, opacity=1.0, clip=True, style="backdrop", strokeWidth=2),
        start.mark_point(shape="cross", filled=True, size=110, opacity=1.0, clip=True, style="drawn"),
    ]


def _axis_title(result: LossSlice, axis: int) -> str:
    """Return what an axis is: a parameter, or a distance in weights.

    Along random directions distances are in units of the filters' norms.
    """
    which = ("first", "second")[axis]
    if result.along == "coordinates":
        return f"{which} parameter"
    if result.along == "random" or result.axis_values is None:
        return f"{which} random direction, times the filters' norms"
    if result.along == "pca":
        return f"{which} direction: {format_percent(result.axis_values[axis])} of the spread"
    return f"distance where the curvature is {format_number(result.axis_values[axis])}"


def _slice_losses(result: LossSlice) -> alt.LayerChart:
    names = _trajectory_names(result)
    rows = [row for name, each in zip(names, result.trajectories, strict=True) for row in _slice_rows(name, each)]
    scale, axis = loss_scale([float(row["loss"] or 0.0) for row in rows])
    x = step_axis(max(int(each.steps[-1]) for each in result.trajectories))
    y = alt.Y("loss:Q", title="loss of the training", scale=scale, axis=axis)
    base = alt.Chart(inline_data(rows)).encode(x, y, color=trajectory_colour(names))
    dots = base.mark_point(filled=True, size=26, opacity=1.0).encode(tooltip=_SLICE_TOOLTIP)
    return layered(base.mark_line(clip=True, strokeWidth=2, strokeJoin="round"), dots, height=200)


def _trajectory_names(result: LossSlice) -> list[str]:
    """Return the recipes, each with how much of its trajectory the plane shows, where that is not all of it."""
    names = unique_names([str(each.recipe) for each in result.trajectories])
    shown = [
        f": outside from step {each.left_at}"
        if each.left_at is not None
        else f": {format_percent(each.share_in_plane)} in the plane"
        if result.along != "coordinates"
        else ""
        for each in result.trajectories
    ]
    return [f"{name}{share}" for name, share in zip(names, shown, strict=True)]


def _slice_rows(name: str, trajectory: ProjectedTrajectory) -> Iterator[Row]:
    columns = trajectory.steps.tolist(), trajectory.points.tolist(), trajectory.losses, trajectory.distances
    for step, (x, y), loss, distance in zip(*columns, strict=True):
        yield {"name": name, "step": step, "x": x, "y": y, "loss": float(loss), "distance": float(distance)}
