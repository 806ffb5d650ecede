"""Which recipe is recommended, against a slow readable twin."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.recipe import DEFAULT_RECIPE, Recipe
from surefoot.recipe.families import effective_rate
from surefoot.studies import Measurement
from surefoot.trainers import Outcome, Trial
from surefoot.tuning.comparison import compare, contestant, most_stable_first

RATES = (0.3, 1.0, 0.1, 3.0)
NAMES = ("sgd", "sgd", "sgd", "adam")


def run(recipe: Recipe, loss: float, *, seed: int = 0, metric: float | None = None) -> Measurement:
    return Measurement("confirm", Trial(recipe, steps=100, seed=seed), Outcome(loss, metric))


def entered(losses, *, metrics=None, default: int | None = None):
    """Contestants from losses ``[settings][seeds]``; one of them may be the default recipe."""
    recipes = [Recipe.parse(f"{name}(lr=cosine({rate}))") for name, rate in zip(NAMES, RATES, strict=True)]
    if default is not None:
        recipes[default] = DEFAULT_RECIPE
    return [
        contestant(
            recipe,
            [run(recipe, loss, seed=seed, metric=metrics and metrics[place][seed]) for seed, loss in enumerate(row)],
            searched=recipe != DEFAULT_RECIPE,
        )
        for place, (recipe, row) in enumerate(zip(recipes, losses, strict=False))
    ]


def standard_error(rows) -> float:
    """Of a difference of two means on the same seeds: the mean over all pairs of their differences' variance."""
    logs = np.log(rows)
    variances = [np.var(one - other, ddof=1) for one, other in itertools.combinations(logs, 2)]
    return math.sqrt(np.mean(variances) / logs.shape[1])


losses = st.lists(
    st.lists(st.floats(0.5, 2.0), min_size=3, max_size=3, unique=True), min_size=2, max_size=4, unique_by=tuple
)


@given(losses=losses, default=st.sampled_from([None, 0, 1]))
def test_the_recommended_lies_within_one_standard_error_and_nothing_else_moves(losses, default):
    ranked = compare(entered(losses, default=default))
    front, *others = most_stable_first(ranked)
    assert others == [found for found in ranked if found is not front]
    if front is ranked[0]:
        return
    rows = [[seen.outcome.loss for seen in found.runs] for found in ranked]
    means = np.log(rows).mean(1)
    assert means[ranked.index(front)] - means[0] <= standard_error(rows) * (1 + 1e-9)
    assert front.searched
    assert ranked[0].searched
    assert front.tied
    assert front.recipe.optimizer == ranked[0].recipe.optimizer
    assert effective_rate(front.recipe) < effective_rate(ranked[0].recipe)


def test_the_lowest_rate_among_the_equals_is_recommended():
    noisy = [[1.0, 1.2, 1.1], [1.21, 1.0, 1.1], [1.1, 1.15, 1.06]]
    assert most_stable_first(compare(entered(noisy)))[0].recipe.lr.highest == 0.1


def test_the_default_stays_in_front_where_it_is_the_best():
    noisy = [[1.0, 1.2, 1.1], [1.21, 1.0, 1.1], [1.1, 1.15, 1.06]]
    ranked = compare(entered(noisy, default=0))
    assert ranked[0].recipe == DEFAULT_RECIPE
    assert most_stable_first(ranked) == ranked


def test_the_default_is_not_recommended_for_its_low_rate():
    """Its effective rate, 0.1, is the lowest of all, and it is as good as the best."""
    ranked = compare(entered([[1.0, 1.21, 1.1], [1.21, 1.0, 1.1001]], default=1))
    assert most_stable_first(ranked)[0].recipe != DEFAULT_RECIPE


def test_whoever_diverged_once_is_not_ranked():
    assert [found.recipe.lr.highest for found in compare(entered([[1.0, math.inf], [3.0, 3.1]]))] == [1.0]
    assert compare(entered([[math.inf, math.inf]])) == []
    assert most_stable_first([]) == []


def test_a_metric_is_ranked_from_its_highest_down():
    metrics = [[0.90, 0.91, 0.92], [0.50, 0.51, 0.52]]
    found = compare(entered([[2.0, 2.1, 2.2], [1.0, 1.1, 1.2]], metrics=metrics), goal="metric")
    assert [one.metric for one in found] == pytest.approx([0.91, 0.51])
    assert [one.tied for one in found] == [True, False]
