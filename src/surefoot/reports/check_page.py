"""The report of a check as an HTML page: the verdict, what to do, and the evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from surefoot.checking.result import CheckResult
from surefoot.core.finding_and_symptoms import Finding
from surefoot.core.formatting import format_measurement, format_number
from surefoot.plots.figure_registry import figures_of
from surefoot.reports.page import PageFigure, page, write_page
from surefoot.reports.terminal_check_table import trial_columns, trial_rows
from surefoot.wording.verdicts import (
    EVIDENCE_LABELS,
    VERDICT_TITLES,
    check_cost,
    check_notes,
    verdict_title,
    why_no_stability_map,
)

# The numbers of the evidence that are losses: they keep their zeros at the end.
LOSS_EVIDENCE = ("final_loss", "lowest_loss", "compared_own_loss", "compared_other_loss")


def write_check_html(
    result: CheckResult, path: Path, *, environment: Mapping[str, Any] | None = None, command: str | None = None
) -> None:
    """Write the report of a check as an HTML page.

    Args:
        result: What ``check`` returned.
        path: Path of the page.
        environment: Versions and hardware that the check ran with.
        command: Command that repeats the check.

    Raises:
        OutputError: If the file cannot be written.
    """
    write_page(check_html(result, environment=environment, command=command), path)


def check_html(result: CheckResult, *, environment: Mapping[str, Any] | None = None, command: str | None = None) -> str:
    """Return the report of a check as an HTML page; arguments as those of :func:`write_check_html`."""
    advises_change = result.recipe != result.checked_recipe
    return page(
        "check.html.j2",
        figures=[PageFigure.of(figure) for figure in figures_of(result)],
        recipe=result.recipe if advises_change else None,
        steps=result.steps,
        environment=environment,
        command=command,
        result=result,
        title=verdict_title(result.findings[0]),
        advises_change=advises_change,
        other_findings=[(VERDICT_TITLES[finding.verdict], finding.why) for finding in result.findings[1:]],
        evidence=[*_evidence_rows(result.findings[0])],
        columns=trial_columns(result),
        rows=trial_rows(result),
        notes=[*check_notes(result)],
        why_no_stability_map=why_no_stability_map(result),
        cost=check_cost(result),
    )


def _evidence_rows(finding: Finding) -> Iterator[tuple[str, str]]:
    """Yield label and value of the numbers that a verdict rests on."""
    for name, label in EVIDENCE_LABELS.items():
        if name in finding.evidence:
            value = finding.evidence[name]
            yield label, format_measurement(value) if name in LOSS_EVIDENCE else format_number(value)
