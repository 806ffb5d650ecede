"""Other tools that judge a training by its curves, each given the same and asked through its own Python interface.

Their findings are mapped generously: one that advises a smaller learning rate counts as ``lr_too_high``, one that is
about a loss that is no number as ``diverged``. Of several findings the tool's own order decides; what says nothing of
learning rate, momentum or overfitting is passed over, and where nothing is left the verdict is ``healthy``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from itertools import pairwise

import numpy as np

from surefoot.log_diagnosis.diagnose import loss_curves
from surefoot.logs.training_log import TrainingLog

RUNMEDIC = {
    "non_finite": "diverged",
    "divergence": "diverged",
    "no_learning": "lr_too_low",
    "loss_spikes": "lr_too_high",
    "overfitting": "overfitting",
}
TRAINING_DOCTOR = {
    "lr_too_high": "lr_too_high",
    "gradient_instability": "lr_too_high",
    "lr_too_low": "lr_too_low",
    "plateau": "plateau",
    "early_plateau": "plateau",
    "overfitting": "overfitting",
}
SURE = 0.5
SK_AUTOD = {
    "Exploding gradient": "diverged",
    "LR too high": "lr_too_high",
    "Noisy training": "lr_too_high",
    "LR too low": "lr_too_low",
    "Underfitting": "underfitting",
    "Dying ReLU proxy": "plateau",
    "Classic overfitting": "overfitting",
    "Missed early stopping": "overfitting",
}


def by_runmedic(curve: TrainingLog) -> str:
    """Ask runmedic: its checks over series by name, the most severe first."""
    from runmedic import checks, model, roles  # noqa: PLC0415  (need not be installed)

    run = model.Run(curve.source, "csv", curve.source)
    for name, series in (("train_loss", curve.train), ("val_loss", curve.valid), ("lr", curve.lr)):
        if series is not None:
            own = run.get(name)
            own.steps, own.values = series.steps.tolist(), series.values.tolist()
    findings = checks.run_checks(run.finalize(), roles.detect(run))
    return _first(RUNMEDIC, (finding.check for finding in findings))


def by_training_doctor(curve: TrainingLog) -> str:
    """Ask training-doctor: its offline analysis, the most severe and most confident finding first.

    Counted is what it is at least half sure of, as its own example does.
    """
    from training_doctor import Doctor, Severity  # noqa: PLC0415  (need not be installed)

    doctor = Doctor()
    for name, series in (
        ("loss", curve.train),
        ("train_loss", curve.train),
        ("eval_loss", curve.valid),
        ("lr", curve.lr),
    ):
        if series is not None:
            for step, value in zip(series.steps.tolist(), series.values.tolist(), strict=True):
                doctor.store.log(step, **{name: value})
    order = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)
    found = sorted(doctor.analyze(), key=lambda each: (order.index(each.severity), -each.confidence))
    verdict = _first(TRAINING_DOCTOR, (each.detector_name for each in found if each.confidence >= SURE))
    # It calls a loss that is no number a learning rate that is too high.
    return "diverged" if verdict == "lr_too_high" and not _finite(curve) else verdict


def by_sk_autod(curve: TrainingLog) -> str:
    """Ask sk-autod: both losses by epoch, for which a look at the validation loss counts."""
    from sk_autod import diagnose  # noqa: PLC0415  (need not be installed)

    train, valid = loss_curves(curve)
    places = [0, *(place for place, _ in valid)]
    means = [float(np.mean(train[low:high])) for low, high in pairwise(places)]
    try:
        report = diagnose(means, [loss for _, loss in valid])
    except ValueError:
        if not _finite(curve):  # it takes finite losses only
            return "diverged"
        raise
    return _first(SK_AUTOD, (finding.detector_name for finding in report.findings))


PEERS: dict[str, Callable[[TrainingLog], str]] = {
    "runmedic": by_runmedic,
    "training-doctor": by_training_doctor,
    "sk-autod": by_sk_autod,
}


def installed(name: str) -> bool:
    """Tell whether a peer is there to be asked."""
    return find_spec(name.replace("-", "_")) is not None


def _first(means: dict[str, str], findings: Iterable[str]) -> str:
    return next((means[finding] for finding in findings if finding in means), "healthy")


def _finite(curve: TrainingLog) -> bool:
    losses = [loss for series in (curve.train, curve.valid) if series is not None for loss in series.values.tolist()]
    return all(math.isfinite(loss) for loss in losses)
