"""Which point to try next: where the surrogate expects most improvement."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import ndtr

from surefoot.search.cliff import Cliff, Trained
from surefoot.search.rate_range import are_usual
from surefoot.search.space.coordinates import Box, Coordinates, Point, near, spread
from surefoot.surrogate.surrogate import LossScale, Observation, Surrogate

Array = NDArray[np.float64]
# Points at which the surrogate is read: spread over the box, and around the best tried.
LATTICE, AROUND, NEIGHBOURS, NEAR = 512, 8, 24, 0.06
# Points of one round lie at least so far apart, in the logarithm of the rate or of the memory.
APART = 0.3
# Settings expected to end within so much of each other, on the scale of the losses, are about as good.
AS_GOOD = 0.02


def lattice(box: Box, tried: Sequence[Point], *, generator: Generator) -> list[Point]:
    """Return points at which to read the surrogate.

    Args:
        box: Where.
        tried: Points around which to read it more densely, the best first.
        generator: Draws them.
    """
    low, high = np.array(box).T
    even = low + (high - low) * np.array(spread(LATTICE, dimensions=len(box), generator=generator))
    around = [
        near(point, width=NEAR, box=box, generator=generator) for point in tried[:AROUND] for _ in range(NEIGHBOURS)
    ]
    return [tuple(row) for row in even.tolist()] + around


def expected_improvement(means: Array, deviations: Array, best: float) -> Array:
    """Return how much lower than the best a value is expected to be, counted as 0 where it is not.

        (best - mean) Phi(z) + deviation phi(z),   z = (best - mean) / deviation

    Reference:
        Jones, Schonlau & Welch (1998), "Efficient global optimization of expensive black-box functions".

    Example:
        >>> expected_improvement(np.zeros(1), np.ones(1), 0.0).round(4).tolist()
        [0.3989]
    """
    spread_ = np.maximum(deviations, 1e-9)
    z = (best - means) / spread_
    improvement: Array = (best - means) * ndtr(z) + spread_ * np.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)
    return improvement


def propose(
    count: int,
    trials: Sequence[Trained],
    coordinates: Coordinates,
    *,
    steps: int,
    full_steps: int,
    generator: Generator,
    bold: bool = False,
) -> list[Point]:
    """Return points to be trained for so many steps.

    Each after the first is chosen as if those before had ended where the surrogate expects them to (kriging believer),
    and at some distance from them.

    Args:
        count: How many.
        trials: All trials so far.
        coordinates: Of the search.
        steps: Length of the trials.
        full_steps: Length of a full training.
        generator: Draws candidates.
        bold: Whether the last of them is the largest rate expected to be about as good as the best.

    Reference:
        Ginsbourger, Le Riche & Carraro (2010), "Kriging is well-suited to parallelize optimization".
    """
    if not trials:  # the time was over before the first one ended
        return lattice(((0.0, 1.0),) * len(coordinates.axes), [], generator=generator)[:count]
    observations = [trial.observation for trial in trials]
    order = sorted(trials, key=lambda trial: trial.observation.loss)
    points = [trial.point for trial in order if all(0.0 <= unit <= 1.0 for unit in trial.point)]
    cliff = Cliff.of(trials, LossScale.of([each.loss for each in observations]), steps=steps)
    chosen: list[Point] = []
    chosen_features: list[Array] = []
    believed = [*observations]
    box = ((0.0, 1.0),) * len(coordinates.axes)
    for turn in range(count):
        surrogate = Surrogate.fit(believed, full_steps=full_steps, generator=generator)
        candidates = lattice(box, points, generator=generator)
        if surrogate is None:
            chosen.append(candidates[len(chosen)])
            continue
        features = coordinates.features_at(candidates)
        means, deviations = surrogate.predict(features, steps)
        known = np.array([each.features for each in observations])
        best = float(surrogate.predict(known, steps)[0].min())
        improvement = expected_improvement(means, deviations, best)
        optimizers = coordinates.optimizers_at(candidates)
        improvement[cliff.breaks(features, optimizers, margin=0.0)] = -np.inf
        for other in chosen_features:
            near_one = np.abs(features[:, :2] - other[:2]).max(axis=1) < APART
            improvement[near_one] = -np.inf
        number = int(np.argmax(improvement))
        allowed = np.isfinite(improvement)
        if bold and turn == count - 1 and allowed.any():
            usual = are_usual(coordinates.log_rates(features, optimizers), optimizers)
            as_good = allowed & usual & (means <= means[allowed].min() + AS_GOOD)
            if as_good.any():
                number = int(np.argmax(np.where(as_good, features[:, 0], -np.inf)))
        chosen.append(candidates[number])
        chosen_features.append(features[number])
        believed.append(
            Observation(tuple(features[number].tolist()), steps, surrogate.scale.loss(float(means[number])))
        )
    return chosen
