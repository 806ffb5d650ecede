"""Rates that bound the search: factors of ten around an optimizer's usual rate, outward until the best lies between."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from surefoot.recipe.names import family_of
from surefoot.recipe.recipe import Recipe
from surefoot.surrogate.surrogate import LossScale

# Decades tried first around the usual rate, and how far out it goes.
FIRST, LOWEST, HIGHEST = (-1, 0, 1), -9, 5
# Where everything diverges, and where nothing does anything, the way is long: so many decades at a time.
STRIDE = 2
# A rate beyond so many times the usual one is not recommended only because it is as good as a lower one.
MOST_USUAL = 10.0
# A rate teaches something where it ends so much below the lowest rate tried, on the scale of the losses. Where rates a
# factor of ten apart end nearer to each other than this, the rung is too short to tell them apart.
LEARNS, FLAT = 0.01, 0.08


def usual_recipe(optimizer: str) -> Recipe:
    """Return the setting that people begin with: torch's defaults, for SGD 0.01 with momentum 0.9.

    Example:
        >>> str(usual_recipe("sgd")), str(usual_recipe("adamw"))
        ('sgd(lr=0.01, momentum=0.9)', 'adamw(lr=0.001)')
    """
    return Recipe.of("sgd", momentum=0.9) if optimizer == "sgd" else Recipe.of(optimizer)


def usual_rate(optimizer: str) -> float:
    """Return the usual effective rate of an optimizer.

    Example:
        >>> round(usual_rate("sgd"), 9), usual_rate("adam")
        (0.1, 0.001)
    """
    recipe = usual_recipe(optimizer)
    return family_of(optimizer).effective(recipe.lr.highest, recipe.momentum.highest)


def are_usual(log_rates: NDArray[np.float64], optimizers: Sequence[str]) -> NDArray[np.bool_]:
    """Tell which logarithms of effective rates are at most ten times what is usual for their optimizers: ``[m]``.

    Example:
        >>> are_usual(np.log([0.9, 1.1, 0.009]), ["sgd", "sgd", "adam"]).tolist()
        [True, False, True]
    """
    ceilings = {name: math.log(MOST_USUAL * usual_rate(name)) for name in set(optimizers)}
    return np.asarray(log_rates <= np.array([ceilings[name] for name in optimizers]))


def next_decades(costs: Mapping[int, float]) -> tuple[int, ...]:
    """Return which rates to try next, in decades from the usual one.

    Ends of trainings of one length are compared with each other, never with where they began.

    Args:
        costs: What is minimised, by decade; infinite where it diverged.

    Returns:
        Nothing once the best has a worse one on both sides, or the way is at its end.

    Example:
        >>> next_decades({}), next_decades({-1: 3.0, 0: 2.0, 1: 1.0}), next_decades({-1: 3.0, 0: 1.0, 1: 2.0})
        ((-1, 0, 1), (2,), ())
        >>> inf = float("inf")
        >>> next_decades({-1: inf, 0: inf, 1: inf}), next_decades({-1: 1.0, 0: 1.0, 1: 1.0})
        ((-3, -2), (2, 3))
    """
    if not costs:
        return FIRST
    low, high = min(costs), max(costs)
    finite = {decade: cost for decade, cost in costs.items() if math.isfinite(cost)}
    if not finite:
        return tuple(range(max(LOWEST, low - STRIDE), low))
    best = best_decade(costs)
    flat = len(_best_decades(costs)) == len(finite)
    if best == high and high < HIGHEST:
        return tuple(range(high + 1, min(HIGHEST, high + (STRIDE if flat else 1)) + 1))
    if best == low and low > LOWEST:
        return (low - 1,)
    return ()


def best_decade(costs: Mapping[int, float]) -> int:
    """Return the decade of the lowest cost; of those that tell nothing apart the highest, for a higher rate may learn.

    Example:
        >>> best_decade({-1: 1.435, 0: 1.434, 1: 1.438}), best_decade({-1: 1.4, 0: 1.2, 1: 1.3})
        (1, 0)
    """
    return max(_best_decades(costs))


def _best_decades(costs: Mapping[int, float]) -> list[int]:
    """Return the decade of the lowest cost and those that cannot be told from it; all where none has a finite cost."""
    finite = {decade: cost for decade, cost in costs.items() if math.isfinite(cost)}
    if not finite:
        return [*costs]
    scale = LossScale.of([*finite.values()])
    lowest = min(map(scale.value, finite.values()))
    return [decade for decade, cost in finite.items() if scale.value(cost) - lowest <= LEARNS]


def learns(costs: Mapping[int, float]) -> bool:
    """Tell whether some rate ended clearly below the lowest rate that did not diverge."""
    finite = {decade: cost for decade, cost in costs.items() if math.isfinite(cost)}
    if len(finite) < 2:
        return False
    scale = LossScale.of([*finite.values()])
    return scale.value(finite[min(finite)]) - min(map(scale.value, finite.values())) > LEARNS


def is_flat(costs: Mapping[int, float]) -> bool:
    """Tell whether the best rate and the best of its neighbours, a factor of ten away, cannot be told apart."""
    if not costs:
        return False
    best = best_decade(costs)
    beside = [costs[decade] for decade in (best - 1, best + 1) if math.isfinite(costs.get(decade, math.inf))]
    if not math.isfinite(costs[best]) or not beside:
        return False
    scale = LossScale.of([cost for cost in costs.values() if math.isfinite(cost)])
    return scale.value(min(beside)) - scale.value(costs[best]) < FLAT
