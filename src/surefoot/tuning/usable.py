"""Which learning rates are usable, read off short runs."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from surefoot.statistics import half_width
from surefoot.theory.small_batch import small_batch_prior
from surefoot.theory.stability import heavy_ball_limit
from surefoot.tuning.found import MomentumRange
from surefoot.tuning.range_test import Ramp
from surefoot.tuning.short_runs import USABLE, Runs, crossing, first_broken, rate_at
from surefoot.values import Interval

# A mean gain of so many of its standard errors is no luck of the batches.
CLEAR_GAIN = 5.0


def read_range(ramp: Ramp, runs: Runs, *, start: float, noise: float, sharpness: float | None) -> MomentumRange:
    """Read the usable range of one momentum off its short runs.

    Intervals are of the mean over seeds, in log rate, by Student's t; that of the limit is wider by what lies between
    the rate that held and the one that broke. With three seeds a bootstrap over them would have ten different
    resamples: it is not used.

    Args:
        ramp: The momentum's ramp.
        runs: Its short runs.
        start: Loss before the first step.
        noise: Standard error of a mean gain, from batch to batch.
        sharpness: Of the loss at the start, for what theory expects; ``None`` where it is not known or not above 0.
    """

    def rate(place: float) -> float:
        return rate_at(place) * (1.0 - ramp.momentum)

    means = runs.mean
    best = int(np.argmax(means))
    learns = bool(means[best] > CLEAR_GAIN * noise)
    inside = learns and best < len(means) - 1
    low, high = _usable(runs, best) if inside else (None, None)
    bests = np.array([_vertex(runs.places, column) for column in runs.gains.T]) if inside else np.array([])
    brackets = [_bracket(runs.places, column) for column in runs.gains.T] if learns else [None]
    known = np.array([bracket for bracket in brackets if bracket is not None])
    broken = len(known) == len(brackets)
    return MomentumRange(
        momentum=ramp.momentum,
        low=None if low is None else rate(low),
        best=rate(_vertex(runs.places, means)) if inside else None,
        high=None if high is None else rate(high),
        limit=rate(float(known.mean())) if broken else None,
        best_interval=_interval(bests, around=_vertex(runs.places, means), factor=1.0 - ramp.momentum),
        limit_interval=_bracketed(known, factor=1.0 - ramp.momentum) if broken else None,
        prior=None if sharpness is None else small_batch_prior(sharpness, momentum=ramp.momentum),
        full_batch_limit=None if sharpness is None else heavy_ball_limit(sharpness, momentum=ramp.momentum),
        rates=tuple(rate(place) for place in runs.places),
        losses=tuple((start - means).tolist()),
        ramp=ramp,
    )


def _usable(runs: Runs, best: int) -> tuple[float, float]:
    """Return the places between which, around the best, every run gained enough."""
    level = USABLE * float(runs.mean[best])
    poor = np.flatnonzero(runs.mean < level)
    below, above = poor[poor < best], poor[poor > best]
    low = crossing(runs, int(below[-1]) + 1, level) if len(below) else runs.places[0]
    high = crossing(runs, int(above[0]), level) if len(above) else runs.places[-1]
    return low, high


def _vertex(places: tuple[int, ...], gains: NDArray[np.float64]) -> float:
    """Return the maximum of the parabola through the largest gain and its neighbours, not nearer to those."""
    best = int(np.argmax(gains))
    if not 0 < best < len(places) - 1 or not np.isfinite(gains[best - 1 : best + 2]).all():
        return float(places[best])
    left, right = places[best] - places[best - 1], places[best + 1] - places[best]
    up, down = (gains[best] - gains[best - 1]) / left, (gains[best] - gains[best + 1]) / right
    if not up + down > 0:
        return float(places[best])
    shift = 0.5 * (up * right - down * left) / (up + down)
    return places[best] + float(np.clip(shift, -left / 2, right / 2))


def _bracket(places: tuple[int, ...], gains: NDArray[np.float64]) -> tuple[int, int] | None:
    """Return the last place that held and the first that broke, of one seed."""
    broken = first_broken(gains) if gains.max() > 0 else None
    return None if broken is None else (places[broken - 1], places[broken])


def _bracketed(brackets: NDArray[np.int64], *, factor: float) -> Interval | None:
    half = half_width(brackets.mean(axis=1))
    lower, upper = brackets.mean(axis=0)
    return _of_places(lower - half, upper + half, factor)


def _interval(places: NDArray[np.float64], *, around: float, factor: float) -> Interval | None:
    half = half_width(places) if len(places) else math.inf
    return _of_places(around - half, around + half, factor)


def _of_places(low: float, high: float, factor: float) -> Interval | None:
    """Return the interval of learning rates between two places, ``None`` where there was one seed only."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    return Interval(factor * rate_at(low), factor * rate_at(high))
