"""A slice of a real loss: the plane with the trainings projected onto it, and their losses over the steps."""

from __future__ import annotations

from collections.abc import Iterator

import altair as alt

from surefoot.core.formatting import format_number, format_percent
from surefoot.loss_slices.result import LossSlice, ProjectedTrajectory
from surefoot.plots.axes import loss_scale, step_axis
from surefoot.plots.chart import Row, column, inline_data, layered, titled
from surefoot.plots.descent import last_rows
from surefoot.plots.loss_contours import contour_layer
from surefoot.plots.theme import FIGURE_HEIGHT, FIGURE_WIDTH, trajectory_colour, unique_names
from surefoot.wording.explanation import slice_title

_TOOLTIP = [
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
    plane = layered(*_plane_layers(result, size=(FIGURE_WIDTH, FIGURE_HEIGHT)))
    on_surface = result.along == "coordinates"
    legend_note = "" if on_surface else " The legend says how much of a trajectory is in the plane."
    chart: alt.VConcatChart = titled(
        column(plane, _losses(result), spacing=24).resolve_scale(color="shared"),
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
        layered(*_plane_layers(result, size=None)),
        "Real trainings over a slice of the real loss",
        subtitle=result.surface.about,
    )
    return chart


def _plane_layers(result: LossSlice, *, size: tuple[int, int] | None) -> list[alt.Chart]:
    (left, right), (low, high) = result.surface.box
    axis = alt.Axis(grid=False, zindex=1, tickCount=7)
    x = alt.X("x:Q", title=_axis_title(result, 0), scale=alt.Scale(domain=[left, right], nice=False), axis=axis)
    y = alt.Y("y:Q", title=_axis_title(result, 1), scale=alt.Scale(domain=[low, high], nice=False), axis=axis)
    names = _trajectory_names(result)
    colour = trajectory_colour(names)
    rows = [row for name, each in zip(names, result.trajectories, strict=True) for row in _trajectory_rows(name, each)]
    base = alt.Chart(inline_data(rows)).encode(x, y, color=colour, detail="name:N", order="step:Q")
    ends = alt.Chart(inline_data(last_rows(rows))).encode(x, y, color=colour)
    start = alt.Chart(inline_data(rows[:1])).encode(x, y)
    return [
        contour_layer(result.surface, size=size),
        base.mark_line(clip=True, strokeWidth=2, strokeJoin="round", opacity=0.9),
        base.mark_point(filled=True, size=26, opacity=1.0, clip=True).encode(tooltip=_TOOLTIP),
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


def _losses(result: LossSlice) -> alt.LayerChart:
    names = _trajectory_names(result)
    rows = [row for name, each in zip(names, result.trajectories, strict=True) for row in _trajectory_rows(name, each)]
    scale, axis = loss_scale([float(row["loss"] or 0.0) for row in rows])
    x = step_axis(max(int(each.steps[-1]) for each in result.trajectories))
    y = alt.Y("loss:Q", title="loss of the training", scale=scale, axis=axis)
    base = alt.Chart(inline_data(rows)).encode(x, y, color=trajectory_colour(names))
    dots = base.mark_point(filled=True, size=26, opacity=1.0).encode(tooltip=_TOOLTIP)
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


def _trajectory_rows(name: str, trajectory: ProjectedTrajectory) -> Iterator[Row]:
    columns = trajectory.steps.tolist(), trajectory.points.tolist(), trajectory.losses, trajectory.distances
    for step, (x, y), loss, distance in zip(*columns, strict=True):
        yield {"name": name, "step": step, "x": x, "y": y, "loss": float(loss), "distance": float(distance)}
