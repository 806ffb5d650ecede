"""The good range: which learning rates and momenta lose little over the best, by functions drawn from the surrogate."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.core.value_types import Interval
from surefoot.recipe.recipe import Recipe
from surefoot.recipe.settings import momentum_use
from surefoot.schedules.composition import scaled
from surefoot.schedules.scanner import rounded_number
from surefoot.search.best_recipe_by_length import TrialAnalysis
from surefoot.search.result import GoodRange, MomentumRow
from surefoot.search.space.axes import Axis
from surefoot.search.space.schedule_shapes import with_momentum

Array = NDArray[np.float64]
# Functions drawn from the surrogate.
FUNCTION_DRAWS = 256
# Rates compared: so many, evenly spaced in the logarithm, up to a factor of 100 below and above the recommended one.
GRID_RATES, GRID_LOG_WIDTH = 97, math.log(100.0)
# A rate is good if so large a share of the functions lose no more than the tolerance there, over their own lowest
# value. That value is below theirs at any one rate, so that a half would be too strict (ADR 0020).
MIN_GOOD_SHARE = 0.3
# A momentum is good if so large a share of them, at its own best rate, lose no more over the recommended recipe.
MIN_GOOD_SHARE_OF_MOMENTUM = 0.6
# The recommended rate may lie outside the good ones by at most so many steps of the grid; else no range is given.
MAX_GRID_STEPS_OUTSIDE = 2
MOMENTUM_GRID = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98)


@dataclass(frozen=True, slots=True)
class RateGrid:
    """A recipe at many learning rates, everything else unchanged.

    Attributes:
        log_factors: Logarithm of each rate over the recipe's ``[m]``.
        features: Features of the recipe at each rate ``[m, D]``.
        explored: Which rates lie between the stable trials of similar momentum, and below the limit ``[m]``.
    """

    log_factors: Array
    features: Array
    explored: NDArray[np.bool_]

    @classmethod
    def around(cls, analysis: TrialAnalysis, recipe: Recipe, *, low: float, high: float) -> RateGrid:
        """Return the grid of rates between two logarithms of factors on the recipe's rate."""
        recipe_features = analysis.features_of([recipe])
        log_factors = np.linspace(low, high, GRID_RATES)
        features = np.repeat(recipe_features, GRID_RATES, axis=0)
        features[:, 0] += log_factors
        stable, _ = analysis.stability_limit.distances(recipe.optimizer, recipe_features[0])
        headroom = analysis.stability_limit.headroom(recipe.optimizer, recipe_features[0])
        limit = math.inf if headroom is None else headroom
        lowest, highest = min(stable.min(initial=0.0), limit), min(stable.max(initial=0.0), limit)
        return cls(log_factors, features, (log_factors >= lowest) & (log_factors <= highest))

    def where_explored(self, values: Array) -> Array:
        """Return values ``[..., m]`` with infinity where a rate is not explored; unchanged where none is."""
        masked: Array = np.where(self.explored | ~self.explored.any(), values, np.inf)
        return masked


def good_range(analysis: TrialAnalysis, recipe: Recipe, *, steps: int) -> GoodRange | None:
    """Return the rates and momenta that lose little at a length, ``None`` where the trials do not show any.

    Args:
        analysis: Analysis of the search's trials.
        recipe: The recommended recipe.
        steps: Length of the training.
    """
    lr = _good_rates(analysis, recipe, steps=steps)
    return None if lr is None else GoodRange(lr, _good_momenta(analysis, recipe, steps=steps), analysis.tolerance)


def momentum_rows(analysis: TrialAnalysis, recipe: Recipe, *, steps: int) -> tuple[MomentumRow, ...]:
    """Return the best and the good rates at several momenta, with everything else as in a recipe.

    Args:
        analysis: Analysis of the search's trials.
        recipe: The recommended recipe.
        steps: Length of the training.
    """
    rows = []
    for momentum in _searched_momenta(analysis) if analysis.has_enough_trials else []:
        best = _at_best_rate(analysis, _at_momentum(recipe, momentum), steps=steps)
        if best is None or (analysis.headroom(best) or 0.0) < 0.0:  # every trial at this momentum was unstable
            continue
        value, _ = analysis.value(best, steps)
        rows.append(
            MomentumRow(
                momentum,
                best.lr.highest,
                _good_rates(analysis, best, steps=steps),
                analysis.surrogate.scale.loss(value),
                analysis.largest_usable_rate(best),
            )
        )
    return tuple(rows)


