"""Analysis of a search's trials: the best recipe and its expected loss at each length, and the length to recommend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from surefoot.core.statistics import NORMAL_QUANTILE_95
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.scanner import rounded_number
from surefoot.search.acquisition import candidate_points, highest_equivalent
from surefoot.search.rate_bracketing import are_conventional
from surefoot.search.result import FrontierPoint
from surefoot.search.space.coordinates import Coordinates, UnitPoint
from surefoot.search.stability_limit import SAFETY_MARGIN, UNSTABLE_EXCESS, SearchTrial, StabilityLimit
from surefoot.surrogate.surrogate import Surrogate

Array = NDArray[np.float64]
# With fewer finished trials the analysis says which of them was best, and nothing else.
MIN_TRIALS = 3
# The runner-up differs from the best recipe by more than this in the logarithm of the rate or of the momentum's memory.
MIN_RUNNER_UP_LOG_GAP = 0.25


class CandidateSettings(NamedTuple):
    """Settings among which the best is chosen.

    Attributes:
        points: Their points in the unit cube.
        features: Their features, as the surrogate takes them ``[m, D]``.
        within_limit: Whether they lie below the stability limit by the safety margin ``[m]``.
        known_stable: Whether a trial at as high a rate was stable ``[m]``.
        conventional: Whether their rates are at most ten times their optimizer's default ``[m]``.
    """

    points: list[UnitPoint]
    features: Array
    within_limit: NDArray[np.bool_]
    known_stable: NDArray[np.bool_]
    conventional: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)  # no slots: they would leave no place for cached properties
class TrialAnalysis:
    """What the trials of a search say, through the surrogate and the stability limit fitted to them.

    A *value* below is a loss on the scale of the surrogate (:class:`surefoot.surrogate.surrogate.LossScale`).

    Attributes:
        trials: All trials of the search; at least one has a finite loss.
        coordinates: Coordinates of the search.
        full_steps: Length of a full training, in steps.
        tolerance: Loss over the best, as a share of it, at which a setting is still good.
        generator: Random generator that draws functions and candidates.
    """

    trials: Sequence[SearchTrial]
    coordinates: Coordinates
    full_steps: int
    tolerance: float
    generator: Generator

    @cached_property
    def surrogate(self) -> Surrogate:
        """The surrogate of all trials."""
        observations = [trial.observation for trial in self.trials]
        fitted = Surrogate.fit(observations, full_steps=self.full_steps, generator=self.generator)
        if fitted is None:
            raise ValueError("no trial ended with a finite loss")
        return fitted

    @cached_property
    def stability_limit(self) -> StabilityLimit:
        """The limit for full trainings."""
        error = self.surrogate.prediction_error
        return StabilityLimit.of(self.trials, self.surrogate.scale, steps=self.full_steps, error=error)

    @cached_property
    def finished(self) -> list[SearchTrial]:
        """The trials that ended with a finite loss."""
        return [trial for trial in self.trials if math.isfinite(trial.observation.loss)]

    @property
    def has_enough_trials(self) -> bool:
        """Whether enough trials ended with a finite loss to say more than which of them was best."""
        return len(self.finished) >= MIN_TRIALS

    @cached_property
    def candidates(self) -> CandidateSettings:
        """Points spread over the cube, points around the best trials, and the trials' points themselves."""
        order = sorted(self.trials, key=lambda trial: trial.observation.loss)
        box = ((0.0, 1.0),) * len(self.coordinates.axes)
        tried = [trial.point for trial in order if all(0.0 <= unit <= 1.0 for unit in trial.point)]
        drawn = candidate_points(box, tried, generator=self.generator) if self.has_enough_trials else []
        points = [*drawn, *tried] or [trial.point for trial in order]
        features, optimizers = self.coordinates.features_at(points), self.coordinates.optimizers_at(points)
        return CandidateSettings(
            points,
            features,
            within_limit=~self.stability_limit.exceeded(features, optimizers),
            known_stable=self.stability_limit.known_stable(features, optimizers),
            conventional=are_conventional(self.coordinates.log_rates(features, optimizers), optimizers),
        )

    def best_recipe(self, steps: int) -> tuple[Recipe, float, float]:
        """Return the recipe that is expected to be best at a length, with the mean and deviation of its value."""
        points, features, within_limit, known_stable, conventional = self.candidates
        means, deviations = self.surrogate.predict(features, steps)
        # The mean at a rate higher by the margin counts too: next to a steep rise another seed may end far worse.
        higher = features + np.eye(1, features.shape[1]) * SAFETY_MARGIN
        ahead, _ = self.surrogate.predict(higher, steps)
        values = np.where(within_limit | ~within_limit.any(), np.maximum(means, 0.5 * (means + ahead)), np.inf)
        allowed = known_stable & conventional & self.has_enough_trials
        number = highest_equivalent(features[:, 0], values, allowed=allowed, best=float(values.min()))
        number = int(np.argmin(values)) if number is None else number
        return self.coordinates.recipe(points[number]), float(means[number]), float(deviations[number])

    def lowest_trial(self, steps: int) -> tuple[Recipe, float] | None:
        """Return the recipe and the value of the best trial of a length, ``None`` where none ended."""
        same_length = [trial for trial in self.finished if trial.observation.steps == steps]
        best = min(same_length, key=lambda trial: trial.observation.loss, default=None)
        return None if best is None else (best.recipe, self.surrogate.scale.value(best.observation.loss))

    def predicted_value(self, recipe: Recipe, steps: int) -> float:
        """Return the surrogate's value of a recipe at a length."""
        return self.surrogate.expected(self.features_of([recipe]), steps)[0]

    def value(self, recipe: Recipe, steps: int) -> tuple[float, float]:
        """Return the mean and the deviation of a recipe's value at a length.

        Where the recipe was trained at that length, and the surrogate contradicts its trials, the trials count.
        """
        expected = self.surrogate.expected(self.features_of([recipe]), steps)
        values = [
            self.surrogate.scale.value(trial.observation.loss)
            for trial in self.finished
            if (trial.recipe, trial.observation.steps) == (recipe, steps)
        ]
        if values:
            mean, deviation = float(np.mean(values)), self.surrogate.noise / math.sqrt(len(values))
            if abs(expected[0] - mean) > NORMAL_QUANTILE_95 * deviation:
                return mean, deviation
        return expected

    def runner_up(self, best: Recipe, steps: int) -> Recipe | None:
        """Return the best recipe of those tried that clearly differs from the best one, ``None`` without one."""
        tried = dict.fromkeys(trial.recipe for trial in self.finished)
        others = [recipe for recipe in tried if _differ(recipe, best) and not self._exceeds_limit(recipe)]
        return min(others, key=lambda recipe: self.value(recipe, steps)[0], default=None)

    def headroom(self, recipe: Recipe) -> float | None:
        """Return the logarithm of the largest usable rate over a recipe's; ``None`` without a limit."""
        return self.stability_limit.headroom(recipe.optimizer, self.features_of([recipe])[0])

    def largest_usable_rate(self, recipe: Recipe) -> float | None:
        """Return the largest usable rate at a recipe's momentum, no lower than its own; ``None`` without a limit."""
        headroom = self.headroom(recipe)
        return None if headroom is None else rounded_number(recipe.lr.highest * math.exp(max(headroom, 0.0)))

    def features_of(self, recipes: Sequence[Recipe]) -> Array:
        """Return the features of some recipes ``[n, D]``."""
        return np.array([self.coordinates.features(recipe) for recipe in recipes])

    def _exceeds_limit(self, recipe: Recipe) -> bool:
        return bool(self.stability_limit.exceeded(self.features_of([recipe]), [recipe.optimizer])[0])


