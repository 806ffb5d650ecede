"""Bracketing the learning rate: which factors of ten of an optimizer's default rate a search tries first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from surefoot.recipe.recipe import Recipe
from surefoot.recipe.settings import momentum_use, rule_named
from surefoot.surrogate.surrogate import LossScale

# Powers of ten of the default rate: those tried first, and the lowest and the highest that are tried at all.
FIRST_DECADES, MIN_DECADE, MAX_DECADE = (-1, 0, 1), -9, 5
# So many decades are tried at once where all rates diverged, and where all ended alike.
DECADES_AT_ONCE = 2
# Of rates that end about alike the search recommends the highest, but none above so many times the default (ADR 0020).
MAX_CONVENTIONAL_FACTOR = 10.0
# A rate has learned if it ends this far below the lowest rate tried, on the scale of the losses: about 1 %.
MIN_LEARNED = 0.01
# Where rates a factor of ten apart end closer to each other than this, on the scale of the losses, the trials are too
# short to rank them (ADR 0020).
MIN_DECADE_DIFFERENCE = 0.08


def default_recipe(optimizer: str) -> Recipe:
    """Return an optimizer's default recipe: PyTorch's defaults, and for SGD a rate of 0.01 with momentum 0.9.

    Example:
        >>> str(default_recipe("sgd")), str(default_recipe("adamw"))
        ('sgd(lr=0.01, momentum=0.9)', 'adamw(lr=0.001)')
    """
    return Recipe.of(optimizer, **rule_named(optimizer).usual)


def default_effective_rate(optimizer: str) -> float:
    """Return the effective rate of an optimizer's default recipe.

    Example:
        >>> round(default_effective_rate("sgd"), 9), default_effective_rate("adam")
        (0.1, 0.001)
    """
    recipe = default_recipe(optimizer)
    return momentum_use(optimizer).effective(recipe.lr.highest, recipe.momentum.highest)


def are_conventional(log_rates: NDArray[np.float64], optimizers: Sequence[str]) -> NDArray[np.bool_]:
    """Return which effective rates, as logarithms, are at most ten times their optimizer's default: ``[m]``.

    Example:
        >>> are_conventional(np.log([0.9, 1.1, 0.009]), ["sgd", "sgd", "adam"]).tolist()
        [True, False, True]
    """
    limits = {name: math.log(MAX_CONVENTIONAL_FACTOR * default_effective_rate(name)) for name in set(optimizers)}
    return np.asarray(log_rates <= np.array([limits[name] for name in optimizers]))


def next_decades(costs: Mapping[int, float]) -> tuple[int, ...]:
    """Return which rates to try next, as powers of ten of the default rate.

    The search goes outward until the best rate has a worse one on both sides. Final losses of trainings of one length
    are compared with each other, never with the loss before training.

    Args:
        costs: Cost of each decade tried so far; ``inf`` where the training diverged.

    Returns:
        Decades to try; none when the best is bracketed, or the lowest or highest decade is reached.

    Example:
        >>> next_decades({}), next_decades({-1: 3.0, 0: 2.0, 1: 1.0}), next_decades({-1: 3.0, 0: 1.0, 1: 2.0})
        ((-1, 0, 1), (2,), ())
        >>> inf = float("inf")
        >>> next_decades({-1: inf, 0: inf, 1: inf}), next_decades({-1: 1.0, 0: 1.0, 1: 1.0})
        ((-3, -2), (2, 3))
    """
    if not costs:
        return FIRST_DECADES
    low, high = min(costs), max(costs)
    finite = _finite(costs)
    if not finite:
        return tuple(range(max(MIN_DECADE, low - DECADES_AT_ONCE), low))
    best = best_decade(costs)
    all_alike = len(_best_decades(costs)) == len(finite)
    if best == high and high < MAX_DECADE:
        return tuple(range(high + 1, min(MAX_DECADE, high + (DECADES_AT_ONCE if all_alike else 1)) + 1))
    if best == low and low > MIN_DECADE:
        return (low - 1,)
    return ()


def best_decade(costs: Mapping[int, float]) -> int:
    """Return the decade of the lowest cost; of several about as low the highest, for a higher rate may learn more.

    Example:
        >>> best_decade({-1: 1.435, 0: 1.434, 1: 1.438}), best_decade({-1: 1.4, 0: 1.2, 1: 1.3})
        (1, 0)
    """
    return max(_best_decades(costs))


def has_learned(costs: Mapping[int, float]) -> bool:
    """Return whether some rate ended clearly below the lowest rate that did not diverge.

    Example:
        >>> has_learned({-1: 2.3, 0: 2.3, 1: 2.0}), has_learned({-1: 2.3, 0: 2.3})
        (True, False)
    """
    finite = _finite(costs)
    if len(finite) < 2:
        return False
    scale = LossScale.of([*finite.values()])
    return scale.value(finite[min(finite)]) - min(map(scale.value, finite.values())) > MIN_LEARNED


def is_flat(costs: Mapping[int, float]) -> bool:
    """Return whether the best rate ends about as low as the better of its neighbours, a factor of ten away.

    Example:
        >>> is_flat({-1: 2.3, 0: 2.2, 1: 2.25}), is_flat({-1: 2.3, 0: 1.1, 1: 1.5})
        (True, False)
    """
    if not costs:
        return False
    best, finite = best_decade(costs), _finite(costs)
    neighbours = [finite[decade] for decade in (best - 1, best + 1) if decade in finite]
    if best not in finite or not neighbours:
        return False
    scale = LossScale.of([*finite.values()])
    return scale.value(min(neighbours)) - scale.value(finite[best]) < MIN_DECADE_DIFFERENCE


def _finite(costs: Mapping[int, float]) -> dict[int, float]:
    return {decade: cost for decade, cost in costs.items() if math.isfinite(cost)}


def _best_decades(costs: Mapping[int, float]) -> list[int]:
    """Return the decade of the lowest cost and those about as low; all where every training diverged."""
    finite = _finite(costs)
    if not finite:
        return [*costs]
    scale = LossScale.of([*finite.values()])
    lowest = min(map(scale.value, finite.values()))
    return [decade for decade, cost in finite.items() if scale.value(cost) - lowest <= MIN_LEARNED]
