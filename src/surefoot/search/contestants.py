"""Recipes that were trained on the same seeds: their scores, and which of them cannot be told apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from surefoot.core.statistics import comparable, paired_noise, score, student_t
from surefoot.core.values import Score
from surefoot.recipe.recipe import Recipe
from surefoot.studies.measurements import Measurement


def tied_with(best: Recipe, costs: Mapping[Recipe, Sequence[float]]) -> set[Recipe]:
    """Return the recipes that the seeds cannot tell from the best one at 90 %.

    Their mean excess, on the scale on which noise is even, is within

        t(0.95, (recipes - 1)(seeds - 1)) * noise / sqrt(seeds)

    with the noise of a difference on one seed taken from all recipes.

    Args:
        best: One of them.
        costs: What is minimised, of every recipe on the same seeds; infinite where a training diverged.
    """
    finite = [recipe for recipe, own in costs.items() if np.isfinite(own).all()]
    if best not in finite or len({len(costs[recipe]) for recipe in finite}) != 1:
        return set()
    values = comparable([list(costs[recipe]) for recipe in finite])
    freedom = (values.shape[0] - 1) * (values.shape[1] - 1)
    if freedom < 1:
        return set()
    above = (values - values[finite.index(best)]).mean(axis=1)
    allowed = student_t(freedom) * paired_noise(values) / math.sqrt(values.shape[1])
    return {recipe for recipe, excess in zip(finite, above, strict=True) if excess <= allowed and recipe != best}


def score_on_test(runs: Sequence[Measurement]) -> Score | None:
    """Return the test loss over the seeds, ``None`` where there are no test data."""
    losses = [row.outcome.test_loss for row in runs]
    if all(loss is None for loss in losses):
        return None
    return score([math.inf if loss is None else loss for loss in losses])


def mean_metric(runs: Sequence[Measurement]) -> float | None:
    """Return the mean metric over the seeds, ``None`` where a training has none."""
    found = [row.outcome.metric for row in runs if row.outcome.metric is not None]
    return float(np.mean(found)) if len(found) == len(runs) else None
