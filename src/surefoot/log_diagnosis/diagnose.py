"""What a diagnosis found.

The curve that is judged: what a log tells, with constants it does not have and without what is no number.

``surefoot.diagnose``: what a training's log tells of its learning rate and momentum.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from surefoot.core.errors import LogError
from surefoot.core.finding import Finding, Symptom, Verdict, overfits, symptoms_of
from surefoot.core.values import Json
from surefoot.log_diagnosis.curve_classifier import WELL_SET, Likeness, fitted
from surefoot.log_diagnosis.curve_features import main_loss, traits_of
from surefoot.log_diagnosis.findings import (
    evidence_of,
    of_a_fault,
    of_a_plateau,
    of_divergence,
    of_doubt,
    of_health,
    of_overfitting,
    of_too_little,
)
from surefoot.logs.curve import Curve, Series
from surefoot.logs.names import QUANTITIES, Quantity
from surefoot.logs.read import read_curve


@dataclass(frozen=True, slots=True)
class DiagnoseResult:
    """What :func:`diagnose` found.

    Attributes:
        curve: The training as its log tells it.
        findings: The verdict first, then what else there is to say.
        symptoms: What the curve shows.
        probabilities: How likely each verdict is; empty where a rule decides.
    """

    curve: Curve
    findings: tuple[Finding, ...]
    symptoms: tuple[Symptom, ...]
    probabilities: dict[Verdict, float]

    @property
    def verdict(self) -> Verdict:
        """The first finding's."""
        return self.findings[0].verdict

    @property
    def confidence(self) -> float:
        """The first finding's."""
        return self.findings[0].confidence

    def to_json(self) -> dict[str, Json]:
        """Return the result as the JSON object that the command prints."""
        return {
            "schema": 2,
            "log": self.curve.source,
            "columns": dict[str, Json](self.curve.names.items()),
            "notes": [*self.curve.notes],
            "steps": self.curve.last_step,
            "verdict": self.verdict,
            "confidence": round(self.confidence, 3),
            "symptoms": [*self.symptoms],
            "findings": [finding.to_json() for finding in self.findings],
            "probabilities": {verdict: round(share, 3) for verdict, share in self.probabilities.items()},
        }


def judged_curve(curve: Curve, *, lr: float | None, momentum: float | None) -> Curve:
    """Return a curve as it is judged.

    A loss that is no number for a while and then a number again has not diverged: a step was skipped, or a bad sample
    met; such values are left out, and a note says so. Of a loss that ends in no number they stay.

    Args:
        curve: As it was logged.
        lr: The learning rate, where it was constant and is not in the log.
        momentum: The momentum, likewise.

    Raises:
        LogError: If a constant is out of its range, or there is no loss.

    Example:
        >>> skipped = Series(np.arange(4), np.array([2.0, np.nan, 1.5, 1.0]))
        >>> found = judged_curve(Curve("by hand", train=skipped), lr=0.1, momentum=None)
        >>> found.train.steps.tolist(), found.lr.values.tolist(), found.notes
        ([0, 2, 3], [0.1], ('1 of 4 values of train is no number and left out',))
    """
    _require_constants(lr, momentum)
    found, notes = {}, []
    for quantity in QUANTITIES:
        series = getattr(curve, quantity)
        found[quantity] = None if series is None else _usable(quantity, series)
        notes += [] if series is None else [*_notes(quantity, series, found[quantity])]
    if found["train"] is None and found["valid"] is None:
        raise LogError(f"{curve.source}: no loss in it.", hint="log the training loss at every step.")
    last = np.array([max(int(series.steps[-1]) for series in found.values() if series is not None)])
    found |= {"lr": Series(last, np.array([lr]))} if lr is not None else {}
    found |= {"momentum": Series(last, np.array([momentum]))} if momentum is not None else {}
    names = {quantity: name for quantity, name in curve.names.items() if found[quantity] is not None}
    return Curve(curve.source, **found, names=names, notes=(*curve.notes, *notes))


def _usable(quantity: Quantity, series: Series) -> Series | None:
    """Return what of a series is judged, ``None`` if nothing is."""
    if quantity in ("train", "valid") and series.diverged_at is not None:
        return series
    kept = series.kept()
    if quantity == "momentum":
        possible = (kept.values >= 0.0) & (kept.values < 1.0)
        kept = Series(kept.steps[possible], kept.values[possible])
    if not len(kept) or (quantity == "lr" and not kept.values.max() > 0.0):
        return None
    return kept


def _notes(quantity: Quantity, series: Series, kept: Series | None) -> Iterator[str]:
    if len(series) and kept is None:
        yield f"{quantity} is left out: it has no value that could be one"
    elif kept is not None and len(kept) < len(series):
        lost = len(series) - len(kept)
        kind = "out of range" if quantity == "momentum" else "no number"
        yield f"{lost} of {len(series)} values of {quantity} {'is' if lost == 1 else 'are'} {kind} and left out"


def _require_constants(lr: float | None, momentum: float | None) -> None:
    faults = []
    if lr is not None and not 0.0 < lr < float("inf"):
        faults.append(f"a learning rate is above 0; given {lr:g}")
    if momentum is not None and not 0.0 <= momentum < 1.0:
        faults.append(f"a momentum is at least 0 and below 1; given {momentum:g}")
    if faults:
        raise LogError(f"{'; '.join(faults)}.")


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
        >>> from surefoot.logs.curve import Series
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
