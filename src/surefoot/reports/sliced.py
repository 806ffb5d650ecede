"""A slice of a loss in the terminal: where the trainings ended, and how much of their ways the plane shows."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from surefoot.explanation.slices.result import LossSlice
from surefoot.numerals import measured, numeral, percent, seconds_text
from surefoot.reports.tables import plain_table

# An error that is smaller is said to be at most this.
LEAST_ERROR = 1e-4


def slice_table(found: LossSlice) -> RenderableType:
    """Return a row for each training."""
    table = plain_table("recipe", "end loss", "in plane")
    for way in found.ways:
        table.add_row(str(way.recipe), measured(way.end_loss), percent(way.within) if len(way.steps) > 1 else "-")
    table.columns[0].overflow = "fold"
    left = [
        Text(f"{way.recipe} is out of the picture from step {way.left_at:,} on.") for way in found.ways if way.left_at
    ]
    head = Text(f"The loss of {found.task} on a plane of its weights", style="bold")
    return Group(head, Text(slice_sentence(found)), table, *left, Text(slice_cost(found)))


def slice_sentence(found: LossSlice) -> str:
    """Return what plane it is, with its numbers."""
    about = found.surface.about.removesuffix(".")
    if found.told is None:
        return f"{about}."
    if found.along == "ways":
        return f"{about}: {percent(found.told[0])} along the first, {percent(found.told[1])} along the second."
    return f"{about}: curvatures {numeral(found.told[1])} and {numeral(found.told[0])}."


def slice_caption(found: LossSlice) -> str:
    """Return how the picture of a slice is to be read."""
    return (
        f"{slice_sentence(found)} The ground is the loss of {found.samples:,} training samples, the lower the more "
        "grey; ways are the shadows that trainings cast on the plane, from the cross to the rings."
    )


def slice_cost(found: LossSlice) -> str:
    """Return what it cost, and how exact the landscape is."""
    rows, columns = found.surface.grid.shape
    unknown = f" ({found.unknown:,} of them without a number, drawn as high as any)" if found.unknown else ""
    return (
        f"{seconds_text(found.seconds)}: {found.config_steps:,} config-steps; losses of {found.samples:,} samples at "
        f"{columns} x {rows} places{unknown}{_error(found.error)}."
    )


def _error(error: float | None) -> str:
    if error is None:
        return ""
    share = f"{100 * error:.2g}" if error >= LEAST_ERROR else f"{100 * LEAST_ERROR:g}"
    return f"; between them wrong by at most {share} % of their range where it was looked"
