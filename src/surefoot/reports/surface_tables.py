"""A descent in the terminal: where the balls ended, and what happened to them.

A schedule drawn with characters, for the terminal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import plotext
from rich.console import Group, RenderableType
from rich.text import Text

from surefoot.core.formatting import measured, numeral
from surefoot.core.values import Json
from surefoot.plots.axes import linear_ticks
from surefoot.reports.search_tables import plain_table
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.text import schedule_text
from surefoot.surfaces.descent import Descent
from surefoot.surfaces.events import Event, events


def descent_table(descent: Descent) -> RenderableType:
    """Return a row for each ball."""
    table = plain_table("recipe", "loss at the end")
    table.add_column("what happened")
    for recipe, losses, happened in zip(descent.recipes, descent.losses, events(descent.surface, descent), strict=True):
        table.add_row(str(recipe), measured(float(losses[-1])), _words(happened))
    head = Text(f"{descent.surface.name}, {descent.steps:,} steps", style="bold")
    return Group(head, Text(descent.surface.about), table)


def descent_json(descent: Descent) -> dict[str, Json]:
    """Return a descent as the JSON object that the command prints: every position, ``null`` where it is no number."""
    return {
        "schema": 1,
        "surface": descent.surface.name,
        "steps": descent.steps,
        "lowest": descent.surface.lowest,
        "balls": [_ball(descent, k, happened) for k, happened in enumerate(events(descent.surface, descent))],
    }


def _words(happened: Sequence[Event]) -> str:
    return ", ".join(f"{event.kind.value} at {event.step:,}" for event in happened) or "nothing of note"


def _ball(descent: Descent, k: int, happened: Sequence[Event]) -> Json:
    return {
        "recipe": str(descent.recipes[k]),
        "losses": [_finite(loss) for loss in descent.losses[k].tolist()],
        "positions": [[_finite(each) for each in place] for place in descent.positions[k].tolist()],
        "events": [{"kind": event.kind.value, "step": event.step} for event in happened],
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


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