def _good_rates(analysis: TrialAnalysis, recipe: Recipe, *, steps: int) -> Interval | None:
    """Return the good rates around a recipe's, ``None`` where it is too far from them.

    Each function is compared with its own lowest value, so that what is unknown of both cancels.
    """
    lr = recipe.lr.highest
    if not analysis.has_enough_trials:
        return Interval(lr, lr)
    grid = RateGrid.around(analysis, recipe, low=-GRID_LOG_WIDTH, high=GRID_LOG_WIDTH)
    centre = GRID_RATES // 2
    drawn = analysis.surrogate.draws(grid.features, steps, FUNCTION_DRAWS, generator=analysis.generator)
    lowest = grid.where_explored(drawn).min(axis=1, keepdims=True)
    allowance = analysis.surrogate.scale.excess(analysis.tolerance, over=float(drawn[:, centre].mean()))
    shares = (drawn - lowest <= allowance).mean(axis=0)
    good = np.flatnonzero((shares >= MIN_GOOD_SHARE) & grid.explored)
    if not len(good) or abs(good - centre).min() > MAX_GRID_STEPS_OUTSIDE:
        return None
    # Of several runs of neighbouring good rates, the one nearest to the recipe's.
    runs = np.split(good, np.flatnonzero(np.diff(good) > 1) + 1)
    run = min(runs, key=lambda run: abs(run - centre).min())
    low, high = (
        lr * math.exp(end) for end in (min(grid.log_factors[run[0]], 0.0), max(grid.log_factors[run[-1]], 0.0))
    )
    bounds = analysis.coordinates.space.lr
    if bounds is not None:
        low, high = max(low, bounds.low), min(high, bounds.high)
    return Interval(rounded_number(min(low, lr)), rounded_number(max(high, lr)))


def _good_momenta(analysis: TrialAnalysis, recipe: Recipe, *, steps: int) -> Interval | None:
    """Return the momenta that lose little at their own best rates, ``None`` where momentum was not searched."""
    momenta = _searched_momenta(analysis)
    if len(momenta) < 2 or not analysis.has_enough_trials:
        return None
    candidates = {each: _at_best_rate(analysis, _at_momentum(recipe, each), steps=steps) for each in momenta}
    bests = {momentum: best for momentum, best in candidates.items() if best is not None}
    features = analysis.features_of([recipe, *bests.values()])
    drawn = analysis.surrogate.draws(features, steps, FUNCTION_DRAWS, generator=analysis.generator)
    losses_over_recipe = drawn[:, 1:] - drawn[:, :1]
    allowance = analysis.surrogate.scale.excess(analysis.tolerance, over=float(drawn[:, 0].mean()))
    shares = (losses_over_recipe <= allowance).mean(axis=0)
    good = [momentum for momentum, share in zip(bests, shares, strict=True) if share >= MIN_GOOD_SHARE_OF_MOMENTUM]
    recommended = recipe.momentum.highest
    return Interval(min([recommended, *good]), max([recommended, *good]))


def _at_best_rate(analysis: TrialAnalysis, recipe: Recipe, *, steps: int) -> Recipe | None:
    """Return a recipe at the rate that is expected to be best, of those explored.

    ``None`` where the user allows no rate within a factor of 100 of the recipe's.
    """
    low, high = -GRID_LOG_WIDTH, GRID_LOG_WIDTH
    if (bounds := analysis.coordinates.space.lr) is not None:
        low = max(low, math.log(bounds.low / recipe.lr.highest))
        high = min(high, math.log(bounds.high / recipe.lr.highest))
    if low > high:
        return None
    grid = RateGrid.around(analysis, recipe, low=low, high=high)
    means, _ = analysis.surrogate.predict(grid.features, steps)
    best = grid.log_factors[int(np.argmin(grid.where_explored(means)))]
    return recipe.with_(lr=scaled(recipe.lr, math.exp(best)))


def _searched_momenta(analysis: TrialAnalysis) -> list[float]:
    """Return the momenta of the grid within the bounds of the search; none where momentum is fixed."""
    axis = next((axis for axis in analysis.coordinates.axes if axis.name == "momentum"), None)
    if not isinstance(axis, Axis):
        return []
    return [momentum for momentum in MOMENTUM_GRID if -1e-9 <= axis.unit(momentum) <= 1.0 + 1e-9]


def _at_momentum(recipe: Recipe, momentum: float) -> Recipe:
    """Return a recipe with another momentum at the same effective rate."""
    use = momentum_use(recipe.optimizer)
    if use.momentum is None:
        return recipe
    factor = use.lr(1.0, momentum) / use.lr(1.0, recipe.momentum.highest)
    return with_momentum(recipe, momentum).with_(lr=scaled(recipe.lr, factor))
