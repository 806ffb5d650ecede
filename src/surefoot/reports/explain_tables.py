"""An explanation and a slice as the terminal shows them."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from surefoot.core.formatting import format_measurement, format_percent
from surefoot.explanation.claim import ClaimResult, ClaimVerdict
from surefoot.explanation.result import ExplainResult
from surefoot.loss_slices.result import SLICE_COMMAND, LossSlice
from surefoot.reports.terminal_table import plain_table
from surefoot.wording.explanation import (
    explain_cost,
    explain_headline,
    explain_note,
    slice_cost,
    slice_sentence,
    slice_title,
)

# In front of a claim: its verdict at a glance, without colour.
VERDICT_MARKS: dict[ClaimVerdict, str] = {"holds": "+", "does not hold here": "-", "too close to call": "?"}


def explain_table(result: ExplainResult, commands: Mapping[str, str]) -> RenderableType:
    """Return the claims with their verdicts, the table of learning rate and momentum, and the cost.

    Args:
        result: What ``explain`` returned.
        commands: Commands that repeat each claim, by its name, and the slice.
    """
    parts: list[RenderableType] = [Text(explain_headline(result), style="bold")]
    parts += [_below_gap(_claim_text(claim, commands)) for claim in result.claims]
    if result.comparison:
        parts.append(_below_gap(_comparison_table(result)))
    if SLICE_COMMAND in commands:
        parts.append(_below_gap(Text(f"A figure of the loss around these trainings: {commands[SLICE_COMMAND]}")))
    if result.left_out:
        lines = [Text(f"  {name}: {why}.") for name, why in result.left_out]
        parts.append(_below_gap(Group(Text("Not tested here:"), *lines)))
    return Group(*parts, _below_gap(Text(explain_note(result))), Text(explain_cost(result)))


def slice_table(result: LossSlice) -> RenderableType:
    """Return a row for each training: its final loss, and how much of its trajectory lies in the plane.

    Args:
        result: What ``slice_loss`` returned.
    """
    on_surface = result.along == "coordinates"
    table = plain_table("recipe", "end loss", *([] if on_surface else ["in plane"]))
    for each in result.trajectories:
        share = format_percent(each.share_in_plane) if len(each.steps) > 1 else "-"
        table.add_row(str(each.recipe), format_measurement(each.end_loss), *([] if on_surface else [share]))
    table.columns[0].overflow = "fold"
    outside = [
        Text(f"{each.recipe} is outside of the figure from step {each.left_at:,}.")
        for each in result.trajectories
        if each.left_at
    ]
    title = Text(slice_title(result), style="bold")
    return Group(title, Text(slice_sentence(result)), table, *outside, Text(slice_cost(result)))


def _below_gap(part: RenderableType) -> RenderableType:
    return Padding(part, (1, 0, 0, 0))


def _claim_text(claim: ClaimResult, commands: Mapping[str, str]) -> RenderableType:
    title = Text.assemble((f"{VERDICT_MARKS[claim.verdict]} {claim.title}: ", ""), (claim.verdict, "bold"))
    body: list[RenderableType] = [Text(claim.sentence)]
    if claim.name in commands:
        body.append(Text(commands[claim.name], style="dim"))
    return Group(title, Padding(Group(*body), (0, 0, 0, 2)))


def _comparison_table(result: ExplainResult) -> Table:
    table = plain_table("")
    table.add_column("Learning rate", ratio=1)
    table.add_column("Momentum", ratio=1)
    for row in result.comparison:
        table.add_row(row.respect, row.lr, row.momentum)
    return table
