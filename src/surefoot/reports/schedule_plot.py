"""A schedule drawn with characters, for the terminal."""

from __future__ import annotations

import numpy as np
import plotext

from surefoot.core.formatting import format_number
from surefoot.plots.axes import linear_ticks
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.text import schedule_text

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
