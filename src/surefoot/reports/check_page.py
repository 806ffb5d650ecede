"""The report of a check: the verdict, what it rests on and what to do, as one HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from surefoot.checking.result import CheckResult
from surefoot.core.finding import Finding
from surefoot.core.formatting import measured, numeral
from surefoot.plots.check_losses import check_losses
from surefoot.plots.learning_curves import own_training
from surefoot.plots.stability_map import stability_map, why_no_map
from surefoot.reports.check_tables import trial_heads, trial_rows
from surefoot.reports.page import Panel, page, panel, write_page
from surefoot.wording.verdicts import TITLES, check_cost, check_notes, verdict_title

EVIDENCE = {
    "lr": "learning rate",
    "momentum": "momentum",
    "own_steps": "steps of the recipe's longest trial",
    "final_loss": "validation loss at its end",
    "lowest_loss": "lowest validation loss on its way",
    "diverged_at": "step at which the loss was no longer finite",
    "stake": "share of the final loss that the change is expected to save",
    "stake_low": "lower end of its 90 % interval",
    "stake_high": "upper end of its 90 % interval",
    "stake_probability": "probability that it saves more than 5 %",
    "compared_steps": "steps of the longest trials in which the two were compared",
    "compared_seeds": "seeds of that comparison",
    "compared_own_loss": "validation loss of the recipe in it",
    "compared_other_loss": "validation loss of the changed recipe in it",
    "noise": "seed noise of one training, in log loss",
    "sharpness": "sharpness where it ended",
    "stable_lr": "largest stable learning rate there, full batches",
    "step_sharpness": "sharpness along mini-batch gradients",
    "noise_scale": "noise scale, in samples",
    "share_of_noise": "share of noise in a gradient",
}
LOSSES = ("final_loss", "lowest_loss", "compared_own_loss", "compared_other_loss")


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
        heads=trial_heads(result),
        rows=trial_rows(result),
        notes=[*check_notes(result)],
        no_map=why_no_map(result),
        cost=check_cost(result),
    )


def check_panels(result: CheckResult) -> list[Panel]:
    """Return the figures with how to read them."""
    tried = panel(
        check_losses(result),
        "Every mark is a trial, placed at its validation loss; its shape tells how many steps it had. Lines "
        "join trials of "
        "one momentum, one length and the first seed, which share initialisation and mini-batches; crosses "
        "at the upper "
        "edge diverged or ended far above the others.",
    )
    own = panel(
        own_training(result),
        "The line is the training loss, a mean over the steps between its points; dots are validation losses "
        "on the way.",
    )
    if why_no_map(result) is not None:
        return [tried, own]
    stability = panel(
        stability_map(result),
        "Where full-batch training would be stable were the loss a bowl that bends as it does along its sharpest "
        "direction where the recipe's longest trial ended. The colour is how many steps shrink the error "
        "there to a tenth, up to "
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
