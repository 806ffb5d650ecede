"""The findings of a diagnosis in sentences: what a training log shows, with its numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from surefoot.core.finding_and_symptoms import Finding, Verdict
from surefoot.core.formatting import format_measurement, format_number
from surefoot.log_diagnosis.curve_classifier import MIN_LOSSES, main_loss
from surefoot.logs.training_log import Series, TrainingLog

# Smallest and largest change of a learning rate that is advised, in doublings. Chosen.
MIN_ADVISED_DOUBLINGS, MAX_ADVISED_DOUBLINGS = 1.0, 7.0
# Factor on the memory 1 / (1 - momentum) that is advised: a rule of thumb, for curves do not show how much is right.
ADVISED_MEMORY_FACTOR = 4.0
# Highest momentum that is advised. Chosen.
MAX_ADVISED_MOMENTUM = 0.99
# A validation loss has fallen where it was below its first value by this share of it. Chosen: more than its noise.
MIN_FALL_SHARE = 0.02
# Doublings of the learning rate that are advised after a divergence: a quarter of it. Chosen.
DIVERGENCE_DOUBLINGS = -2.0

VERDICT_NAMES: dict[Verdict, str] = {
    "lr_too_low": "a learning rate that is too low",
    "lr_too_high": "a learning rate that is too high",
    "momentum_too_low": "a momentum that is too low",
    "momentum_too_high": "a momentum that is too high",
    "healthy": "a training whose learning rate and momentum are right",
    "overfitting": "overfitting",
}
CHECK_HINT = "`surefoot check` would settle it: it trains with other learning rates and momenta and compares."


def divergence_finding(log: TrainingLog) -> Finding | None:
    """Return the finding that a training diverged; ``None`` if it did not.

    It diverged where its loss ends in NaN or inf, or above where the same loss began. A validation loss that fell
    before it rose is another matter, whatever the training loss began with.
    """
    for name, series in (("training", log.train), ("validation", log.valid)):
        if series is not None and series.diverged_at is not None:
            return _not_finite_finding(log, name, series, series.diverged_at)
    name, loss = ("training", log.train) if log.train is not None else ("validation", log.valid)
    if loss is None or len(loss) < MIN_LOSSES:
        return None
    start, end = _initial_mean(loss), _final_mean(loss)
    # A rise that three digits do not show does not count.
    if not end > start or format_measurement(end) == format_measurement(start):
        return None
    if name == "validation" and float(loss.values.min()) < start - MIN_FALL_SHARE * abs(start):
        return None
    why = (
        f"The {name} loss ended at {format_measurement(end)}, above the {format_measurement(start)} that it began with."
    )
    evidence = {"start_loss": start, "final_loss": end}
    return Finding("diverged", 0.9, why, evidence, _lr_advice(log, doublings=DIVERGENCE_DOUBLINGS))


def breakdown_finding(log: TrainingLog) -> Finding | None:
    """Return the finding that the gradients became NaN and the loss is logged as 0 since; ``None`` if they did not.

    Hugging Face's trainer logs a loss that is NaN as 0, and the norm of the gradient as it is.

    Args:
        log: The log as it was read: values that are NaN are still in it.
    """
    gradients, loss = log.grad_norm, log.train
    if gradients is None or loss is None or (step := gradients.diverged_at) is None:
        return None
    since = loss.values[loss.steps >= step]
    if not len(since) or not (np.isnan(since) | (since == 0.0)).all():
        return None
    why = (
        f"From step {step} on the norm of the gradient is NaN or inf, and the loss is logged as 0: the training broke "
        "there."
    )
    if step == gradients.steps[0]:
        why += (
            " That is its first entry: check the data, the loss and the precision (float16 overflows) before the "
            "learning rate."
        )
        return Finding("diverged", 1.0, why, {"diverged_at": step})
    return Finding("diverged", 1.0, why, {"diverged_at": step}, _lr_advice(log, doublings=DIVERGENCE_DOUBLINGS))


def too_few_losses_finding(log: TrainingLog) -> Finding:
    """Return the finding that there are too few losses for a diagnosis."""
    count = max(len(series) for series in (log.train, log.valid) if series is not None)
    why = (
        f"The log has {count} loss{'es' if count > 1 else ''}; a diagnosis needs {MIN_LOSSES} or more. Log the loss "
        "more often."
    )
    return Finding("unknown", 1.0, why, {"losses": count})


def plateau_finding(evidence: dict[str, float], probabilities: Mapping[Verdict, float]) -> Finding:
    """Return the finding that the loss never moved."""
    too_low = probabilities.get("lr_too_low", 0.0)
    why = (
        f"The loss stayed at {format_measurement(evidence['start_loss'])}: nothing was learnt. One curve cannot "
        f"distinguish a learning rate that is far too low ({too_low:.0%} likely) from a network or a loss that passes "
        f"no gradient. {CHECK_HINT}"
    )
    return Finding("plateau", 0.5, why, evidence)


def overfitting_finding(log: TrainingLog, evidence: dict[str, float], confidence: float) -> Finding:
    """Return the finding that the validation loss rose while the training loss fell."""
    assert log.valid is not None  # noqa: S101  (without it no rise is found)
    lowest = int(log.valid.values.argmin())
    step, best, end = int(log.valid.steps[lowest]), float(log.valid.values[lowest]), _last(log.valid)
    train = (
        "" if log.train is None else f", while the training loss fell to {format_measurement(_final_mean(log.train))}"
    )
    why = (
        f"The validation loss was lowest, {format_measurement(best)}, at step {step:,}, and rose to "
        f"{format_measurement(end)}{train}. Keep the weights of step {step:,}, or train for that many steps with a "
        "schedule that ends there; regularisation or more data moves the point further out. The learning rate is not "
        "the first thing to change."
    )
    return Finding("overfitting", confidence, why, {**evidence, "lowest_valid_loss": best}, {"steps": float(step)})


def healthy_finding(log: TrainingLog, evidence: dict[str, float], confidence: float) -> Finding:
    """Return the finding that the curves show no fault."""
    missing = ", no ".join(_missing_quantities(log))
    reservation = f", as far as the log shows: it has no {missing}" if missing else ""
    why = f"{_curve_sentence(evidence)} It looks like {VERDICT_NAMES['healthy']}{reservation}."
    return Finding("healthy", confidence, why, evidence)


def doubt_finding(log: TrainingLog, evidence: dict[str, float], probabilities: Mapping[Verdict, float]) -> Finding:
    """Return the finding that the curves do not decide between two verdicts, and what would."""
    first, second = sorted(probabilities, key=lambda verdict: -probabilities[verdict])[:2]
    missing = ", no ".join(_missing_quantities(log))
    lacks = f" The log has no {missing}." if missing else ""
    why = (
        f"{_curve_sentence(evidence)} It looks like {VERDICT_NAMES[first]} ({probabilities[first]:.0%}) or "
        f"{VERDICT_NAMES[second]} ({probabilities[second]:.0%}).{lacks} {CHECK_HINT}"
    )
    return Finding("unknown", 1.0 - probabilities[first], why, evidence)


def fault_finding(
    log: TrainingLog, evidence: dict[str, float], verdict: Verdict, *, confidence: float, lr_doublings: float
) -> Finding:
    """Return the finding that the learning rate or the momentum is wrong, and what it should be.

    Args:
        log: The training log.
        evidence: The numbers that the verdict rests on.
        verdict: Which hyperparameter is wrong, in which direction.
        confidence: Probability of the verdict.
        lr_doublings: How many times the learning rate should be doubled; halved where it is negative.
    """
    if verdict in ("lr_too_low", "lr_too_high"):
        sign = 1.0 if verdict == "lr_too_low" else -1.0
        doublings = sign * min(max(sign * lr_doublings, MIN_ADVISED_DOUBLINGS), MAX_ADVISED_DOUBLINGS)
        advice = _lr_advice(log, doublings=doublings)
        what = f"multiply the learning rate by about {format_number(2.0**doublings, digits=2)}"
    else:
        advice, what = _momentum_advice(log, raises=verdict == "momentum_too_low")
    why = f"{_curve_sentence(evidence)} It looks like {VERDICT_NAMES[verdict]}: {what.rstrip('.')}."
    return Finding(verdict, confidence, why, evidence, advice)


def log_evidence(log: TrainingLog, features: Mapping[str, float]) -> dict[str, float]:
    """Return the numbers that a verdict rests on, by name; those that the log lacks are left out."""
    loss = main_loss(log)
    numbers = {
        "start_loss": None if loss is None else _initial_mean(loss),
        "final_loss": None if loss is None else _final_mean(loss),
        "final_valid_loss": None if log.valid is None else _last(log.valid),
        "falls_at_end": -math.expm1(-features["falls_at_end"]),
        "noise": math.expm1(math.exp(features["noise"])),
        "swing": math.expm1(math.exp(features["swing"])),
        "overshoot": math.expm1(features["overshoot"]),
        "rises": features["ups"],
        "lr": _highest(log.lr),
        "rate_falls": 2.0 ** features["rate_falls"],
        "momentum": _highest(log.momentum),
        "valid_over_train": math.exp(features["gap"]) if math.isfinite(features["gap"]) else None,
        "valid_risen": math.expm1(features["valid_risen"]) if math.isfinite(features["valid_risen"]) else None,
        "grad_norm": None if log.grad_norm is None else _last(log.grad_norm),
    }
    return {name: float(value) for name, value in numbers.items() if value is not None and math.isfinite(value)}


def _not_finite_finding(log: TrainingLog, name: str, series: Series, step: int) -> Finding:
    why = f"The {name} loss was NaN or inf from step {step} on."
    if step == series.steps[0]:
        why += " That is its first entry: check the data and the loss before the learning rate."
        return Finding("diverged", 1.0, why, {"diverged_at": step})
    return Finding("diverged", 1.0, why, {"diverged_at": step}, _lr_advice(log, doublings=DIVERGENCE_DOUBLINGS))


def _curve_sentence(evidence: Mapping[str, float]) -> str:
    """Return a sentence that describes the curve of the loss."""
    start, end = (format_measurement(evidence.get(name, math.nan)) for name in ("start_loss", "final_loss"))
    falls = evidence["falls_at_end"]
    if falls > 0.01:
        at_end = f"still falls (its last tenth lies {falls:.0%} below the two before)"
        if evidence.get("rate_falls", 1.0) > 2.0:
            at_end += ", under a learning rate that falls as well"
    elif falls > -0.01:
        at_end = "falls no more"
    else:
        at_end = f"rises (its last tenth lies {-falls:.0%} above the two before)"
    noise = evidence["noise"]
    changes = f"{noise:.1%}" if noise < 0.1 else f"{noise:.0%}"
    return f"The loss went from {start} to {end}, {at_end}, and changes by {changes} from one entry to the next."


def _missing_quantities(log: TrainingLog) -> Iterator[str]:
    names = (("valid", "validation loss"), ("lr", "learning rate"), ("momentum", "momentum"))
    for quantity, name in names:
        if getattr(log, quantity) is None:
            yield name


def _lr_advice(log: TrainingLog, *, doublings: float) -> dict[str, float | str]:
    lr, factor = _highest(log.lr), 2.0**doublings
    return {"lr": f"times {format_number(factor, digits=2)}" if lr is None else float(f"{lr * factor:.2g}")}


def _momentum_advice(log: TrainingLog, *, raises: bool) -> tuple[dict[str, float | str], str]:
    """Return the advised momentum, and the advice in words."""
    current, factor = _highest(log.momentum), ADVISED_MEMORY_FACTOR if raises else 1.0 / ADVISED_MEMORY_FACTOR
    if current is None:
        return {}, f"try 1 / (1 - momentum) {format_number(factor)} times as high"
    memory = 1.0 / (1.0 - current) * factor
    momentum = min(max(1.0 - 1.0 / memory, 0.0), MAX_ADVISED_MOMENTUM)
    if momentum == current or (momentum > current) != raises:
        extreme = "high" if raises else "low"
        return {}, f"but {format_number(current)} is as {extreme} as is advised without trying; {CHECK_HINT}"
    return {
        "momentum": round(momentum, 3)
    }, f"try a momentum of {format_number(momentum)} instead of {format_number(current)}"


def _initial_mean(loss: Series) -> float:
    """Return the mean loss over the first hundredth."""
    return float(np.mean(loss.values[: max(1, len(loss) // 100)]))


def _final_mean(loss: Series) -> float:
    """Return the mean loss over the last tenth."""
    return float(np.mean(loss.values[-max(1, len(loss) // 10) :]))


def _last(series: Series) -> float:
    return float(series.values[-1])


def _highest(series: Series | None) -> float | None:
    return None if series is None else float(series.values.max())
