"""Which recipe is best, which cannot be told apart from it, and which of those to recommend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from surefoot.recipe import Recipe
from surefoot.recipe.families import effective_rate
from surefoot.statistics import comparable, paired_noise, score, student_t
from surefoot.studies import Measurement
from surefoot.tuning.goal import Goal, cost_of
from surefoot.tuning.result import Contestant


def contestant(recipe: Recipe, runs: Sequence[Measurement], *, searched: bool = True) -> Contestant:
    """Return a recipe with its scores over the seeds."""
    tested = [run.outcome.test_loss for run in runs]
    metrics = [run.outcome.metric for run in runs if run.outcome.metric is not None]
    return Contestant(
        recipe=recipe,
        valid=score([run.outcome.loss for run in runs]),
        test=None if all(loss is None for loss in tested) else score([math.inf if x is None else x for x in tested]),
        metric=float(np.mean(metrics)) if len(metrics) == len(runs) else None,
        runs=tuple(runs),
        searched=searched,
    )


def compare(confirmed: Sequence[Contestant], *, goal: Goal = "loss") -> list[Contestant]:
    """Return the recipes that never diverged, best mean first, with those tied with the first marked."""
    costs = {found.recipe: [cost_of(run, goal) for run in found.runs] for found in confirmed}
    finite = [found for found in confirmed if np.isfinite(costs[found.recipe]).all()]
    ranked = sorted(finite, key=lambda found: float(np.mean(costs[found.recipe])))
    if not ranked:
        return []
    above, error = _excess([costs[found.recipe] for found in ranked])
    allowed = error * _quantile(*above.shape)
    return [replace(found, tied=bool(excess <= allowed)) for found, excess in zip(ranked, above.mean(1), strict=True)]


def most_stable_first(ranked: Sequence[Contestant], *, goal: Goal = "loss") -> list[Contestant]:
    """Return the ranking with the recipe to recommend in front.

    Among the recipes of the best one's optimizer whose mean lies within one standard error of the best mean, it is the
    one with the lowest effective rate: the furthest from divergence. The default recipes keep their place, for they
    are what is compared with.
    """
    if len(ranked) < 2:
        return list(ranked)
    above, error = _excess([[cost_of(run, goal) for run in found.runs] for found in ranked])
    best = ranked[0]
    alike = [
        found
        for found, excess in zip(ranked, above.mean(1), strict=True)
        if excess <= error and found.recipe.optimizer == best.recipe.optimizer and found.searched
    ]
    if not best.searched or not alike:
        return list(ranked)
    chosen = min(alike, key=lambda found: effective_rate(found.recipe))
    return [chosen, *(found for found in ranked if found is not chosen)]


def _excess(costs: list[list[float]]) -> tuple[NDArray[np.float64], float]:
    """Return by how much each recipe is above the first, seed by seed, and the standard error of such a mean."""
    values = comparable(costs)
    return values - values[0], paired_noise(values) / math.sqrt(values.shape[1])


def _quantile(settings: int, seeds: int) -> float:
    """Return how many standard errors noise explains at 90 %, one-sided 95 %."""
    freedom = (settings - 1) * (seeds - 1)
    return student_t(freedom) if freedom else 0.0
