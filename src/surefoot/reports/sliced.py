"""A slice of a loss in the terminal: where the trainings ended, and how much of their ways the plane shows."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from surefoot.explanation.slices.result import LossSlice
from surefoot.numerals import measured, numeral, percent
from surefoot.reports.sentences import seconds_text
from surefoot.reports.tables import plain_table


def slice_table(found: LossSlice) -> RenderableType:
    """Return a row for each training."""
    table = plain_table("recipe", "loss at the end", "within the plane")
    for way in found.ways:
        end = measured(float(way.losses[-1])) if way.diverged_at is None else f"diverged at {way.diverged_at:,}"
        table.add_row(str(way.recipe), end, percent(way.within))
    head = Text(f"The loss of {found.task} on a plane of its weights", style="bold")
    return Group(head, Text(slice_sentence(found)), table, Text(slice_cost(found)))


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
    error = f"{100 * found.error:.2g}" if found.error >= 1e-4 else "less than 0.01"
    return (
        f"{seconds_text(found.seconds)}: {found.config_steps:,} config-steps; losses of {found.samples:,} samples at "
        f"{columns} x {rows} places, between them exact to {error} % of their range."
    )
