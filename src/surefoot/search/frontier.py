"""The frontier: the best recipe and its expected loss at each training length, and the length to recommend."""

from __future__ import annotations

import math
from collections.abc import Sequence

from surefoot.core.statistics import NORMAL_QUANTILE_95
from surefoot.recipe.recipe import Recipe
from surefoot.search.result import FrontierPoint
from surefoot.search.stability_limit import UNSTABLE_EXCESS, SearchTrial
from surefoot.search.trial_analysis import TrialAnalysis

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
