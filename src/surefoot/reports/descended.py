"""A descent in the terminal: where the balls ended, and what happened to them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from surefoot.numerals import measured
from surefoot.reports.tables import plain_table
from surefoot.surfaces.descent import Descent
from surefoot.surfaces.events import Event, events
from surefoot.values import Json


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
