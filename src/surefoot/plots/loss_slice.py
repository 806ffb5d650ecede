"""A slice of a real loss, with the trainings that went past it."""

from __future__ import annotations

from collections.abc import Iterator

import altair as alt

from surefoot.core.formatting import numeral, percent
from surefoot.loss_slices.result import LossSlice, Way
from surefoot.plots.axes import loss_scale
from surefoot.plots.loss_contours import ball_colours, ground_layer, numbered
from surefoot.plots.theme import HEIGHT, WIDTH, Row, column, finished, inline, layered

_TOOLTIP = [
    alt.Tooltip("name:N", title="recipe"),
    "step:Q",
    alt.Tooltip("loss:Q", title="its loss", format=".4~g"),
    alt.Tooltip("away:Q", title="off the plane", format=".3~g"),
]


def loss_slice(found: LossSlice) -> alt.VConcatChart:
    """Return the ways of the trainings over the slice, and below them their real losses."""
    chart: alt.VConcatChart = finished(
        column(layered(*_plane(found, size=(WIDTH, HEIGHT))), _losses(found), spacing=24).resolve_scale(color="shared"),
        f"The loss of {found.task} on a plane of its weights",
        subtitle=[
            found.surface.about,
            "The darker the ground, the lower the loss. How much of each way lies in the plane is named.",
        ],
    )
    return chart


def loss_plane(found: LossSlice, *, size: tuple[int, int] | None = None) -> alt.LayerChart:
    """Return the ways alone, over the slice.

    Args:
        found: The slice.
        size: Of the chart, in points, if it is one of several in a column.
    """
    chart: alt.LayerChart = finished(
        layered(*_plane(found, size=size)), "Real trainings over a slice of the real loss", subtitle=found.surface.about
    )
    return chart


def _plane(found: LossSlice, *, size: tuple[int, int] | None = None) -> list[alt.Chart]:
    (left, right), (low, high) = found.surface.box
    x = alt.X("x:Q", title=_axis_title(found, 0), scale=alt.Scale(domain=[left, right], nice=False), axis=_AXIS)
    y = alt.Y("y:Q", title=_axis_title(found, 1), scale=alt.Scale(domain=[low, high], nice=False), axis=_AXIS)
    colour = _by_way(found)
    rows = [row for name, way in zip(_names(found), found.ways, strict=True) for row in _way_rows(name, way)]
    base = alt.Chart(inline(rows)).encode(x, y, color=colour, detail="name:N", order="step:Q")
    ends = alt.Chart(inline({row["name"]: row for row in rows}.values())).encode(x, y, color=colour)
    start = alt.Chart(inline([rows[0]])).encode(x, y)
    return [
        ground_layer(found.surface, size=size),
        base.mark_line(clip=True, strokeWidth=2, strokeJoin="round", opacity=0.9),
        base.mark_point(filled=True, size=26, opacity=1.0, clip=True).encode(tooltip=_TOOLTIP),
        ends.mark_point(filled=True, size=150, opacity=1.0, clip=True, style="backdrop", strokeWidth=2),
        start.mark_point(shape="cross", filled=True, size=110, opacity=1.0, clip=True, style="drawn"),
    ]


_AXIS = alt.Axis(grid=False, zindex=1, tickCount=7)


def _axis_title(found: LossSlice, axis: int) -> str:
    """Return what one of the two axes is.

    Distances in weights; with random directions in the network's own lengths.
    """
    which = ("first", "second")[axis]
    if found.along == "random" or found.told is None:
        return f"{which} random direction, times the filters' lengths"
    if found.along == "ways":
        return f"{which} direction: {percent(found.told[axis])} of the spread"
    return f"distance where the curvature is {numeral(found.told[axis])}"


def _losses(found: LossSlice) -> alt.LayerChart:
    rows = [row for name, way in zip(_names(found), found.ways, strict=True) for row in _way_rows(name, way)]
    scale, axis = loss_scale([float(row["loss"] or 0.0) for row in rows])
    last = max(int(way.steps[-1]) for way in found.ways)
    x = alt.X(
        "step:Q",
        title="step",
        axis=alt.Axis(tickCount=6, format=",~f", tickMinStep=1),
        scale=alt.Scale(domain=[0, max(1, last)], nice=False),
    )
    y = alt.Y("loss:Q", title="the training's own loss", scale=scale, axis=axis)
    base = alt.Chart(inline(rows)).encode(x, y, color=_by_way(found))
    dots = base.mark_point(filled=True, size=26, opacity=1.0).encode(tooltip=_TOOLTIP)
    return layered(base.mark_line(clip=True, strokeWidth=2, strokeJoin="round"), dots, height=200)


def _by_way(found: LossSlice) -> alt.Color:
    names = _names(found)
    scale = alt.Scale(domain=names, range=list(ball_colours(len(names))))
    legend = alt.Legend(orient="top", title=None, columns=1, labelLimit=500, symbolType="circle", symbolOpacity=1.0)
    return alt.Color("name:N", scale=scale, legend=legend)


def _names(found: LossSlice) -> list[str]:
    """Return the recipes, and how much of each way the picture can show."""
    names = numbered([str(way.recipe) for way in found.ways])
    return [
        f"{name}: {percent(way.within)} in the plane"
        if way.left_at is None
        else f"{name}: out of it from step {way.left_at}"
        for name, way in zip(names, found.ways, strict=True)
    ]


def _way_rows(name: str, way: Way) -> Iterator[Row]:
    for step, place, loss, away in zip(way.steps.tolist(), way.places.tolist(), way.losses, way.away, strict=True):
        yield {
            "name": name,
            "step": step,
            "x": place[0],
            "y": place[1],
            "loss": float(loss),
            "away": float(away),
        }
