"""The report of a check: the verdict, what it rests on and what to do, as one HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from surefoot.checking.result import CheckResult
from surefoot.finding import Finding
from surefoot.numerals import measured, numeral
from surefoot.plots.course import course
from surefoot.plots.forks import forks
from surefoot.plots.stability_map import stability_map, why_no_map
from surefoot.plots.verdicts import TITLES, verdict_title
from surefoot.reports.page import Panel, page, panel, write_page
from surefoot.reports.verdict import check_cost, check_notes, tried_heads, tried_rows

EVIDENCE = {
    "lr": "learning rate",
    "momentum": "momentum",
    "start_loss": "validation loss at the start",
    "final_loss": "validation loss at the end",
    "lowest_loss": "lowest validation loss on the way",
    "expected_loss": "validation loss to expect with the advice",
    "gain": "share of the loss that it saves",
    "diverged_at": "first step without a number",
    "noise": "luck of one training, in log loss",
    "train_valid_gap": "validation loss above training loss",
    "update_cosine": "cosine of successive updates",
    "update_to_weight": "update over weights",
    "sharpness": "sharpness at the end",
    "stable_lr": "largest stable learning rate there, full batches",
    "step_sharpness": "sharpness along mini-batch gradients",
    "noise_scale": "noise scale, in samples",
    "share_of_noise": "share of noise in a gradient",
}
LOSSES = ("start_loss", "final_loss", "lowest_loss", "expected_loss", "train_valid_gap")


def write_check_html(
    result: CheckResult, path: Path, *, environment: Mapping[str, Any] | None = None, command: str | None = None
) -> None:
    """Write the report of a check as one page.

    Args:
        result: What the check found.
        path: Of the page.
        environment: What it ran on.
        command: What asks for the same again.

    Raises:
        OutputError: If the file cannot be written.
    """
    write_page(check_html(result, environment=environment, command=command), path)


def check_html(result: CheckResult, *, environment: Mapping[str, Any] | None = None, command: str | None = None) -> str:
    """Return the page."""
    changed = result.advice != result.recipe
    return page(
        "check.html.j2",
        panels=check_panels(result),
        recipe=result.advice if changed else None,
        steps=result.steps,
        environment=environment,
        command=command,
        result=result,
        title=verdict_title(result.findings[0]),
        changed=changed,
        others=[(TITLES[finding.verdict], finding.why) for finding in result.findings[1:]],
        evidence=[*_evidence(result.findings[0])],
        heads=tried_heads(result),
        rows=tried_rows(result),
        notes=[*check_notes(result)],
        no_map=why_no_map(result),
        cost=check_cost(result),
    )


def check_panels(result: CheckResult) -> list[Panel]:
    """Return the figures with how to read them."""
    tried = panel(
        forks(result),
        "Every mark is a training that was judged by its validation loss, those of a seed on the same start and "
        "the same mini-batches; its shape says how long it was trained. Lines join trainings of one momentum and one "
        "length; crosses at the upper edge diverged or ended far above the start.",
    )
    own = panel(
        course(result),
        "The thin line is the training loss of every step, the thick one its mean over hundredths of the training; "
        "dots are looks at the validation loss.",
    )
    if why_no_map(result) is not None:
        return [tried, own]
    stability = panel(
        stability_map(result),
        "Where full-batch training would be stable were the loss a bowl that bends as it does along its sharpest "
        "direction where your training ended. The colour is how many steps shrink the error there to a tenth, up to "
        "the length of the training; below the dashed line it shrinks steadily, above it swings. It is a model: with "
        "mini-batches the limit is lower, and other settings end where the loss bends otherwise. Dots are the "
        "settings tried, crosses those that diverged.",
    )
    return [tried, stability, own]


def _evidence(finding: Finding) -> Iterator[tuple[str, str]]:
    """Yield the numbers that a verdict rests on, by what people call them."""
    for name, label in EVIDENCE.items():
        if name in finding.evidence:
            value = finding.evidence[name]
            yield label, measured(value) if name in LOSSES else numeral(value)