def _differ(one: Recipe, other: Recipe) -> bool:
    """Return whether two recipes differ in the optimizer, or clearly in the rate or the momentum."""
    rates = abs(math.log(one.lr.highest / other.lr.highest))
    memories = abs(math.log((1.0 - one.momentum.highest) / (1.0 - other.momentum.highest)))
    return one.optimizer != other.optimizer or max(rates, memories) > MIN_RUNNER_UP_LOG_GAP


# Standard deviation of a value for each unit of the logarithm of the length beyond the longest trial: what happens
# there and no shorter trial shows (ADR 0020).
EXTRAPOLATION_DEVIATION = 0.6
# A longer training counts as worse only if its loss is higher by more than this share, and by more than the noise.
MIN_OVERFIT_SHARE = 0.05


def frontier(analysis: TrialAnalysis, lengths: Sequence[int]) -> tuple[FrontierPoint, ...]:
    """Return the best recipe and its expected loss at each of some lengths.

    Args:
        analysis: Analysis of the search's trials.
        lengths: Training lengths in steps, ascending.
    """
    points = []
    for steps in lengths:
        recipe, mean, deviation = analysis.best_recipe(steps)
        lowest = analysis.lowest_trial(steps)
        if lowest is not None:
            no_trial_as_low = mean < lowest[1] - NORMAL_QUANTILE_95 * max(analysis.surrogate.noise, deviation)
            # A rate that is best in few steps may be unstable in more, and so is not among the candidates.
            if no_trial_as_low or analysis.value(recipe, steps)[0] > lowest[1] + UNSTABLE_EXCESS:
                recipe = lowest[0]
        points.append(frontier_point(analysis, recipe, steps=steps))
    return tuple(points)


