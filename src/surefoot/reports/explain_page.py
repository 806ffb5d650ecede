"""The report of an explanation as an HTML page: the textbook's claims with verdict, numbers and figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surefoot.core.formatting import format_number
from surefoot.explanation.claim_result import ClaimResult, ClaimVerdict
from surefoot.explanation.result import ExplainResult
from surefoot.loss_slices.result import SLICE_COMMAND
from surefoot.plots.figure_registry import figures_of
from surefoot.reports.page import PageFigure, page, write_page
from surefoot.wording.explain_and_slice import explain_cost, explain_headline, explain_note, predicted_effect

# The verdicts' classes in the style sheet.
VERDICT_CLASSES: dict[ClaimVerdict, str] = {"holds": "yes", "does not hold here": "no", "too close to call": "open"}


@dataclass(frozen=True, slots=True)
class EstimateRow:
    """A row of a claim's numbers, in words.

    Attributes:
        name: What was measured.
        value: The mean over seeds.
        bounds: The 90 % interval.
        predicted: What the claim predicts; empty where the verdict does not rest on the number.
    """

    name: str
    value: str
    bounds: str
    predicted: str


@dataclass(frozen=True, slots=True)
class Section:
    """A claim as the page shows it.

    Attributes:
        claim: The claim.
        verdict_class: The verdict's class in the style sheet.
        rows: The numbers.
        command: Command that repeats the claim; ``None`` where there is none.
        figures: Figures of the claim, each with its number on the page.
    """

    claim: ClaimResult
    verdict_class: str
    rows: tuple[EstimateRow, ...]
    command: str | None
    figures: tuple[tuple[int, PageFigure], ...]


def write_explain_html(
    result: ExplainResult,
    path: Path,
    *,
    commands: Mapping[str, str],
    environment: Mapping[str, Any] | None = None,
    command: str | None = None,
) -> None:
    """Write the report of an explanation as an HTML page.

    Args:
        result: What ``explain`` returned.
        path: Path of the page.
        commands: Commands that repeat each claim, by its name, and the slice.
        environment: Versions and hardware that the trainings ran with.
        command: Command that repeats the whole explanation.

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
    """Return the report of an explanation as an HTML page; arguments as those of :func:`write_explain_html`."""
    captioned = figures_of(result)
    figures = [PageFigure.of(each) for each in captioned]
    numbered = [(each.subject, (number, figures[number])) for number, each in enumerate(captioned)]
    sections = [
        Section(
            claim=claim,
            verdict_class=VERDICT_CLASSES[claim.verdict],
            rows=tuple(_estimate_rows(claim)),
            command=commands.get(claim.name),
            figures=tuple(figure for subject, figure in numbered if subject is claim),
        )
        for claim in result.claims
    ]
    return page(
        "explain.html.j2",
        figures=figures,
        recipe=None,
        steps=result.steps,
        environment=environment,
        command=command,
        result=result,
        headline=explain_headline(result),
        sections=sections,
        other_figures=[figure for subject, figure in numbered if subject is result],
        note=explain_note(result),
        slice_command=commands.get(SLICE_COMMAND),
        cost=explain_cost(result),
    )


def _estimate_rows(claim: ClaimResult) -> list[EstimateRow]:
    """Return the numbers that the verdict rests on, then the others."""
    effects = [(effect.estimate, predicted_effect(effect)) for effect in claim.effects]
    others = [(estimate, "") for estimate in claim.estimates]
    return [
        EstimateRow(
            name=estimate.name,
            value=format_number(estimate.mean) + ("x" if estimate.unit == "x" else ""),
            bounds=estimate.bounds,
            predicted=predicted,
        )
        for estimate, predicted in (*effects, *others)
    ]
