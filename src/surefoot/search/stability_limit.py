"""The stability limit: the learning rates above which a training diverges or ends far above the best.

The limit is located on one axis, the logarithm of the effective rate less half the logarithm of the momentum's memory:
with more momentum a training becomes unstable at a higher effective rate, about as the square root of the memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.recipe.recipe import Recipe
from surefoot.search.space.coordinates import UnitPoint
from surefoot.surrogate.surrogate import LossScale, Observation

Array = NDArray[np.float64]
# A recommended rate is below every unstable one by at least this factor, as a logarithm (chosen: at 1.4
# times the best rate the loss is at least 40 % higher on eight of eleven development tasks, ADR 0020).
SAFETY_MARGIN = math.log(1.3)
# Weight of the logarithm of the momentum's memory on the axis of the limit.
MEMORY_WEIGHT = 0.5
# Additional margin, as a logarithm, where no trial of the full length was stable: the limit may lie much lower.
UNCERTAIN_LIMIT_MARGIN = math.log(1.6)
# By how much the logarithm of the limit drops for each unit of the logarithm of the length: over eight times as many
# steps the limit falls to about 0.6 of what it was (ADR 0020).
LIMIT_DROP_PER_LOG_STEPS = 0.25
# Trials whose momenta differ by more than this factor of the memory, as a logarithm, say nothing of each other's limit.
MAX_LOG_MEMORY_GAP = math.log(4.0)
# A trial is unstable if it ends this far above the best of its length, on the scale of the losses, ...
UNSTABLE_EXCESS = 0.4
# ... and by this many times the surrogate's error: of a dozen noisy trials the best lies two errors below its mean
# (ADR 0020).
UNSTABLE_EXCESS_IN_ERRORS = 4.0
# A trial that ends this far above the best is unstable however large the error is: where losses fall by decades, the
# error is large everywhere.
ALWAYS_UNSTABLE_EXCESS = 1.0


@dataclass(frozen=True, slots=True)
class SearchTrial:
    """A trial of the search, as the surrogate sees it.

    Attributes:
        recipe: Recipe that was trained.
        point: Its point in the unit cube of the search; outside the cube where the recipe is out of bounds.
        observation: Its features, length and loss.
        train_end: Training loss at the end; ``None`` where it is not known.
    """

    recipe: Recipe
    point: UnitPoint
    observation: Observation
    train_end: float | None = None


@dataclass(frozen=True, slots=True)
class StabilityLimit:
    """Which trials were stable and which were not, and what that says of other settings.

    Attributes:
        optimizers: Optimizer of every trial.
        features: Features of every trial ``[n, D]``; the rate of an unstable one is lowered to the length in question.
        unstable: Whether the trial diverged or ended far above the best ``[n]``.
        log_length_ratio: Logarithm of the length in question over the trial's length, at least 0 ``[n]``.
        uncertainty: How much lower than this trial the limit may lie, as a logarithm ``[n]``.
    """

    optimizers: tuple[str, ...]
    features: Array
    unstable: NDArray[np.bool_]
    log_length_ratio: Array
    uncertainty: Array

    @classmethod
    def of(cls, trials: Sequence[SearchTrial], scale: LossScale, *, steps: int, error: float = 0.0) -> StabilityLimit:
        """Return the limit for trainings of a given length.

        A trial is unstable if it diverged; if it ended far above the best of its length, at a higher rate than that
        one; or if it ended far above a shorter trial that moved less, in the training loss too. What is unstable in
        fewer steps is unstable at lower rates in more steps.

        Args:
            trials: Trials of the search.
            scale: Scale on which their losses are compared.
            steps: Length of training that the limit is for.
            error: Standard deviation, on the scale, of a trial's loss from what the other trials predict.
        """
        excess = min(max(UNSTABLE_EXCESS, UNSTABLE_EXCESS_IN_ERRORS * error), ALWAYS_UNSTABLE_EXCESS)
        features = np.array([trial.observation.features for trial in trials])
        unstable = _above_best_of_length(trials, scale, excess) | _above_shorter_trials(trials, scale, excess)
        longer = np.array([max(0.0, math.log(steps / trial.observation.steps)) for trial in trials])
        features[:, 0] -= np.where(unstable, LIMIT_DROP_PER_LOG_STEPS * longer, 0.0)
        none_stable = not (~unstable & (longer == 0.0)).any()
        uncertainty = np.where(unstable & (longer == 0.0) & none_stable, UNCERTAIN_LIMIT_MARGIN, 0.0)
        return cls(tuple(trial.recipe.optimizer for trial in trials), features, unstable, longer, uncertainty)

    def distances(self, optimizer: str, features: Array) -> tuple[Array, Array]:
        """Return how far above a setting the stable and the unstable trials of similar momentum lie, as logarithms."""
        similar = self._similar_momentum(features[None], [optimizer])[0]
        gaps = _positions(self.features) - _positions(features[None])[0]
        return gaps[similar & ~self.unstable], gaps[similar & self.unstable]

    def exceeded(
        self, features: Array, optimizers: Sequence[str], *, margin: float = SAFETY_MARGIN
    ) -> NDArray[np.bool_]:
        """Return which settings ``[m, D]`` lie above an unstable trial, or below it by less than a margin: ``[m]``."""
        gaps = _positions(self.features)[None] - _positions(features)[:, None]
        too_close = gaps < margin + self.uncertainty[None]
        similar = self._similar_momentum(features, optimizers)
        return np.asarray((similar & self.unstable[None] & too_close).any(axis=1))

    def known_stable(self, features: Array, optimizers: Sequence[str]) -> NDArray[np.bool_]:
        """Return which settings ``[m, D]`` lie below a stable trial of similar momentum: ``[m]``.

        A shorter trial vouches for lower rates only, by how far the limit drops until the length in question.
        """
        positions = _positions(self.features) - LIMIT_DROP_PER_LOG_STEPS * self.log_length_ratio
        below = positions[None] - _positions(features)[:, None] >= 0
        similar = self._similar_momentum(features, optimizers)
        return np.asarray((similar & ~self.unstable[None] & below).any(axis=1))

    def headroom(self, optimizer: str, features: Array) -> float | None:
        """Return how far above a setting the largest usable rate lies, as a logarithm; ``None`` if all was stable."""
        stable, unstable = self.distances(optimizer, features)
        if not len(unstable):
            return None
        lowest = float(unstable.min())
        below = stable[stable < lowest]
        # Half way between the highest stable and the lowest unstable rate; but a setting below the margin is usable.
        halfway = (float(below.max()) + lowest) / 2 if len(below) else lowest - math.log(2.0)
        return min(lowest - SAFETY_MARGIN, max(halfway, 0.0))

    def _similar_momentum(self, features: Array, optimizers: Sequence[str]) -> NDArray[np.bool_]:
        """Return which trials have the optimizer of each setting and a momentum similar to its: ``[m, n]``."""
        same = np.array(self.optimizers)[None] == np.array(optimizers)[:, None]
        gaps = np.abs(self.features[None, :, 1] - features[:, None, 1])
        similar: NDArray[np.bool_] = same & (gaps <= MAX_LOG_MEMORY_GAP)
        return similar


def drop_unrelated_failures(trials: Sequence[SearchTrial], failed: Sequence[bool]) -> list[SearchTrial]:
    """Return the trials without those whose failure has nothing to do with their learning rate.

    A trial may fail because its rate is too high: a program that raises an exception when its loss becomes NaN. One
    that fails at no higher a rate than another trial that ended fails for other reasons, or ran out of time.

    Args:
        trials: Trials of the search.
        failed: Whether each has no loss because of an exception, a timeout or a killed process ``[n]``.
    """
    if not any(failed):
        return [*trials]
    highest: dict[str, float] = {}
    positions = _positions(np.array([trial.observation.features for trial in trials])).tolist()
    for trial, position in zip(trials, positions, strict=True):
        if math.isfinite(trial.observation.loss):
            optimizer = trial.recipe.optimizer
            highest[optimizer] = max(position, highest.get(optimizer, position))
    return [
        trial
        for trial, position, has_failed in zip(trials, positions, failed, strict=True)
        if not has_failed or position > highest.get(trial.recipe.optimizer, -math.inf)
    ]


def _above_best_of_length(trials: Sequence[SearchTrial], scale: LossScale, excess: float) -> NDArray[np.bool_]:
    """Return which trials diverged, or ended above the best of their length by an excess at a higher rate: ``[n]``."""
    positions = _positions(np.array([trial.observation.features for trial in trials]))
    best: dict[int, int] = {}
    for number, trial in enumerate(trials):
        rival = best.setdefault(trial.observation.steps, number)
        if trial.observation.loss < trials[rival].observation.loss:
            best[trial.observation.steps] = number
    above = np.zeros(len(trials), dtype=bool)
    for number, trial in enumerate(trials):
        rival = best[trial.observation.steps]
        above[number] = not math.isfinite(trial.observation.loss) or (
            scale.value(trial.observation.loss) - scale.value(trials[rival].observation.loss) > excess
            and positions[number] > positions[rival] + SAFETY_MARGIN
        )
    return above


def _above_shorter_trials(trials: Sequence[SearchTrial], scale: LossScale, excess: float) -> NDArray[np.bool_]:
    """Return which trials ended above a shorter one that moved less, for another reason than overfitting: ``[n]``.

    A training moves by about its effective rate times its steps. Overfitting lowers the training loss; instability
    raises it too.
    """
    optimizers = np.array([trial.recipe.optimizer for trial in trials])
    steps = np.array([trial.observation.steps for trial in trials])
    moved = np.array([trial.observation.features[0] for trial in trials]) + np.log(steps)
    values = np.array([scale.value(trial.observation.loss) for trial in trials])
    # Comparisons with NaN are false: a training loss that is not known shows nothing.
    train_ends = np.array([math.nan if trial.train_end is None else trial.train_end for trial in trials])
    shorter = (steps[None] < steps[:, None]) & (optimizers[None] == optimizers[:, None])
    above = (values[:, None] > values[None] + excess) & (train_ends[:, None] > train_ends[None])
    return np.asarray((shorter & above & (moved[:, None] >= moved[None])).any(axis=1))


def _positions(features: Array) -> Array:
    """Return the positions of settings ``[n, D]`` on the axis of the limit: log effective rate less log memory / 2."""
    positions: Array = features[:, 0] - MEMORY_WEIGHT * features[:, 1]
    return positions
