"""Which points a search tries next: those of the largest expected improvement under the surrogate."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import ndtr

from surefoot.search.rate_bracketing import are_conventional
from surefoot.search.space.coordinates import Box, Coordinates, UnitPoint, perturbed_point, sobol_points
from surefoot.search.stability_limit import SearchTrial, StabilityLimit
from surefoot.surrogate.surrogate import LossScale, Observation, Surrogate

Array = NDArray[np.float64]
# Candidates at which the surrogate is evaluated: points of a Sobol sequence, and so many around each of the best tried.
SOBOL_CANDIDATES, BEST_TRIED, CANDIDATES_AROUND_EACH = 512, 8, 24
# Standard deviation of the candidates around a point tried, in the unit cube.
AROUND_WIDTH = 0.06
# Points of one round differ by at least so much in the logarithm of the rate or of the momentum's memory.
MIN_LOG_GAP = 0.3
# Settings whose expected losses differ by less, on the scale of the losses, are about as good: 2 % (ADR 0020).
EQUIVALENT_EXCESS = 0.02


def candidate_points(box: Box, tried: Sequence[UnitPoint], *, generator: Generator) -> list[UnitPoint]:
    """Return candidates: evenly spread over a box, and more closely around the best points tried.

    Args:
        box: Bounds of the candidates on each axis of the unit cube.
        tried: Points tried so far, the best first.
        generator: Random generator that draws the candidates.
    """
    low, high = np.array(box).T
    even = low + (high - low) * np.array(sobol_points(SOBOL_CANDIDATES, dimensions=len(box), generator=generator))
    around = [
        perturbed_point(point, width=AROUND_WIDTH, box=box, generator=generator)
        for point in tried[:BEST_TRIED]
        for _ in range(CANDIDATES_AROUND_EACH)
    ]
    return [tuple(row) for row in even.tolist()] + around


def expected_improvement(means: Array, deviations: Array, best: float) -> Array:
    """Return the expected improvement of normally distributed values over the lowest so far.

        (best - mean) Phi(z) + deviation phi(z),   z = (best - mean) / deviation

    Args:
        means: Expected values ``[m]``; lower is better.
        deviations: Their standard deviations ``[m]``.
        best: Lowest value so far.

    Reference:
        Jones, Schonlau & Welch (1998), "Efficient global optimization of expensive black-box functions".

    Example:
        >>> expected_improvement(np.zeros(1), np.ones(1), 0.0).round(4).tolist()
        [0.3989]
    """
    positive = np.maximum(deviations, 1e-9)
    z = (best - means) / positive
    improvement: Array = (best - means) * ndtr(z) + positive * np.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)
    return improvement


def highest_equivalent(log_rates: Array, values: Array, *, allowed: NDArray[np.bool_], best: float) -> int | None:
    """Return the candidate of the highest rate among those about as good as the best, ``None`` without any.

    Rates that short trials cannot rank often differ in long trainings, where the higher one tends to win.

    Args:
        log_rates: Logarithm of each candidate's effective rate ``[m]``.
        values: Expected loss of each candidate, on the scale of the losses ``[m]``.
        allowed: Which candidates may be returned ``[m]``.
        best: Lowest expected loss, on the same scale.

    Example:
        >>> highest_equivalent(np.arange(3.0), np.array([0.0, 0.01, 0.5]), allowed=np.array([True] * 3), best=0.0)
        1
    """
    equivalent = allowed & (values <= best + EQUIVALENT_EXCESS)
    return int(np.argmax(np.where(equivalent, log_rates, -np.inf))) if equivalent.any() else None


def propose_points(
    trials: Sequence[SearchTrial],
    coordinates: Coordinates,
    *,
    count: int,
    steps: int,
    full_steps: int,
    generator: Generator,
    include_high_rate: bool = False,
) -> list[UnitPoint]:
    """Return the points to train next.

    Each point after the first is chosen as if those before it had ended at their expected losses (kriging believer),
    and at a minimum distance from them.

    Args:
        trials: All trials of the search so far.
        coordinates: Coordinates of the search.
        count: Number of points.
        steps: Length of the trials to come.
        full_steps: Length of a full training.
        generator: Random generator that draws the candidates.
        include_high_rate: Whether the last point is the highest rate that is expected to be about as good as the best,
            instead of the one with the largest expected improvement.

    Reference:
        Ginsbourger, Le Riche & Carraro (2010), "Kriging is well-suited to parallelize optimization".
    """
    box = ((0.0, 1.0),) * len(coordinates.axes)
    if not trials:  # a deadline passed before the first trial ended
        return candidate_points(box, [], generator=generator)[:count]
    observations = [trial.observation for trial in trials]
    order = sorted(trials, key=lambda trial: trial.observation.loss)
    tried = [trial.point for trial in order if all(0.0 <= unit <= 1.0 for unit in trial.point)]
    limit = StabilityLimit.of(trials, LossScale.of([each.loss for each in observations]), steps=steps)
    features_tried = np.array([each.features for each in observations])
    chosen: list[UnitPoint] = []
    chosen_features: list[Array] = []
    believed = [*observations]
    for turn in range(count):
        surrogate = Surrogate.fit(believed, full_steps=full_steps, generator=generator)
        candidates = candidate_points(box, tried, generator=generator)
        if surrogate is None:
            chosen.append(candidates[len(chosen)])
            continue
        features, optimizers = coordinates.features_at(candidates), coordinates.optimizers_at(candidates)
        means, deviations = surrogate.predict(features, steps)
        best = float(surrogate.predict(features_tried, steps)[0].min())
        allowed = ~limit.exceeded(features, optimizers, margin=0.0) & _distant(features, chosen_features)
        improvement = np.where(allowed, expected_improvement(means, deviations, best), -np.inf)
        number = int(np.argmax(improvement))
        if include_high_rate and turn == count - 1 and allowed.any():
            conventional = are_conventional(coordinates.log_rates(features, optimizers), optimizers)
            high = highest_equivalent(features[:, 0], means, allowed=allowed & conventional, best=means[allowed].min())
            number = number if high is None else high
        chosen.append(candidates[number])
        chosen_features.append(features[number])
        expected_loss = surrogate.scale.loss(float(means[number]))
        believed.append(Observation(tuple(features[number].tolist()), steps, expected_loss))
    return chosen


def _distant(features: Array, chosen: Sequence[Array]) -> NDArray[np.bool_]:
    """Return which candidates ``[m, D]`` lie far enough from the points chosen before in this round: ``[m]``."""
    gaps = [np.abs(features[:, :2] - other[:2]).max(axis=1) for other in chosen]
    return np.asarray(np.all([gap >= MIN_LOG_GAP for gap in gaps], axis=0) if gaps else np.ones(len(features), bool))