def frontier_point(analysis: TrialAnalysis, recipe: Recipe, *, steps: int) -> FrontierPoint:
    """Return the loss to expect of a recipe at a length, with its 90 % interval."""
    mean, deviation = analysis.value(recipe, steps)
    longest = max(trial.observation.steps for trial in analysis.finished)
    unseen = EXTRAPOLATION_DEVIATION * max(0.0, math.log(steps / longest))
    spread = math.hypot(deviation, analysis.surrogate.noise, unseen)
    bounds = (mean + sign * NORMAL_QUANTILE_95 * spread for sign in (-1.0, 0.0, 1.0))
    low, loss, high = map(analysis.surrogate.scale.loss, bounds)
    trials = sum(trial.observation.steps == steps for trial in analysis.trials)
    return FrontierPoint(steps, recipe, loss, low, high, trials)


def recommended_length(points: Sequence[FrontierPoint], analysis: TrialAnalysis) -> tuple[int, int | None]:
    """Return how long to train, and after how many steps the loss rises again.

    A length shorter than the full training is recommended if longer trials ended worse, by more than the error of the
    surrogate, because of overfitting: the best longer trial has a lower training loss, as far as that is known. A
    longer trial with a higher training loss was unstable, which is no reason to train shorter.

    Lengths are compared by the surrogate's values, not by their lowest trials: of many noisy short trials some end low
    by chance. If the lowest loss of the frontier is at another length than the lowest value, the trials do not decide.

    Args:
        points: Points of the frontier, the shortest length first, the full training last.
        analysis: Analysis of the search's trials.

    Returns:
        The recommended length, and the steps after which training overfits, or ``None`` where it does not.
    """
    full = points[-1].steps
    lengths_tried = {trial.observation.steps for trial in analysis.finished}
    tried = [point for point in points if point.steps in lengths_tried]
    if len(tried) < 2:
        return full, None
    values = [analysis.predicted_value(point.recipe, point.steps) for point in tried]
    lowest = min(values)
    number = values.index(lowest)
    steps, longer = tried[number].steps, values[number + 1 :]
    if not longer or tried[number].loss > min(point.loss for point in tried):
        return full, None
    excess = analysis.surrogate.scale.excess(MIN_OVERFIT_SHARE, over=lowest)
    # The difference of two trainings varies by sqrt(2) times as much as one of them.
    noise = NORMAL_QUANTILE_95 * math.sqrt(2.0) * analysis.surrogate.prediction_error
    is_worse = max(longer) - lowest > max(noise, excess)
    return (steps, steps) if is_worse and _overfits(analysis.finished, steps) else (full, None)


def _overfits(trials: Sequence[SearchTrial], steps: int) -> bool:
    """Return whether trials longer than some steps fit the training data better, as far as that is known."""
    best = _lowest([trial for trial in trials if trial.observation.steps == steps])
    longer = _lowest([trial for trial in trials if trial.observation.steps > steps])
    return best.train_end is None or longer.train_end is None or longer.train_end < best.train_end


def _lowest(trials: Sequence[SearchTrial]) -> SearchTrial:
    return min(trials, key=lambda trial: trial.observation.loss)
