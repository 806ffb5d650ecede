"""Results as the terminal shows them: descents, explanations, slices and diagnoses, and what all tables share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from surefoot.core.formatting import format_measurement, format_number, format_percent
from surefoot.wording.explain_and_slice import (
    explain_cost,
    explain_headline,
    explain_note,
    slice_cost,
    slice_sentence,
    slice_title,
)
from surefoot.wording.search import HYPERPARAMETER_NAMES
from surefoot.wording.verdicts import VERDICT_TITLES, symptoms_text, verdict_title

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from surefoot.explanation.claim_result import ClaimResult, ClaimVerdict
    from surefoot.explanation.result import ExplainResult
    from surefoot.log_diagnosis.diagnose import DiagnoseResult
    from surefoot.loss_slices.result import LossSlice
    from surefoot.surfaces.descent import Descent, Event


def plain_table(first: str, *numbers: str) -> Table:
    """Return an empty table that needs no colour to be read.

    Args:
        first: Title of the first column, which is text.
        numbers: Titles of the other columns, which are numbers, aligned to the right.
    """
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, collapse_padding=True, show_edge=False)
    table.add_column(first)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


@dataclass(frozen=True, slots=True)
class FittedTable:
    """A table in its wide form where the terminal has room for it, else in its narrow form.

    Attributes:
        draw: Returns the table of a result; takes the keyword ``narrow``.
        result: The result.
    """

    draw: Callable[..., Table]
    result: Any

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table."""
        wide = self.draw(self.result, narrow=False)
        fits = console.measure(wide, options=options.update(max_width=10_000)).minimum <= options.max_width
        yield wide if fits else self.draw(self.result, narrow=True)


def text_lines(*lines: str | None) -> list[RenderableType]:
    """Return lines of text, without those that are ``None`` or empty."""
    return [Text(line) for line in lines if line]


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


# In front of a claim: its verdict at a glance, without colour.
VERDICT_MARKS: dict[ClaimVerdict, str] = {"holds": "+", "does not hold here": "-", "too close to call": "?"}


def explain_table(result: ExplainResult, commands: Mapping[str, str]) -> RenderableType:
    """Return the claims with their verdicts, the table of learning rate and momentum, and the cost.

    Args:
        result: What ``explain`` returned.
        commands: Commands that repeat each claim, by its name, and the slice.
    """
    from surefoot.loss_slices.result import SLICE_COMMAND  # noqa: PLC0415  (imports torch, a second)

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


def diagnosis_text(result: DiagnoseResult) -> RenderableType:
    """Return the result of a diagnosis: the verdict, the advice, symptoms, other findings, and what was read.

    Args:
        result: What ``diagnose`` returned.
    """
    first, *others = result.findings
    parts = [Text(f"{verdict_title(first)}: {result.log.source}", style="bold"), Text(first.why)]
    if first.advice:
        parts.append(Text("Try " + ", ".join(_advice_text(*item) for item in first.advice.items()), style="bold"))
    if result.symptoms:
        parts.append(Text(f"The curve shows: {symptoms_text(result.symptoms)}"))
    parts += [Text(f"{VERDICT_TITLES[finding.verdict]}: {finding.why}") for finding in others]
    return Group(*parts, Text(" ".join(_source_notes(result)), style="dim"))


def _advice_text(name: str, value: float | str) -> str:
    return f"{HYPERPARAMETER_NAMES.get(name, name)} {value if isinstance(value, str) else format_number(value)}"


def _source_notes(result: DiagnoseResult) -> Iterator[str]:
    """Yield which column was read as which quantity, and what was unusual about the log."""
    names = ", ".join(f"{quantity} from {name!r}" for quantity, name in result.log.names.items())
    yield f"Read up to step {result.log.last_step:,}{f': {names}' if names else ''}."
    yield from (f"{note[0].upper()}{note[1:]}." for note in result.log.notes)
