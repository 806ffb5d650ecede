"""The finding of a watch: one rule for each fault, and, where no rule applies, whether the training is healthy.

A rule that is in doubt returns nothing. Curvature is the ratio of curvature to slope along a step: how many times as
far a step goes as to the lowest point of its batch's loss along it; 2 is the edge of stability.

The thresholds come from trainings with known faults on five tasks (ADR 0012). Good learning rates had a ratio of 0.1 to
8 until the loss had come down; rates a hundred times too low had one below 0.01.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import median

import numpy as np
from numpy.typing import NDArray

from surefoot.core.finding_and_symptoms import Finding
from surefoot.core.formatting import format_measurement, format_number
from surefoot.theory.stable_and_best_rates import EDGE_OF_STABILITY
from surefoot.watch.training_record import CurvatureSample, TrainingRecord, count_rebounds

# Number of last losses that must all show a fault of the loss. Chosen.
STABLE_STEPS = 20
# The loss diverged where it stays above this many times its first value; the rate is too high where it stays this share
# of the first value above it. Chosen.
DIVERGED_RATIO, TOO_HIGH_SHARE = 4.0, 0.5
# A peak is more than noise where it lies this many times as far above the first loss as any of the last losses. Chosen.
PEAK_OVER_NOISE = 3.0
# Steps after which a loss above its start is a fault, and after which one that has not fallen is. Chosen.
RECOVERY_STEPS, LEARNING_STEPS = 50, 300
# Steps after which a finding no longer waits for curvature. Chosen.
MAX_STEPS_WITHOUT_CURVATURE = 200
# The training has begun to learn where the loss fell by this share of its first value. Chosen.
LEARNT_SHARE = 0.02
# Below this share of the first loss, the loss has come down: it is then linear along the steps at good rates too.
COME_DOWN_SHARE = 0.8
# Curvature samples that a finding needs, and steps between the first and the last of them. Chosen.
MIN_CURVATURE_SAMPLES, MIN_CURVATURE_STEPS = 6, 60
# Ratio below which the loss is linear all along a step, and above which a step is far too long (ADR 0012).
LINEAR_RATIO, FAR_TOO_LONG_RATIO = 0.01, 3.0
# Ratio of a single step that can ruin a network: all its units may be dead after it.
RUINOUS_RATIO = 10.0
# A ratio that grows by this factor is still on its way to where the steps are long enough. Chosen.
GROWTH_FACTOR = 2.0
# Ratio that advice for a low rate aims at; advice for a high rate aims at the edge of stability (ADR 0012).
GOOD_RATIO = 0.3
# Ratios between which the good learning rates of ADR 0012 were, nearly all of them.
LOWEST_GOOD_RATIO, HIGHEST_GOOD_RATIO = 0.05, 8.0
# The momentum may be too high from this value on, where the ratio of the learning rate alone is at most the second.
HIGH_MOMENTUM, HARMLESS_LR_RATIO = 0.95, 0.5
# Largest factors of advice: up, and down. Chosen.
MAX_LR_FACTOR, MIN_LR_FACTOR = 1000.0, 0.001
# Factor on a rate that is too high: at most this, and this where no curvature shows how far it is off. Chosen.
MAX_LOWERING_FACTOR, DEFAULT_LOWERING_FACTOR = 1 / 3, 0.1


def make_finding(record: TrainingRecord) -> Finding:
    """Return the finding that a record allows: that of the first rule that applies.

    Example:
        >>> record = TrainingRecord()
        >>> record.losses.add([float("nan")])
        >>> make_finding(record).why
        'Diverged at step 0: the loss was NaN or inf before any step. Check the data, the loss and the model.'
    """
    finding = next((finding for rule in FINDING_RULES if (finding := rule(record)) is not None), None)
    return finding or _without_fault(record)


def diverged(record: TrainingRecord) -> Finding | None:
    """Return the finding that the loss is NaN or inf, or far above where it began.

    A loss that is NaN or inf while the weights are finite may belong to a step that was skipped. It counts once it
    stays, or at step 0, before which no step was made.
    """
    losses, first = record.losses, record.losses.first
    if losses.diverged_at == 0:
        why = "Diverged at step 0: the loss was NaN or inf before any step. Check the data, the loss and the model."
        return Finding("diverged", 1.0, why, record.evidence() | {"diverged_at": 0.0})
    if losses.diverged_at is not None:
        has_stayed = losses.count - losses.diverged_at >= STABLE_STEPS
        if record.has_non_finite_weights or has_stayed:
            return _not_finite(record, losses.diverged_at)
    if record.has_non_finite_weights:  # a weight that the last batch did not use
        return _not_finite(record, losses.count - 1)
    last = losses.last_finite(STABLE_STEPS)
    if first is None or len(last) < STABLE_STEPS or last.min() <= first + (DIVERGED_RATIO - 1) * abs(first):
        return None
    return Finding("diverged", 0.95, _stayed_above(first, last), record.evidence(), _lower_lr(record))


def lr_too_high(record: TrainingRecord) -> Finding | None:
    """Return the finding that the rate is too high: the loss rose and stays up, or steps are far too long."""
    return _rose_above_start(record) or _steps_too_long(record)


def momentum_too_high(record: TrainingRecord) -> Finding | None:
    """Return the finding that steps are far too long by momentum alone: without it the learning rate is harmless."""
    current = record.hyperparameters
    ratio = _ratio_of_long_steps(record)
    if ratio is None or current.momentum_name != "momentum" or current.momentum < HIGH_MOMENTUM:
        return None
    without_momentum = ratio * (1.0 - current.momentum)
    if without_momentum > HARMLESS_LR_RATIO:
        return None
    advised = round(max(0.0, 1.0 - (1.0 - current.momentum) * ratio / EDGE_OF_STABILITY), 3)
    why = (
        f"With momentum {format_number(current.momentum)} {_step_length(ratio)}, and the loss rose again after it had "
        f"come down; without momentum it would go {format_number(without_momentum)} times as far."
    )
    return Finding("momentum_too_high", 0.7, why, record.evidence(), {"momentum": advised})


def lr_too_low(record: TrainingRecord) -> Finding | None:
    """Return the finding that the loss is linear all along the steps, while the training has still far to go.

    Only curvature near the peak learning rate counts: at the end of a schedule and in a warmup it is meant to be low.
    """
    samples, initial = _enough_curvature(record), record.losses.initial
    last = record.losses.last_finite(STABLE_STEPS)
    if not samples or initial is None or not len(last) or np.median(last) < COME_DOWN_SHARE * initial:
        return None
    ratios = np.abs([each.ratio for each in samples])
    ratio = float(np.quantile(ratios, 0.9))
    if ratio >= LINEAR_RATIO or _still_grows(ratios):
        return None
    factor = GOOD_RATIO / max(ratio, GOOD_RATIO / MAX_LR_FACTOR)
    advised = _two_digits(record.lr_peak * factor)
    steps = format_number(samples[-1].step - samples[0].step)
    why = (
        f"Over {steps} steps the loss was linear along each step: in nine of ten, curvature took away "
        f"{format_number(ratio)} of the slope or less; at good learning rates it takes {format_number(GOOD_RATIO)} or "
        f"more. The loss went from {format_measurement(initial)} to "
        f"{format_measurement(float(np.median(last)))}; try {format_number(advised)}, "
        f"{format_number(factor, digits=2)} times as much."
    )
    confidence = 0.95 if ratio < LINEAR_RATIO / 5 else 0.85
    return Finding("lr_too_low", confidence, why, record.evidence(), {"lr": advised})


def plateau(record: TrainingRecord) -> Finding | None:
    """Return the finding that the loss has not begun to fall, though neither learning rate nor momentum explain it."""
    curve, first = record.losses.curve(), record.losses.first
    samples = _enough_curvature(record)
    if record.losses.count < LEARNING_STEPS or len(curve) < 8 or first is None or not samples:
        return None
    if median(each.ratio for each in samples) < GOOD_RATIO / 3:
        return None  # with short steps the loss may still begin to fall
    quarter = len(curve) // 4
    begin, now = float(np.mean(curve[:quarter])), float(np.mean(curve[-quarter:]))
    if min(first, begin) - now > LEARNT_SHARE * abs(begin) or curve[quarter:].min() < begin / 2:
        return None
    why = (
        f"The loss is where it began after {record.losses.count} steps ({format_measurement(begin)}, now "
        f"{format_measurement(now)}), and its steps are neither too short nor too long: check the data, the loss and "
        "the model."
    )
    return Finding("plateau", 0.6, why, record.evidence())


# The first rule that applies gives the finding.
FINDING_RULES: tuple[Callable[[TrainingRecord], Finding | None], ...] = (
    diverged,
    momentum_too_high,
    lr_too_high,
    lr_too_low,
    plateau,
)


def _not_finite(record: TrainingRecord, step: int) -> Finding:
    finite = [loss for loss in record.losses.recent if math.isfinite(loss)]
    subject = "a weight" if record.losses.diverged_at is None else "the loss"
    before = f" (the last finite loss was {format_measurement(finite[-1])})" if finite else ""
    why = f"Diverged at step {step}: {subject} became NaN or inf{before}."
    first = record.losses.first
    if finite and first is not None and finite[-1] < first:  # at a rate that is too high the loss rises first
        why += " The loss had fallen until then: check for a division, a root or a logarithm of 0 too."
    evidence = record.evidence() | {"diverged_at": float(step)}
    return Finding("diverged", 1.0, why, evidence, _lower_lr(record))


def _rose_above_start(record: TrainingRecord) -> Finding | None:
    first, last = record.losses.first, record.losses.last_finite(STABLE_STEPS)
    if first is None or len(last) < STABLE_STEPS or record.losses.count < RECOVERY_STEPS:
        return None
    if last.min() > first + TOO_HIGH_SHARE * abs(first):
        return Finding("lr_too_high", 0.85, _stayed_above(first, last), record.evidence(), _lower_lr(record))
    if np.median(last) < first - LEARNT_SHARE * abs(first):
        return None
    return _rose_and_came_back(record, first, last) or _ruined_by_a_step(record, first, last)


def _rose_and_came_back(record: TrainingRecord, first: float, last: NDArray[np.float64]) -> Finding | None:
    curve = record.losses.curve()
    peak = float(np.sort(curve)[-2:].mean()) if len(curve) > 1 else -math.inf  # the highest alone may be an odd batch
    noise = PEAK_OVER_NOISE * float(record.losses.last_finite(RECOVERY_STEPS).max() - first)
    if peak <= first + max(2 * TOO_HIGH_SHARE * abs(first), noise):
        return None
    why = (
        f"The loss rose from {format_measurement(first)} to {format_measurement(peak)} and came back to "
        f"{format_measurement(np.median(last))} without learning anything: the first steps were too long."
    )
    return Finding("lr_too_high", 0.85, why, record.evidence() | {"peak_loss": peak}, _lower_lr(record))


def _ruined_by_a_step(record: TrainingRecord, first: float, last: NDArray[np.float64]) -> Finding | None:
    # The second highest ratio: the highest alone may be an odd batch.
    ratio = sorted([0.0, 0.0, *(each.ratio for each in record.curvature)])[-2]
    if record.losses.count < LEARNING_STEPS or ratio <= RUINOUS_RATIO:
        return None
    why = (
        f"The loss is where it began ({format_measurement(first)}, now {format_measurement(np.median(last))}), and "
        f"{_step_length(ratio)}, after which all units of a network may be dead."
    )
    return Finding("lr_too_high", 0.6, why, record.evidence(), _lower_lr(record))


def _steps_too_long(record: TrainingRecord) -> Finding | None:
    ratio = _ratio_of_long_steps(record)
    if ratio is None:
        return None
    advised = _two_digits(record.lr_peak * EDGE_OF_STABILITY / ratio)
    why = (
        f"{_step_length(ratio).capitalize()} ({format_number(EDGE_OF_STABILITY)} is the edge of stability), and the "
        "loss rose again after it had come down."
    )
    return Finding("lr_too_high", 0.75, why, record.evidence(), {"lr": advised})


def _ratio_of_long_steps(record: TrainingRecord) -> float | None:
    """Return the median ratio of steps that are too long, where a loss that had come down rose again.

    Steps before the rise count, if there are enough: after it there may be nothing to measure, for a network whose
    units are all dead has short steps.
    """
    samples, curve = _enough_curvature(record), record.losses.curve()
    if not samples or record.lr_has_decayed():
        return None
    lowest_step = record.losses.lowest_step()
    before = [each for each in samples if each.step <= lowest_step]
    ratio = median(each.ratio for each in (before if len(before) >= MIN_CURVATURE_SAMPLES else samples))
    return ratio if ratio > FAR_TOO_LONG_RATIO and count_rebounds(curve) else None


def _still_grows(ratios: NDArray[np.float64]) -> bool:
    """Return whether later ratios are clearly above earlier ones: sharpness rises until steps are long enough."""
    before, after = np.array_split(ratios, 2)
    return bool(np.median(after) > GROWTH_FACTOR * np.median(before))


def _enough_curvature(record: TrainingRecord) -> list[CurvatureSample]:
    """Return the curvature near the peak learning rate; none where there is too little of it."""
    samples = record.curvature_near_peak_lr()
    is_enough = len(samples) >= MIN_CURVATURE_SAMPLES and samples[-1].step - samples[0].step >= MIN_CURVATURE_STEPS
    return samples if is_enough else []


def _lower_lr(record: TrainingRecord) -> dict[str, float | str]:
    """Return the advice of a lower rate: the edge of stability by the highest ratio measured, else a tenth."""
    if record.lr_peak <= 0.0:
        return {}
    ratio = max((each.ratio for each in record.curvature if each.lr == record.lr_peak), default=0.0)
    factor = EDGE_OF_STABILITY / ratio if ratio > EDGE_OF_STABILITY else DEFAULT_LOWERING_FACTOR
    return {"lr": _two_digits(record.lr_peak * min(MAX_LOWERING_FACTOR, max(factor, MIN_LR_FACTOR)))}


def _without_fault(record: TrainingRecord) -> Finding:
    missing = _missing_for_healthy(record)
    if missing is not None:
        return Finding("unknown", 0.0, f"Not known yet: {missing}.", record.evidence())
    losses, samples = record.losses, record.curvature_near_peak_lr()
    now = format_measurement(float(np.mean(losses.last_finite(STABLE_STEPS))))
    why = f"The loss fell from {_first_loss(record)} to {now}, "
    if len(samples) < MIN_CURVATURE_SAMPLES:
        reason = record.why_no_curvature or _too_few_samples(samples)
        why += "and shows no fault of learning rate or momentum. Whether they are too low only curvature would show: "
        return Finding("healthy", 0.5, f"{why}{reason}.", record.evidence())
    ratio = float(np.median([each.ratio for each in samples]))
    why += f"and {_step_length(ratio)}: "
    if ratio < LOWEST_GOOD_RATIO:
        why += "that is short, and a higher learning rate may be as good in fewer steps, but the loss falls."
        return Finding("healthy", 0.5, why, record.evidence())
    if ratio > HIGHEST_GOOD_RATIO:
        why += "that is long, but the loss falls all the same."
        return Finding("healthy", 0.5, why, record.evidence())
    return Finding("healthy", 0.7, why + "learning rate and momentum show no fault.", record.evidence())


def _missing_for_healthy(record: TrainingRecord) -> str | None:
    """Return what is missing for a healthy verdict; ``None`` where nothing is."""
    losses, samples = record.losses, record.curvature_near_peak_lr()
    last = losses.last_finite(STABLE_STEPS)
    if losses.first is None or losses.count < RECOVERY_STEPS or len(last) < STABLE_STEPS:
        return f"it takes {RECOVERY_STEPS} steps (there are {losses.count})"
    # The first batch is measured at once: where there is no sample of curvature by now, there will be none.
    is_measured = record.why_no_curvature is None and len(record.curvature) > 0
    if is_measured and len(samples) < MIN_CURVATURE_SAMPLES and losses.count < MAX_STEPS_WITHOUT_CURVATURE:
        return f"{_too_few_samples(samples)}, from batches passed to step()"
    if losses.diverged_at is not None:
        return f"the loss has been NaN or inf since step {losses.diverged_at}, while the weights are finite"
    if np.mean(last) >= losses.first - LEARNT_SHARE * abs(losses.first):
        reason = record.why_no_curvature
        because = f", and only curvature would show why: {reason}" if reason else ""
        return f"the loss has not fallen since the start ({_first_loss(record)}){because}"
    if (len(samples) < MIN_CURVATURE_SAMPLES or record.lr_has_decayed()) and count_rebounds(losses.curve()):
        return "the loss rose again after it had come down; curvature at a constant learning rate would show why"
    return None


def _step_length(ratio: float) -> str:
    return f"a step goes {format_number(ratio)} times as far as to the lowest point of its batch's loss"


def _stayed_above(first: float, last: NDArray[np.float64]) -> str:
    return (
        f"The loss began at {format_measurement(first)} and was above {format_measurement(last.min())} for the last "
        f"{STABLE_STEPS} steps."
    )


def _too_few_samples(samples: list[CurvatureSample]) -> str:
    return f"it takes {MIN_CURVATURE_SAMPLES} samples of curvature (there are {len(samples)})"


def _first_loss(record: TrainingRecord) -> str:
    return format_measurement(record.losses.first or 0.0)


def _two_digits(value: float) -> float:
    return float(f"{value:.2g}")
