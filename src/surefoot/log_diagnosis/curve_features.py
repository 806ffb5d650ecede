"""What a training's curve is like, in numbers that hang neither on the loss's unit nor on how long it was trained."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from surefoot.logs.curve import Curve, Series
from surefoot.logs.names import Quantity, words

Losses: TypeAlias = NDArray[np.float64]

# Fewer losses than this tell nothing of a course.
LEAST = 8
# Parts into which a course is cut.
PARTS = 10
# A loss this small beside the usual one is nothing; below zero, the lowest counts as a tenth of that.
SMALL, BELOW = 1e-3, 1.1
# Losses so many times the usual one, or no number at all, are as bad as can be.
WORST = 1e3
# Smallest noise and swing that are told apart, as logarithms of the loss.
FAINT = 1e-4
OF_VALIDATION = (
    "valid_fall", "valid_risen", "valid_falls_at_end", "valid_falls_in_second_half", "valid_noise", "valid_ups",
    "valid_lowest_at", "gap",
)  # fmt: skip
ADAPTIVE = {"adam", "adamw", "nadam", "rmsprop", "adagrad", "adadelta", "adafactor", "lion", "amsgrad"}


def traits_of(curve: Curve) -> dict[str, float]:
    """Return the traits of a curve by name; NaN where the log does not tell.

    Falls and rises are differences of logarithms of the loss, times are shares of the training, and noise is the median
    change from one logged loss to the next.

    Args:
        curve: One that :func:`main_loss` finds a loss in.
    """
    main = main_loss(curve)
    assert main is not None  # noqa: S101  (the caller asks first)
    lift = lift_of(main.values)
    found = _of_course(main, lift) | _of_validation(curve, lift) | _of_knobs(curve)
    found["falls_per_doubling"] = falls_per_doubling(main, curve.lr, lift)
    valid = curve.valid
    enough = valid is not None and len(valid) >= PARTS
    found["valid_falls_per_doubling"] = falls_per_doubling(valid, curve.lr, lift) if enough and valid else math.nan
    found["annealed"] = found["falls_at_end"] * min(found["rate_falls"], 3.0)
    return found


def main_loss(curve: Curve) -> Series | None:
    """Return the loss whose course is judged: the training loss, or the validation loss where that tells too little."""
    return next((loss for loss in (curve.train, curve.valid) if loss is not None and len(loss) >= LEAST), None)


def lift_of(losses: Losses) -> float:
    """Return what to add to losses before their logarithms are taken.

    Example:
        >>> lift_of(np.array([1.0, 2.0, 3.0])), lift_of(np.array([-1.0, 0.0, 1.0]))
        (0.002, 1.1)
    """
    finite = losses[np.isfinite(losses)]
    if not finite.size:
        return 1.0
    return (SMALL * abs(float(np.median(finite))) + BELOW * max(0.0, -float(finite.min()))) or SMALL


def logs_of(losses: Losses, lift: float) -> Losses:
    """Return logarithms of lifted losses; what is no number is as bad as can be."""
    finite = losses[np.isfinite(losses)]
    worst = WORST * (abs(float(np.median(finite))) + lift) if finite.size else 1.0
    logs: Losses = np.log(np.minimum(np.where(np.isfinite(losses), losses, worst), worst) + lift)
    return logs


def falls_per_doubling(series: Series, lr: Series | None, lift: float) -> float:
    """Return how far the logarithm of the loss fell over the last half of all distance walked.

    Distance is the sum of the learning rates. A step so small that the loss follows its gradient could be twice as
    long: the training would go twice as far, and the loss would fall by about as much again.

    Example:
        >>> steps = np.arange(1, 101)
        >>> power = Series(steps, steps**-0.5)
        >>> round(falls_per_doubling(power, None, 0.0) / math.log(2), 1)
        0.5
    """
    rates = np.ones(len(series)) if lr is None else np.interp(series.steps, lr.steps, lr.values)
    walked = np.cumsum(np.maximum(rates, 0.0) * np.diff(series.steps, prepend=0))
    logs = logs_of(series.values, lift)
    if not walked[-1] > 0:
        return 0.0
    width = max(1, len(logs) // 20)
    half = int(np.searchsorted(walked, 0.5 * walked[-1]))
    around = logs[max(0, half - width) : half + width + 1]
    return _clip(float(around.mean() - logs[-width:].mean()), 2, 3)


def trailing_means(values: Losses, width: int) -> Losses:
    """Return the mean of each value and those before it, up to so many.

    Example:
        >>> trailing_means(np.array([1.0, 3.0, 5.0]), 2).tolist()
        [1.0, 2.0, 4.0]
    """
    sums = np.cumsum(np.concatenate([[0.0], values]))
    until = np.arange(1, len(values) + 1)
    begin = np.maximum(until - width, 0)
    means: Losses = (sums[until] - sums[begin]) / (until - begin)
    return means


def _of_course(series: Series, lift: float) -> dict[str, float]:
    """Return how the loss went from beginning to end."""
    logs = logs_of(series.values, lift)
    count = len(logs)
    start = float(logs[: max(1, count // 100)].mean())
    parts = _means(logs, PARTS)
    smooth = trailing_means(logs, max(1, count // 40))
    fall = max(start - float(parts.min()), 1e-3)
    changes = np.abs(np.diff(logs))
    rest = (logs - trailing_means(logs, max(3, count // 20)))[count // 2 :]
    late, early = _means(logs[count // 5 :], 16), _means(logs[: max(LEAST, count // 5)], 16)
    return {
        "fall": _clip(start - parts[-1], 3, 8),
        "falls_at_end": _clip(parts[-3:-1].mean() - parts[-1], 1, 1),
        "falls_in_second_half": _clip(parts[4] - parts[-1], 2, 3),
        "falls_in_first_half": _clip(parts[2] - parts[5], 2, 3),
        "falls_at_first": _clip(start - parts[0], 2, 4),
        "half_way": math.log10(_first_below(smooth, start - 0.5 * fall) / count),
        "nine_tenths_way": math.log10(_first_below(smooth, start - 0.9 * fall) / count),
        "overshoot": _clip(float(smooth.max()) - start, 0, 4),
        "risen": _clip(parts[-1] - parts.min(), 0, 3),
        "noise": math.log(float(np.median(changes[count // 2 :])) + FAINT),
        "noise_at_first": math.log(float(np.median(changes[: max(3, count // 5)])) + FAINT),
        "persistence": _correlation(rest),
        "swing": math.log(_beside_trend(late) + FAINT),
        "ups": float((np.diff(late) > 0).mean()),
        "ups_at_first": float((np.diff(early) > 0).mean()),
        "spike": math.log(max(float(np.quantile(rest, 0.99)), 0.0) + FAINT),
        "points": math.log10(count),
    }


def _of_validation(curve: Curve, lift: float) -> dict[str, float]:
    """Return how the validation loss went, and how far it lies above the training loss."""
    series = curve.valid
    if series is None or len(series) < 3:
        return dict.fromkeys(OF_VALIDATION, math.nan)
    logs = logs_of(series.values, lift)
    start, end = logs[0], float(_means(logs, PARTS)[-1])
    gap = math.nan
    if curve.train is not None and len(curve.train) >= PARTS:
        start = max(start, logs_of(curve.train.values, lift)[0])
        gap = _clip(end - float(_means(logs_of(curve.train.values, lift), PARTS)[-1]), 2, 6)
    late = np.abs(np.diff(logs[len(logs) // 2 :]))
    return {
        "valid_fall": _clip(start - end, 3, 8),
        "valid_risen": _clip(end - float(logs.min()), 0, 4),
        "valid_falls_at_end": _clip(float(logs[-4:-2].mean() if len(logs) > 3 else logs[-2]) - end, 1, 1),
        "valid_falls_in_second_half": _clip(float(logs[len(logs) // 2]) - end, 2, 3),
        "valid_noise": math.log(float(np.median(late)) + FAINT) if len(late) else math.nan,
        "valid_ups": float((np.diff(logs) > 0).mean()),
        "valid_lowest_at": (int(logs.argmin()) + 1) / len(logs),
        "gap": gap,
    }


def _of_knobs(curve: Curve) -> dict[str, float]:
    """Return learning rate and momentum, as far as they are logged."""
    peak = falls = memory = math.nan
    if curve.lr is not None:
        highest = float(curve.lr.values.max())
        peak = math.log2(highest)
        falls = math.log2(highest / max(float(curve.lr.values[-1]), highest / 64))
    if curve.momentum is not None:
        memory = -math.log2(1.0 - float(curve.momentum.values.max()))
    return {
        "rate": peak,
        "memory": memory,
        "effective_rate": peak + memory,
        "rate_falls": falls,
        "length": math.log2(max(curve.last_step, 1)),
        "adaptive": adaptive(curve.names),
    }


def adaptive(names: Mapping[Quantity, str]) -> float:
    """Return 1 where the names of a log tell of an adaptive optimizer, 0 where of SGD, NaN where of none.

    Lightning's monitor calls a learning rate ``lr-Adam``.

    Example:
        >>> adaptive({"lr": "lr-Adam"}), adaptive({"lr": "lr-SGD"}), adaptive({"lr": "lr"})
        (1.0, 0.0, nan)
    """
    said = {word for name in names.values() for word in words(name)}
    if said & ADAPTIVE:
        return 1.0
    return 0.0 if "sgd" in said else math.nan


def _means(values: Losses, parts: int) -> Losses:
    return np.array([part.mean() for part in np.array_split(values, min(parts, len(values)))])


def _first_below(values: Losses, limit: float) -> int:
    below = np.flatnonzero(values <= limit)
    return int(below[0]) + 1 if below.size else len(values)


def _correlation(values: Losses) -> float:
    """Return the correlation of successive values, 0 where they do not vary."""
    first, second = values[1:] - values[1:].mean(), values[:-1] - values[:-1].mean()
    size = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / size if size > 1e-12 else 0.0


def _beside_trend(values: Losses) -> float:
    """Return the standard deviation of values beside their parabola."""
    if len(values) < 5:
        return 0.0
    places = np.arange(len(values))
    return float((values - np.polyval(np.polyfit(places, values, 2), places)).std())


def _clip(value: float, down: float, up: float) -> float:
    return float(min(max(value, -down), up))
