"""``surefoot.diagnose``: what a training's log tells of its learning rate and momentum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from surefoot.diagnosis.diagnosed import DiagnoseResult
from surefoot.diagnosis.finding import Finding, Verdict
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
from surefoot.diagnosis.symptoms import overfits, symptoms_of
from surefoot.diagnosis.traits import LEAST, traits_of
from surefoot.errors import LogError
from surefoot.logs.curve import Curve
from surefoot.logs.names import Quantity
from surefoot.logs.read import read_curve
from surefoot.logs.series import Series

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
        LogError: If the log cannot be read, or has no loss in it.

    Example:
        >>> losses = np.exp(-np.arange(50) / 20)
        >>> losses[40:] = np.nan
        >>> curve = Curve("by hand", train=Series(np.arange(50), losses))
        >>> diagnose(curve).findings[0].why
        'The training loss was no number from step 40 on.'
    """
    curve = log if isinstance(log, Curve) else read_curve(log, columns)
    curve = _completed(curve, lr=lr, momentum=momentum)
    findings, probabilities = _findings(curve)
    return DiagnoseResult(curve, findings, symptoms_of(*course_of(curve)), probabilities)


def course_of(curve: Curve) -> tuple[list[float], list[tuple[int, float]]]:
    """Return the training losses, and the validation losses with how many of the former came before each."""
    steps = np.empty(0, np.int64) if curve.train is None else curve.train.steps
    train = [] if curve.train is None else curve.train.values.tolist()
    if curve.valid is None:
        return train, []
    places = np.searchsorted(steps, curve.valid.steps, side="right").tolist()
    return train, [*zip(places, curve.valid.values.tolist(), strict=True)]


def _completed(curve: Curve, *, lr: float | None, momentum: float | None) -> Curve:
    """Return the curve with constants that its log does not have."""
    faults = []
    if lr is not None and not 0.0 < lr < float("inf"):
        faults.append(f"a learning rate is above 0; given {lr:g}")
    if momentum is not None and not 0.0 <= momentum < 1.0:
        faults.append(f"a momentum is at least 0 and below 1; given {momentum:g}")
    if faults:
        raise LogError(f"{'; '.join(faults)}.")
    step = np.array([curve.last_step])
    if lr is not None:
        curve = replace(curve, lr=Series(step, np.array([lr])))
    return curve if momentum is None else replace(curve, momentum=Series(step, np.array([momentum])))


def _findings(curve: Curve) -> tuple[tuple[Finding, ...], dict[Verdict, float]]:
    """Return the verdict and what else there is to say, and how likely all verdicts are."""
    diverged = of_divergence(curve)
    if diverged is not None:
        return (diverged,), {}
    main = curve.train if curve.train is not None and len(curve.train) >= LEAST else curve.valid
    if main is None or len(main) < LEAST:
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
