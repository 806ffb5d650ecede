"""A descent on a surface as the terminal shows it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from surefoot.core.formatting import format_measurement
from surefoot.reports.terminal_table import plain_table
from surefoot.surfaces.descent import Descent
from surefoot.surfaces.events import Event


def descent_table(descent: Descent) -> RenderableType:
    """Return a row for each recipe: its final loss, and its events.

    Args:
        descent: What ``descend`` returned.
    """
    table = plain_table("recipe", "loss at the end")
    table.add_column("events")
    for recipe, losses, recipe_events in zip(descent.recipes, descent.losses, descent.events, strict=True):
        table.add_row(str(recipe), format_measurement(float(losses[-1])), _events_text(recipe_events))
    title = Text(f"{descent.surface.name}, {descent.steps:,} steps", style="bold")
    return Group(title, Text(descent.surface.about), table)


def _events_text(happened: Sequence[Event]) -> str:
    return ", ".join(f"{event.kind.value} at {event.step:,}" for event in happened) or "none"
