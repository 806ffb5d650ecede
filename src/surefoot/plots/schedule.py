"""Schedules over a training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import altair as alt
import numpy as np

from surefoot.core.formatting import numeral
from surefoot.plots.theme import Row, finished, inline, layered
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.constant import Constant
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.text import schedule_text

MOST_POINTS = 1500


def schedule(
    schedules: Schedule | Mapping[str, Schedule], *, steps: int, quantity: str = "learning rate"
) -> alt.LayerChart:
    """Return one schedule, or several by name, over a training.

    Args:
        schedules: What to draw.
        steps: Length of the training.
        quantity: What the values are: the title of their axis.
    """
    named = {schedule_text(schedules): schedules} if isinstance(schedules, Schedule) else dict(schedules)
    rows = [row for name, each in named.items() for row in _rows(name, each, steps)]
    lines = alt.Chart(inline(rows)).mark_line(strokeJoin="round").encode(_x(steps), _y(quantity), color=_by_name(named))
    figure: alt.LayerChart = finished(
        layered(lines),
        f"The {quantity} over {steps} steps",
        subtitle=schedule_text(schedules) if isinstance(schedules, Schedule) else None,
    )
    return figure


def recipe_schedule(recipe: Recipe, *, steps: int, title: str | None = None) -> alt.LayerChart:
    """Return a recipe's learning rate over a training; its momentum too, on an axis of its own, where that changes."""
    lr = alt.Chart(inline(_rows("learning rate", recipe.lr, steps)))
    momentum = recipe.momentum
    domain = alt.Scale(domain=["learning rate", "momentum"])
    legend = alt.Legend(orient="top", title=None, symbolType="stroke")
    moving = not isinstance(momentum, Constant)
    colour = alt.Color("name:N", scale=domain, legend=legend if moving else None)
    layers = [lr.mark_line().encode(_x(steps), _y("learning rate"), color=colour)]
    if moving:
        second = alt.Chart(inline(_rows("momentum", momentum, steps)))
        scale = alt.Scale(domain=[0, 1])
        right = alt.Y("value:Q", title="momentum", scale=scale, axis=alt.Axis(orient="right", grid=False))
        dashed = second.mark_line(strokeDash=[6, 3])
        layers.append(dashed.encode(_x(steps), right, color=colour))
    held = "" if moving else f", momentum {numeral(momentum.value(0, steps))} throughout"
    chart = layered(*layers)
    figure: alt.LayerChart = finished(
        chart.resolve_scale(y="independent") if moving else chart,
        title or f"The recommended schedule{'s' if moving else ''}",
        subtitle=f"learning rate {schedule_text(recipe.lr)}{held}",
    )
    return figure


def _rows(name: str, each: Schedule, steps: int) -> Iterator[Row]:
    at = np.unique(np.linspace(0, steps - 1, min(steps, MOST_POINTS)).round().astype(np.int64))
    for step, value in zip(at.tolist(), each.values(at, steps).tolist(), strict=True):
        yield {"name": name, "step": step, "value": value}


def _x(steps: int) -> alt.X:
    return alt.X(
        "step:Q", title="step", axis=alt.Axis(tickCount=6, format=",~f"), scale=alt.Scale(domain=[0, steps], nice=False)
    )


def _y(quantity: str) -> alt.Y:
    return alt.Y("value:Q", title=quantity, scale=alt.Scale(zero=True), axis=alt.Axis(format="~g", tickCount=6))


def _by_name(named: Mapping[str, Schedule]) -> alt.Color:
    legend = alt.Legend(orient="top", title=None, symbolType="stroke", columns=1, labelLimit=520)
    return alt.Color("name:N", scale=alt.Scale(domain=[*named]), legend=legend if len(named) > 1 else None)
