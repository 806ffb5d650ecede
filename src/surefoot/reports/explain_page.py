"""The report of an explanation: the textbook's claims with verdict, numbers and figure, as one HTML article."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surefoot.core.formatting import numeral
from surefoot.explanation.claim import Claim, Courses, Ends, Plane, Verdict, Ways
from surefoot.explanation.result import ExplainResult
from surefoot.loss_slices.result import SLICE
from surefoot.plots.claim_figures import claim_figure
from surefoot.plots.loss_slice import loss_plane
from surefoot.reports.explain_tables import explain_cost, explain_headline, explain_note, foretold, slice_caption
from surefoot.reports.page import page, panel, write_page

# The verdict's class in the style sheet.
LOOKS: dict[Verdict, str] = {"holds": "yes", "does not hold here": "no", "too close to call": "open"}
CAPTIONS = {
    Courses: "Losses are shares of what standing still would leave; the lower and the sooner, the better.",
    Ends: "Each place is trainings of one recipe; what diverged, or ended above its start, has learnt nothing: 1.",
    Ways: "Every dot is a step.",
    Plane: "Dark is low. Along a row the momentum stays, along a column the learning rate.",
}


RANGES_CAPTION = "Up to the dot training learns at least a tenth of what it learns at its best rate."


@dataclass(frozen=True, slots=True)
class Measured:
    """A row of a claim's numbers, in words."""

    name: str
    value: str
    bounds: str
    foretold: str


@dataclass(frozen=True, slots=True)
class Section:
    """A claim as the page shows it."""

    claim: Claim
    look: str
    rows: tuple[Measured, ...]
    command: str | None


def write_explain_html(
    result: ExplainResult,
    path: Path,
    *,
    commands: Mapping[str, str],
    environment: Mapping[str, Any] | None = None,
    command: str | None = None,
) -> None:
    """Write the report of an explanation as one page.

    Args:
        result: What was found.
        path: Of the page.
        commands: What repeats each claim, by its name, and the slice.
        environment: What it ran on.
        command: What asks for all of it again.

    Raises:
        OutputError: If the file cannot be written.
    """
    write_page(explain_html(result, commands=commands, environment=environment, command=command), path)


def explain_html(
    result: ExplainResult,
    *,
    commands: Mapping[str, str],
    environment: Mapping[str, Any] | None = None,
    command: str | None = None,
) -> str:
    """Return the page."""
    sliced = result.loss_slice
    return page(
        "explain.html.j2",
        panels=[
            *(panel(claim_figure(claim), CAPTIONS.get(type(claim.figure), RANGES_CAPTION)) for claim in result.claims),
            *([] if sliced is None else [panel(loss_plane(sliced), slice_caption(sliced))]),
        ],
        recipe=None,
        steps=result.steps,
        environment=environment,
        command=command,
        result=result,
        headline=explain_headline(result),
        sections=[
            Section(claim, LOOKS[claim.verdict], tuple(_rows(claim)), commands.get(claim.name))
            for claim in result.claims
        ],
        note=explain_note(result),
        slice_command=commands.get(SLICE),
        cost=explain_cost(result),
    )


def _rows(claim: Claim) -> list[Measured]:
    """Return what the verdict rests on, then what else was measured."""
    judged = [(effect.number, foretold(effect)) for effect in claim.effects]
    others = [(number, "") for number in claim.numbers]
    return [
        Measured(number.name, numeral(number.mean) + ("x" if number.unit == "x" else ""), number.bounds, claimed)
        for number, claimed in (*judged, *others)
    ]
