"""A descent on a surface as the terminal shows it, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from surefoot.core.formatting import format_measurement
from surefoot.core.values import Json, finite_or_none
from surefoot.reports.terminal_table import plain_table
from surefoot.surfaces.descent import Descent
from surefoot.surfaces.events import Event, events


def descent_table(descent: Descent) -> RenderableType:
    """Return a row for each recipe: its final loss, and its events.

    Args:
        descent: What ``descend`` returned.
    """
    table = plain_table("recipe", "loss at the end")
    table.add_column("events")
    happened = events(descent.surface, descent)
    for recipe, losses, recipe_events in zip(descent.recipes, descent.losses, happened, strict=True):
        table.add_row(str(recipe), format_measurement(float(losses[-1])), _events_text(recipe_events))
    title = Text(f"{descent.surface.name}, {descent.steps:,} steps", style="bold")
    return Group(title, Text(descent.surface.about), table)


def descent_json(descent: Descent) -> dict[str, Json]:
    """Return a descent as the JSON object that the command prints; positions and losses that are not finite are null.

    Args:
        descent: What ``descend`` returned.
    """
    happened = events(descent.surface, descent)
    return {
        "schema": 1,
        "surface": descent.surface.name,
        "steps": descent.steps,
        "lowest": descent.surface.lowest,
        "balls": [_recipe_json(descent, k, recipe_events) for k, recipe_events in enumerate(happened)],
    }


def _events_text(happened: Sequence[Event]) -> str:
    return ", ".join(f"{event.kind.value} at {event.step:,}" for event in happened) or "none"


def _recipe_json(descent: Descent, k: int, happened: Sequence[Event]) -> Json:
    return {
        "recipe": str(descent.recipes[k]),
        "losses": [finite_or_none(loss) for loss in descent.losses[k].tolist()],
        "positions": [[finite_or_none(each) for each in position] for position in descent.positions[k].tolist()],
        "events": [{"kind": event.kind.value, "step": event.step} for event in happened],
    }
