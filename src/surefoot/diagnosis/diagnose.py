"""``surefoot.diagnose``: what a training's log tells of its learning rate and momentum."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from surefoot.diagnosis.diagnosed import DiagnoseResult
from surefoot.diagnosis.judged_curve import judged_curve
from surefoot.diagnosis.likeness import WELL_SET, Likeness, fitted
from surefoot.diagnosis.log_findings import (
    evidence_of,
    of_a_fault,
    of_a_plateau,
    of_divergence,
    of_doubt,
    of_health,
    of_overfitting,
    of_too_little,
)
from surefoot.diagnosis.traits import main_loss, traits_of
from surefoot.finding import Finding, Verdict
from surefoot.logs.curve import Curve
from surefoot.logs.names import Quantity
from surefoot.logs.read import read_curve
from surefoot.symptoms import overfits, symptoms_of

# A loss whose logarithm moved by less never moved at all.
MOVED = 0.02


def diagnose(
    log: Path | str | Curve,
    *,
    columns: Mapping[Quantity, str] | None = None,
    lr: float | None = None,
    momentum: float | None = None,
) -> DiagnoseResult:
    """Judge a training by its log alone.

    A log can show that a training diverged or overfits. Whether another learning rate would have done better it can
    only make likely: the curve is held against those of trainings whose fault is known. Where that is not likely enough
    the verdict is ``unknown``, and says what would settle it.

    Args:
        log: A file or folder that :func:`surefoot.logs.read.read_curve` reads, or the curve.
        columns: What the log calls the quantities, where a guess would be wrong.
        lr: The learning rate, where it was constant and is not in the log.
        momentum: The momentum, likewise.

    Returns:
        The verdict with its evidence and advice.

    Raises:
        LogError: If the log cannot be read or has no loss in it, or a constant is out of its range.

    Example:
        >>> from surefoot.logs.series import Series
        >>> losses = np.exp(-np.arange(50) / 20)
        >>> losses[40:] = np.nan
        >>> curve = Curve("by hand", train=Series(np.arange(50), losses))
        >>> diagnose(curve).findings[0].why
        'The training loss was no number from step 40 on.'
    """
    curve = log if isinstance(log, Curve) else read_curve(log, columns)
    curve = judged_curve(curve, lr=lr, momentum=momentum)
    findings, probabilities = _findings(curve)
    return DiagnoseResult(curve, findings, symptoms_of(*course_of(curve)), probabilities)


def course_of(curve: Curve) -> tuple[list[float], list[tuple[int, float]]]:
    """Return the training losses, and the validation losses with how many of the former came before each.

    Where there are no training losses, validation losses keep the steps that they were logged at.
    """
    train, valid = curve.train, curve.valid
    losses = [] if train is None else train.values.tolist()
    if valid is None:
        return losses, []
    places = valid.steps if train is None else np.searchsorted(train.steps, valid.steps, side="right")
    return losses, [*zip(places.tolist(), valid.values.tolist(), strict=True)]


def _findings(curve: Curve) -> tuple[tuple[Finding, ...], dict[Verdict, float]]:
    """Return the verdict and what else there is to say, and how likely all verdicts are."""
    diverged = of_divergence(curve)
    if diverged is not None:
        return (diverged,), {}
    if main_loss(curve) is None:
        return (of_too_little(curve),), {}
    traits = traits_of(curve)
    likeness = fitted()
    probabilities = likeness.probabilities(traits)
    return tuple(_judged(curve, traits, likeness, probabilities)), probabilities


def _judged(
    curve: Curve, traits: Mapping[str, float], likeness: Likeness, probabilities: dict[Verdict, float]
) -> list[Finding]:
    verdict, evidence = likeness.verdict(probabilities), evidence_of(curve, traits)
    well_set = verdict in WELL_SET
    sure = sum(probabilities.get(each, 0.0) for each in WELL_SET) if well_set else probabilities.get(verdict, 0.0)
    risen = [of_overfitting(curve, evidence, sure)] if overfits(*course_of(curve)) else []
    if well_set and risen:
        return risen
    if max(traits["fall"], traits["overshoot"]) < MOVED and (well_set or verdict == "unknown"):
        return [of_a_plateau(evidence, probabilities)]
    if well_set:
        return [of_health(curve, evidence, sure)]
    if verdict == "unknown":
        return [of_doubt(curve, evidence, probabilities), *risen]
    return [of_a_fault(curve, evidence, verdict, sure, likeness.octaves(traits)), *risen]
