"""A schedule drawn with characters, for the terminal."""

from __future__ import annotations

import numpy as np
import plotext

from surefoot.numerals import numeral
from surefoot.plots.axes import linear_ticks
from surefoot.schedules.base import Schedule
from surefoot.schedules.text import schedule_text


def schedule_plot(schedule: Schedule, total: int, *, width: int = 72, height: int = 16) -> str:
    """Return a schedule drawn with characters, without colours.

    Args:
        schedule: What to draw.
        total: Steps of the training.
        width: Columns, at least 30.
        height: Lines, at least 8.
    """
    steps = np.unique(np.linspace(0, total - 1, min(total, 4 * width)).round().astype(np.int64))
    values = schedule.values(steps, total)
    # The library draws on one figure that all share: cleared before and after.
    plotext.terminal.limit(False, False)
    figure = plotext.figure.clear()
    figure.plot_size(max(width, 30), max(height, 8)).theme("colorless")
    figure.draw(figure.signal(steps.tolist(), values.tolist(), marker="braille").lines())
    low, high = min(0.0, float(values.min())), float(values.max()) or 1.0
    at_y, at_x = linear_ticks(low, high, most=max(3, height // 3)), linear_ticks(0, total, most=max(3, width // 14))
    figure.ruler("y").lim(low, high).ticks(at_y, [numeral(tick) for tick in at_y])
    figure.ruler("x").lim(0, total).ticks(at_x, [f"{tick:,.0f}" if tick == int(tick) else "" for tick in at_x])
    figure.title(schedule_text(schedule)).label(f"step of {total:,}")
    drawn: str = figure.build().string(colorless=True)
    plotext.figure.clear()
    return "\n".join(line.rstrip() for line in drawn.splitlines())
