"""``surefoot.diagnose``: what a training log says about learning rate and momentum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from surefoot.core.errors import LogError
from surefoot.core.finding_and_symptoms import Finding, Symptom, Verdict, find_symptoms, overfits
from surefoot.core.formatting import format_number, format_percent
from surefoot.core.result_summary import Summarised, Summary
from surefoot.core.value_types import Json
from surefoot.log_diagnosis.curve_classifier import (
    NO_FAULT,
    CurveClassifier,
    extract_features,
    load_classifier,
    main_loss,
)
from surefoot.log_diagnosis.findings import (
    breakdown_finding,
    divergence_finding,
    doubt_finding,
    fault_finding,
    healthy_finding,
    log_evidence,
    overfitting_finding,
    plateau_finding,
    too_few_losses_finding,
)
from surefoot.logs.names import QUANTITIES, Quantity
from surefoot.logs.read import read_training_log
from surefoot.logs.training_log import Series, TrainingLog

# A loss whose logarithm never moved by this much has not moved at all. Chosen.
MIN_MOVE = 0.02
# A validation loss that ends this many times as high as its lowest outranks what its training curve looks like, with
# this confidence. Chosen; a smaller rise counts with at least the last.
LARGE_RISE, LARGE_RISE_CONFIDENCE, MIN_OVERFITTING_CONFIDENCE = 1.25, 0.9, 0.6


@dataclass(frozen=True, slots=True, repr=False)
class DiagnoseResult(Summarised):
    """What :func:`surefoot.diagnose` returns.

    Attributes:
        log: The training log, as it was diagnosed.
        findings: The verdict first, then what else there is to say.
        symptoms: What the curves show.
        probabilities: Probability of each verdict; empty where a rule decided.
    """

    log: TrainingLog
    findings: tuple[Finding, ...]
    symptoms: tuple[Symptom, ...]
    probabilities: dict[Verdict, float]

    @property
    def verdict(self) -> Verdict:
        """Verdict of the first finding."""
        return self.findings[0].verdict

    @property
    def confidence(self) -> float:
        """Probability that the verdict is right."""
        return self.findings[0].confidence

    @property
    def recipe(self) -> None:
        """Always ``None``: a log does not say with which optimizer and schedule its training ran. See ``findings``."""

    def summary(self) -> Summary:
        """Return the verdict and the advice."""
        first = self.findings[0]
        advised = [
            f"{name} {value if isinstance(value, str) else format_number(value)}"
            for name, value in first.advice.items()
        ]
        return Summary.of(
            f"diagnosis of {self.log.source}",
            [
                ("verdict", f"{self.verdict} ({format_percent(self.confidence)} sure)"),
                ("why", first.why),
                ("advice", ", ".join(advised) or None),
                ("steps", f"{self.log.last_step:,}"),
                *(("note", note) for note in self.log.notes),
            ],
        )

    def to_json(self) -> dict[str, Json]:
        """Return the result as the JSON object that the command prints."""
        return {
            "schema": 2,
            "log": self.log.source,
            "recipe": None,
            "columns": dict[str, Json](self.log.names.items()),
            "notes": [*self.log.notes],
            "steps": self.log.last_step,
            "verdict": self.verdict,
            "confidence": round(self.confidence, 3),
            "symptoms": [*self.symptoms],
            "findings": [finding.to_json() for finding in self.findings],
            "probabilities": {verdict: round(share, 3) for verdict, share in self.probabilities.items()},
        }


def diagnose(
    log: Path | str | TrainingLog,
    *,
    columns: Mapping[Quantity, str] | None = None,
    lr: float | None = None,
    momentum: float | None = None,
) -> DiagnoseResult:
    """Diagnose a training by its log alone.

    A log can show that a training diverged or overfits. Whether another learning rate would have done better it can
    only make probable: its curves are compared with those of trainings whose fault is known. Where no fault is probable
    enough the verdict is ``unknown``, and says what would settle it.

    Args:
        log: A file or folder that :func:`surefoot.logs.read.read_training_log` reads, or the log itself.
        columns: Names of quantities in the log, where they would be guessed wrong.
        lr: The learning rate, where it was constant and is not in the log.
        momentum: The momentum, where it was constant and is not in the log.

    Returns:
        The verdict with its evidence and advice.

    Raises:
        LogError: If the log cannot be read or has no loss, or a constant is out of its range.

    Example:
        >>> losses = np.exp(-np.arange(50) / 20)
        >>> losses[40:] = np.nan
        >>> log = TrainingLog("by hand", train=Series(np.arange(50), losses))
        >>> diagnose(log).findings[0].why
        'The training loss was NaN or inf from step 40 on.'
    """
    log = log if isinstance(log, TrainingLog) else read_training_log(log, columns)
    broken = breakdown_finding(log)
    log = clean_log(log, lr=lr, momentum=momentum)
    symptoms: tuple[Symptom, ...] = ("divergence",) if broken is not None else find_symptoms(*loss_curves(log))
    finding = broken or divergence_finding(log)
    if finding is None and main_loss(log) is None:
        finding = too_few_losses_finding(log)
    if finding is not None:
        return DiagnoseResult(log, (finding,), symptoms, {})
    features, classifier = extract_features(log), load_classifier()
    probabilities = classifier.probabilities(features)
    findings = _findings_of_classifier(log, features, classifier, probabilities)
    return DiagnoseResult(log, tuple(findings), symptoms, probabilities)


def clean_log(log: TrainingLog, *, lr: float | None, momentum: float | None) -> TrainingLog:
    """Return a log with the constants that it lacks, and without values that cannot be right.

    A loss that is NaN or inf for a while and then finite again has not diverged: a step was skipped, or a sample was
    bad. Such values are left out, and a note says so. Where a loss ends in NaN or inf they stay.

    Args:
        log: The log as it was read.
        lr: The learning rate, where it was constant and is not in the log.
        momentum: The momentum, where it was constant and is not in the log.

    Raises:
        LogError: If a constant is out of its range, or there is no loss.

    Example:
        >>> skipped = Series(np.arange(4), np.array([2.0, np.nan, 1.5, 1.0]))
        >>> log = clean_log(TrainingLog("by hand", train=skipped), lr=0.1, momentum=None)
        >>> log.train.steps.tolist(), log.lr.values.tolist(), log.notes
        ([0, 2, 3], [0.1], ('1 of 4 values of train is NaN or inf and left out',))
    """
    _require_constants(lr, momentum)
    usable: dict[Quantity, Series | None] = {}
    notes: list[str] = []
    if (step := _evaluation_failed_at(log)) is not None:
        notes.append(
            f"the validation loss is NaN or inf from step {step:,} on while the training loss is finite: check the "
            "evaluation"
        )
        log = replace(log, valid=log.valid.finite() if log.valid is not None else None)
    for quantity in QUANTITIES:
        series = getattr(log, quantity)
        usable[quantity] = None if series is None else _usable_values(quantity, series)
        notes += [] if series is None else [*_notes(quantity, series, usable[quantity])]
    if usable["train"] is None and usable["valid"] is None:
        raise LogError(f"{log.source}: no loss in it.", hint="log the training loss at every step.")
    last_step = np.array([max(int(series.steps[-1]) for series in usable.values() if series is not None)])
    usable |= {"lr": Series(last_step, np.array([lr]))} if lr is not None else {}
    usable |= {"momentum": Series(last_step, np.array([momentum]))} if momentum is not None else {}
    names = {quantity: name for quantity, name in log.names.items() if usable[quantity] is not None}
    return TrainingLog(log.source, **usable, names=names, notes=(*log.notes, *notes))


def loss_curves(log: TrainingLog) -> tuple[list[float], list[tuple[int, float]]]:
    """Return the training losses, and the validation losses, each with the number of training losses before it.

    Where there are no training losses, validation losses keep the steps that they were logged at.
    """
    train, valid = log.train, log.valid
    losses = [] if train is None else train.values.tolist()
    if valid is None:
        return losses, []
    indices = valid.steps if train is None else np.searchsorted(train.steps, valid.steps, side="right")
    return losses, [*zip(indices.tolist(), valid.values.tolist(), strict=True)]


def _findings_of_classifier(
    log: TrainingLog,
    features: Mapping[str, float],
    classifier: CurveClassifier,
    probabilities: dict[Verdict, float],
) -> list[Finding]:
    verdict, evidence = classifier.verdict(probabilities), log_evidence(log, features)
    has_no_fault = verdict in NO_FAULT
    verdicts = NO_FAULT if has_no_fault else (verdict,)
    confidence = sum(probabilities.get(each, 0.0) for each in verdicts)
    overfitting = _overfitting(log, evidence, confidence=confidence if has_no_fault else MIN_OVERFITTING_CONFIDENCE)
    if overfitting and (has_no_fault or verdict == "unknown"):
        return overfitting
    never_moved = max(features["fall"], features["overshoot"]) < MIN_MOVE
    if never_moved and (has_no_fault or verdict == "unknown"):
        return [plateau_finding(evidence, probabilities)]
    if has_no_fault:
        return [healthy_finding(log, evidence, confidence)]
    if verdict == "unknown":
        return [doubt_finding(log, evidence, probabilities), *overfitting]
    doublings = classifier.lr_doublings(features)
    fault = fault_finding(log, evidence, verdict, confidence=confidence, lr_doublings=doublings)
    risen = bool(overfitting) and overfitting[0].confidence >= LARGE_RISE_CONFIDENCE
    return [*overfitting, fault] if risen else [fault, *overfitting]


def _overfitting(log: TrainingLog, evidence: dict[str, float], *, confidence: float) -> list[Finding]:
    """Return the finding that the training overfits, where it does: surer where the validation loss rose far."""
    if log.valid is None or not overfits(*loss_curves(log)):
        return []
    rise = float(log.valid.values[-1] / log.valid.values.min())
    confidence = LARGE_RISE_CONFIDENCE if rise >= LARGE_RISE else max(confidence, MIN_OVERFITTING_CONFIDENCE)
    return [overfitting_finding(log, evidence, confidence)]


def _evaluation_failed_at(log: TrainingLog) -> int | None:
    """Return the step from which on only the validation loss is NaN or inf; ``None`` where it is not."""
    if log.train is None or log.valid is None or log.train.diverged_at is not None:
        return None
    step = log.valid.diverged_at
    return step if step is not None and int(log.train.steps[-1]) >= step else None


def _usable_values(quantity: Quantity, series: Series) -> Series | None:
    """Return the values of a series that can be right; ``None`` where there are none."""
    if quantity in ("train", "valid") and series.diverged_at is not None:
        return series
    finite = series.finite()
    if quantity == "momentum":
        is_possible = (finite.values >= 0.0) & (finite.values < 1.0)
        finite = Series(finite.steps[is_possible], finite.values[is_possible])
    if not len(finite) or (quantity == "lr" and not finite.values.max() > 0.0):
        return None
    return finite


def _notes(quantity: Quantity, series: Series, usable: Series | None) -> Iterator[str]:
    if len(series) and usable is None:
        yield f"{quantity} is left out: none of its values is possible"
    elif usable is not None and len(usable) < len(series):
        count = len(series) - len(usable)
        reason = "out of range" if quantity == "momentum" else "NaN or inf"
        yield f"{count} of {len(series)} values of {quantity} {'is' if count == 1 else 'are'} {reason} and left out"


def _require_constants(lr: float | None, momentum: float | None) -> None:
    faults = []
    if lr is not None and not 0.0 < lr < float("inf"):
        faults.append(f"a learning rate is above 0; given {lr:g}")
    if momentum is not None and not 0.0 <= momentum < 1.0:
        faults.append(f"a momentum is at least 0 and below 1; given {momentum:g}")
    if faults:
        raise LogError(f"{'; '.join(faults)}.")
