"""A classifier of loss curves, fitted to trainings with known faults, and the features of curves that it is given."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from surefoot.core.finding_and_symptoms import Verdict
from surefoot.logs.names import Quantity, split_words
from surefoot.logs.training_log import Series, TrainingLog

Array: TypeAlias = NDArray[np.float64]

# Fewest losses of a curve that can be classified. Chosen.
MIN_LOSSES = 8
# Number of parts whose mean losses are compared. Chosen.
NUM_PARTS = 10
# Share of the median loss that is added to losses before their logarithm, and, where losses are negative, multiple of
# the size of the lowest one: the lowest then counts as a tenth of its size. Chosen.
MIN_LOSS_SHARE, NEGATIVE_OFFSET = 1e-3, 1.1
# Losses count as at most this many times the median; NaN and inf count as that. Chosen.
MAX_LOSS_RATIO = 1e3
# Smallest noise, as a difference of log losses, that is distinguished from 0. Chosen.
MIN_CHANGE = 1e-4
VALIDATION_FEATURES = (
    "valid_fall", "valid_risen", "valid_falls_at_end", "valid_falls_in_second_half", "valid_noise", "valid_ups",
    "valid_lowest_at", "gap",
)  # fmt: skip
ADAPTIVE_OPTIMIZERS = {"adam", "adamw", "nadam", "rmsprop", "adagrad", "adadelta", "adafactor", "lion", "amsgrad"}


def extract_features(log: TrainingLog) -> dict[str, float]:
    """Return the features of a training by name; NaN where the log lacks what a feature needs.

    Falls and rises are differences of log losses. Times are shares of the training. Noise is the median change from one
    logged loss to the next.

    Args:
        log: A training log in which :func:`main_loss` finds a loss.
    """
    main = main_loss(log)
    assert main is not None  # noqa: S101  (the caller asks first)
    offset = log_offset(main.values)
    features = _loss_features(main, offset) | _validation_features(log, offset) | _hyperparameter_features(log)
    features["falls_per_doubling"] = falls_per_doubling(main, log.lr, offset)
    valid = log.valid
    enough = valid is not None and len(valid) >= NUM_PARTS
    features["valid_falls_per_doubling"] = falls_per_doubling(valid, log.lr, offset) if enough and valid else math.nan
    features["annealed"] = features["falls_at_end"] * min(features["rate_falls"], 3.0)
    return features


def main_loss(log: TrainingLog) -> Series | None:
    """Return the loss that is classified: the training loss, or the validation loss where that has too few points."""
    return next((loss for loss in (log.train, log.valid) if loss is not None and len(loss) >= MIN_LOSSES), None)


def log_offset(losses: Array) -> float:
    """Return the offset that is added to losses before their logarithms are taken, so that all are positive.

    Example:
        >>> log_offset(np.array([1.0, 2.0, 3.0])), log_offset(np.array([-1.0, 0.0, 1.0]))
        (0.002, 1.1)
    """
    finite = losses[np.isfinite(losses)]
    if not finite.size:
        return 1.0
    return (
        MIN_LOSS_SHARE * abs(float(np.median(finite))) + NEGATIVE_OFFSET * max(0.0, -float(finite.min()))
    ) or MIN_LOSS_SHARE


def log_losses(losses: Array, offset: float) -> Array:
    """Return the logarithms of losses plus an offset; NaN and inf count as the largest loss that is possible."""
    finite = losses[np.isfinite(losses)]
    worst = MAX_LOSS_RATIO * (abs(float(np.median(finite))) + offset) if finite.size else 1.0
    logs: Array = np.log(np.minimum(np.where(np.isfinite(losses), losses, worst), worst) + offset)
    return logs


def falls_per_doubling(series: Series, lr: Series | None, offset: float) -> float:
    """Return how far the log loss fell over the second half of the distance that the training went.

    The distance is the sum of the learning rates. Where steps are so small that the loss follows its gradient, they
    could be twice as long: the training would go twice as far, and the log loss would fall by about as much again.

    Example:
        >>> steps = np.arange(1, 101)
        >>> power = Series(steps, steps**-0.5)
        >>> round(falls_per_doubling(power, None, 0.0) / math.log(2), 1)
        0.5
    """
    rates = np.ones(len(series)) if lr is None else np.interp(series.steps, lr.steps, lr.values)
    distance = np.cumsum(np.maximum(rates, 0.0) * np.diff(series.steps, prepend=0))
    logs = log_losses(series.values, offset)
    if not distance[-1] > 0:
        return 0.0
    width = max(1, len(logs) // 20)
    half = int(np.searchsorted(distance, 0.5 * distance[-1]))
    around = logs[max(0, half - width) : half + width + 1]
    return _clip(float(around.mean() - logs[-width:].mean()), 2, 3)


def trailing_means(values: Array, width: int) -> Array:
    """Return the mean of each value and those before it.

    Args:
        values: The values, ``[n]``.
        width: How many values, at most, each mean is over.

    Example:
        >>> trailing_means(np.array([1.0, 3.0, 5.0]), 2).tolist()
        [1.0, 2.0, 4.0]
    """
    sums = np.cumsum(np.concatenate([[0.0], values]))
    until = np.arange(1, len(values) + 1)
    begin = np.maximum(until - width, 0)
    means: Array = (sums[until] - sums[begin]) / (until - begin)
    return means


def _loss_features(series: Series, offset: float) -> dict[str, float]:
    """Return the features of the loss."""
    logs = log_losses(series.values, offset)
    count = len(logs)
    start = float(logs[: max(1, count // 100)].mean())
    parts = _part_means(logs, NUM_PARTS)
    smooth = trailing_means(logs, max(1, count // 40))
    fall = max(start - float(parts.min()), 1e-3)
    changes = np.abs(np.diff(logs))
    rest = (logs - trailing_means(logs, max(3, count // 20)))[count // 2 :]
    late, early = _part_means(logs[count // 5 :], 16), _part_means(logs[: max(MIN_LOSSES, count // 5)], 16)
    return {
        "fall": _clip(start - parts[-1], 3, 8),
        "falls_at_end": _clip(parts[-3:-1].mean() - parts[-1], 1, 1),
        "falls_in_second_half": _clip(parts[4] - parts[-1], 2, 3),
        "falls_in_first_half": _clip(parts[2] - parts[5], 2, 3),
        "falls_at_first": _clip(start - parts[0], 2, 4),
        "half_way": math.log10(_steps_until_below(smooth, start - 0.5 * fall) / count),
        "nine_tenths_way": math.log10(_steps_until_below(smooth, start - 0.9 * fall) / count),
        "overshoot": _clip(float(smooth.max()) - start, 0, 4),
        "risen": _clip(parts[-1] - parts.min(), 0, 3),
        "noise": math.log(float(np.median(changes[count // 2 :])) + MIN_CHANGE),
        "noise_at_first": math.log(float(np.median(changes[: max(3, count // 5)])) + MIN_CHANGE),
        "persistence": _autocorrelation(rest),
        "swing": math.log(_deviation_from_parabola(late) + MIN_CHANGE),
        "ups": float((np.diff(late) > 0).mean()),
        "ups_at_first": float((np.diff(early) > 0).mean()),
        "spike": math.log(max(float(np.quantile(rest, 0.99)), 0.0) + MIN_CHANGE),
        "points": math.log10(count),
    }


def _validation_features(log: TrainingLog, offset: float) -> dict[str, float]:
    """Return the features of the validation loss, and how far it lies above the training loss."""
    series = log.valid
    if series is None or len(series) < 3:
        return dict.fromkeys(VALIDATION_FEATURES, math.nan)
    logs = log_losses(series.values, offset)
    start, end = logs[0], float(_part_means(logs, NUM_PARTS)[-1])
    gap = math.nan
    if log.train is not None and len(log.train) >= NUM_PARTS:
        start = max(start, log_losses(log.train.values, offset)[0])
        gap = _clip(end - float(_part_means(log_losses(log.train.values, offset), NUM_PARTS)[-1]), 2, 6)
    late = np.abs(np.diff(logs[len(logs) // 2 :]))
    return {
        "valid_fall": _clip(start - end, 3, 8),
        "valid_risen": _clip(end - float(logs.min()), 0, 4),
        "valid_falls_at_end": _clip(float(logs[-4:-2].mean() if len(logs) > 3 else logs[-2]) - end, 1, 1),
        "valid_falls_in_second_half": _clip(float(logs[len(logs) // 2]) - end, 2, 3),
        "valid_noise": math.log(float(np.median(late)) + MIN_CHANGE) if len(late) else math.nan,
        "valid_ups": float((np.diff(logs) > 0).mean()),
        "valid_lowest_at": (int(logs.argmin()) + 1) / len(logs),
        "gap": gap,
    }


def _hyperparameter_features(log: TrainingLog) -> dict[str, float]:
    """Return the features of learning rate and momentum, as far as they are logged."""
    peak = falls = memory = math.nan
    if log.lr is not None:
        highest = float(log.lr.values.max())
        peak = math.log2(highest)
        falls = math.log2(highest / max(float(log.lr.values[-1]), highest / 64))
    if log.momentum is not None:
        memory = -math.log2(1.0 - float(log.momentum.values.max()))
    return {
        "rate": peak,
        "memory": memory,
        "effective_rate": peak + memory,
        "rate_falls": falls,
        "length": math.log2(max(log.last_step, 1)),
        "adaptive": is_adaptive(log.names),
    }


def is_adaptive(names: Mapping[Quantity, str]) -> float:
    """Return 1 where the names of a log mention an adaptive optimizer, 0 where they mention SGD, NaN otherwise.

    Lightning's monitor, for example, calls a learning rate ``lr-Adam``.

    Example:
        >>> is_adaptive({"lr": "lr-Adam"}), is_adaptive({"lr": "lr-SGD"}), is_adaptive({"lr": "lr"})
        (1.0, 0.0, nan)
    """
    mentioned = {word for name in names.values() for word in split_words(name)}
    if mentioned & ADAPTIVE_OPTIMIZERS:
        return 1.0
    return 0.0 if "sgd" in mentioned else math.nan


def _part_means(values: Array, parts: int) -> Array:
    return np.array([part.mean() for part in np.array_split(values, min(parts, len(values)))])


def _steps_until_below(values: Array, limit: float) -> int:
    below = np.flatnonzero(values <= limit)
    return int(below[0]) + 1 if below.size else len(values)


def _autocorrelation(values: Array) -> float:
    """Return the correlation of successive values; 0 where they do not vary."""
    first, second = values[1:] - values[1:].mean(), values[:-1] - values[:-1].mean()
    size = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / size if size > 1e-12 else 0.0


def _deviation_from_parabola(values: Array) -> float:
    """Return the standard deviation of values from the parabola that fits them best."""
    if len(values) < 5:
        return 0.0
    indices = np.arange(len(values))
    return float((values - np.polyval(np.polyfit(indices, values, 2), indices)).std())


def _clip(value: float, down: float, up: float) -> float:
    return float(min(max(value, -down), up))


# Verdicts under which learning rate and momentum are right.
NO_FAULT: tuple[Verdict, ...] = ("healthy", "overfitting")
WEIGHTS_PATH = Path(__file__).with_name("curve_classifier.json")
# Features that say how long a training was and how often it was logged, and how many standard deviations from the
# centre they count at most. They say little about faults, and real trainings are far longer than the fitted ones (60 to
# 600 steps): without a bound the linear model would let them outweigh all else.
LENGTH_FEATURES, MAX_LENGTH_FEATURE = ("length", "points"), 2.1


@dataclass(frozen=True, slots=True, eq=False)
class CurveClassifier:
    """A multinomial logistic regression over F features and V verdicts, and a linear regression for the learning rate.

        z = (features - centre) / scale; 0 where a feature is unknown, and bounded for those of the length
        p(verdict) = softmax(weights z + bias)
        doublings = lr_weights · z + lr_bias

    Attributes:
        features: Names of the features, ``[F]``.
        centre, scale: Mean and standard deviation of the features, ``[F]``.
        verdicts: The verdicts, ``[V]``.
        weights: Weights of the classifier, ``[V, F]``.
        bias: Bias of the classifier, ``[V]``.
        lr_weights: Weights of the regression, ``[F]``: doublings from the learning rate to the best one at the same
            momentum.
        lr_bias: Bias of the regression.
        min_fault_probability: For each fault, how probable any fault must be before this one is named.
    """

    features: tuple[str, ...]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    verdicts: tuple[Verdict, ...]
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    lr_weights: NDArray[np.float64]
    lr_bias: float
    min_fault_probability: Mapping[Verdict, float]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CurveClassifier:
        """Return the classifier with these weights, as ``benchmarks/diagnosis/fit.py`` writes them."""
        return cls(
            features=tuple(data["traits"]),
            centre=np.array(data["centre"]),
            scale=np.array(data["scale"]),
            verdicts=tuple(data["verdicts"]),
            weights=np.array(data["weights"]),
            bias=np.array(data["bias"]),
            lr_weights=np.array(data["size"]),
            lr_bias=data["size_bias"],
            min_fault_probability=data.get("sure", {}),
        )

    def probabilities(self, features: Mapping[str, float]) -> dict[Verdict, float]:
        """Return the probability of each verdict; they sum to 1."""
        scores = self.weights @ self.standardise(features) + self.bias
        shares = np.exp(scores - scores.max())
        return dict(zip(self.verdicts, (shares / shares.sum()).tolist(), strict=True))

    def verdict(self, probabilities: Mapping[Verdict, float]) -> Verdict:
        """Return the most probable verdict; ``unknown`` where that is a fault, but any fault is not probable enough."""
        likeliest = max(probabilities, key=lambda each: probabilities[each])
        any_fault = 1.0 - sum(probabilities.get(each, 0.0) for each in NO_FAULT)
        return likeliest if any_fault >= self.min_fault_probability.get(likeliest, 0.0) else "unknown"

    def lr_doublings(self, features: Mapping[str, float]) -> float:
        """Return how many times the learning rate should be doubled; halved where it is negative."""
        return float(self.lr_weights @ self.standardise(features) + self.lr_bias)

    def standardise(self, features: Mapping[str, float]) -> NDArray[np.float64]:
        """Return features in standard deviations from their mean, ``[F]``; 0 for those that are unknown."""
        values = np.array([features.get(name, math.nan) for name in self.features])
        is_known = np.isfinite(values)
        standard = np.where(is_known, (np.where(is_known, values, 0.0) - self.centre) / self.scale, 0.0)
        bounded = np.clip(standard, -MAX_LENGTH_FEATURE, MAX_LENGTH_FEATURE)
        return np.where(np.isin(self.features, LENGTH_FEATURES), bounded, standard)


@cache
def load_classifier() -> CurveClassifier:
    """Return the classifier that ``benchmarks/diagnosis/fit.py`` fitted to benchmark tasks and random tasks."""
    return CurveClassifier.from_json(json.loads(WEIGHTS_PATH.read_text()))
