"""Schedules over a training, as a figure or drawn with characters in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import altair as alt
import numpy as np
import plotext

from surefoot.core.formatting import format_number
from surefoot.plots.axes_and_point_labels import linear_ticks, step_axis
from surefoot.plots.chart import Row, inline_data, layered, sampled_indices, titled
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.constant import Constant
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.text import schedule_text


def schedule_figure(
    schedules: Schedule | Mapping[str, Schedule], *, steps: int, quantity: str = "learning rate"
) -> alt.LayerChart:
    """Return one schedule, or several by name, over a training.

    Args:
        schedules: A schedule, or schedules by the names that the legend gives them.
        steps: Length of the training in steps.
        quantity: What the values are: the title of their axis.
    """
    named = {schedule_text(schedules): schedules} if isinstance(schedules, Schedule) else dict(schedules)
    rows = [row for name, schedule in named.items() for row in _schedule_rows(name, schedule, steps)]
    lines = alt.Chart(inline_data(rows)).mark_line(strokeJoin="round")
    chart = layered(lines.encode(step_axis(steps), _value_axis(quantity), color=_name_colour(named)))
    subtitle = schedule_text(schedules) if isinstance(schedules, Schedule) else None
    figure: alt.LayerChart = titled(chart, f"The {quantity} over {steps} steps", subtitle=subtitle)
    return figure


def recipe_schedule(recipe: Recipe, *, steps: int, title: str | None = None) -> alt.LayerChart:
    """Return a recipe's learning rate over a training; its momentum too, on a second axis, where that changes.

    Args:
        recipe: The recipe.
        steps: Length of the training in steps.
        title: Title of the figure; by default that of a recommended recipe.
    """
    lr = alt.Chart(inline_data(_schedule_rows("learning rate", recipe.lr, steps)))
    changes = not isinstance(recipe.momentum, Constant)
    legend = alt.Legend(orient="top", title=None, symbolType="stroke") if changes else None
    colour = alt.Color("name:N", scale=alt.Scale(domain=["learning rate", "momentum"]), legend=legend)
    chart = layered(lr.mark_line().encode(step_axis(steps), _value_axis("learning rate"), color=colour))
    subtitle = f"learning rate {schedule_text(recipe.lr)}"
    if changes:
        momentum = alt.Chart(inline_data(_schedule_rows("momentum", recipe.momentum, steps)))
        axis = alt.Axis(orient="right", grid=False)
        y = alt.Y("value:Q", title="momentum", scale=alt.Scale(domain=[0, 1]), axis=axis)
        chart.layer.append(momentum.mark_line(strokeDash=[6, 3]).encode(step_axis(steps), y, color=colour))
        chart = chart.resolve_scale(y="independent")
    else:
        subtitle += f", momentum {format_number(recipe.momentum.value(0, steps))} throughout"
    figure: alt.LayerChart = titled(
        chart, title or f"The recommended schedule{'s' if changes else ''}", subtitle=subtitle
    )
    return figure


def _schedule_rows(name: str, schedule: Schedule, total: int) -> Iterator[Row]:
    steps = sampled_indices(total)
    for step, value in zip(steps, schedule.values(np.array(steps), total).tolist(), strict=True):
        yield {"name": name, "step": step, "value": value}


def _value_axis(quantity: str) -> alt.Y:
    return alt.Y("value:Q", title=quantity, scale=alt.Scale(zero=True), axis=alt.Axis(format="~g", tickCount=6))


def _name_colour(named: Mapping[str, Schedule]) -> alt.Color:
    legend = alt.Legend(orient="top", title=None, symbolType="stroke", columns=1, labelLimit=520)
    return alt.Color("name:N", scale=alt.Scale(domain=[*named]), legend=legend if len(named) > 1 else None)


# Letters that a tick label and the space next to it take, and lines for each tick of the vertical axis.
LETTERS_PER_TICK, LINES_PER_TICK = 14, 3
MIN_WIDTH, MIN_HEIGHT = 30, 8
# Values for each column of letters: a letter in braille is two dots wide.
VALUES_PER_COLUMN = 4


def schedule_plot(schedule: Schedule, total: int, *, width: int = 72, height: int = 16) -> str:
    """Return a schedule drawn in braille dots, without colours.

    Args:
        schedule: The schedule.
        total: Length of the training in steps.
        width: Width in letters, at least 30.
        height: Height in lines, at least 8.
    """
    steps = np.unique(np.linspace(0, total - 1, min(total, VALUES_PER_COLUMN * width)).round().astype(np.int64))
    values = schedule.values(steps, total)
    # plotext draws on one global figure, which is cleared before and after.
    plotext.terminal.limit(False, False)
    figure = plotext.figure.clear()
    figure.plot_size(max(width, MIN_WIDTH), max(height, MIN_HEIGHT)).theme("colorless")
    figure.draw(figure.signal(steps.tolist(), values.tolist(), marker="braille").lines())
    low, high = min(0.0, float(values.min())), float(values.max()) or 1.0
    value_ticks = linear_ticks(low, high, max_ticks=max(3, height // LINES_PER_TICK))
    step_ticks = linear_ticks(0, total, max_ticks=max(3, width // LETTERS_PER_TICK))
    figure.ruler("y").lim(low, high).ticks(value_ticks, [format_number(tick) for tick in value_ticks])
    step_labels = [f"{tick:,.0f}" if tick == int(tick) else "" for tick in step_ticks]
    figure.ruler("x").lim(0, total).ticks(step_ticks, step_labels)
    figure.title(schedule_text(schedule)).label(f"step of {total:,}")
    text: str = figure.build().string(colorless=True)
    plotext.figure.clear()
    return "\n".join(line.rstrip() for line in text.splitlines())
