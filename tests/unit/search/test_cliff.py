"""Which trials broke, and what that says of others."""

import math

import numpy as np
import pytest

from surefoot.recipe.recipe import Recipe
from surefoot.search.cliff import Cliff, Trained
from surefoot.surrogate.surrogate import LossScale, Observation

SCALE = LossScale(None)


def trained(lr, steps, loss, train=None):
    recipe = Recipe.of("sgd", lr=lr, momentum=0.9)
    features = (math.log(lr / 0.1), math.log(10.0))
    return Trained(recipe, (0.5, 0.5), Observation(features, steps, loss), train)


def broke(*trials):
    return Cliff.of(trials, SCALE, steps=1000).broke.tolist()


def test_what_diverges_or_ends_far_above_a_lower_rate_of_its_length_broke():
    assert broke(trained(0.1, 100, 0.5), trained(1.0, 100, 0.9), trained(2.0, 100, math.inf)) == [False, True, True]
    assert broke(trained(0.1, 100, 0.9), trained(1.0, 100, 0.5)) == [False, False]


@pytest.mark.parametrize(
    ("lr", "train", "expected"),
    [
        (0.1, 0.9, True),
        (0.04, 0.9, True),  # at a lower rate, but for so long that it goes further
        (0.01, 0.9, False),  # it has not gone as far yet
        (0.1, 0.1, False),  # it overfits
        (0.1, None, False),
    ],
)
def test_a_longer_training_that_undoes_what_a_shorter_one_had_learned_broke(lr, train, expected):
    shorter, longer = trained(0.1, 250, 0.3, 0.2), trained(lr, 1000, 0.9, train)
    assert broke(shorter, longer) == [False, expected]


def test_what_is_recommended_stays_below_what_broke():
    cliff = Cliff.of([trained(0.1, 1000, 0.5), trained(1.0, 1000, 2.0)], SCALE, steps=1000)
    rates = [[math.log(rate / 0.1), math.log(10.0)] for rate in (0.1, 0.7, 0.9, 1.5)]
    assert cliff.breaks(np.array(rates), ["sgd"] * 4).tolist() == [False, False, True, True]


@pytest.mark.parametrize(("error", "expected"), [(0.05, [True, True]), (0.15, [False, True]), (2.0, [False, True])])
def test_chance_breaks_nothing_but_three_times_the_best_loss_is_no_chance(error, expected):
    trials = trained(0.1, 100, 0.5), trained(1.0, 100, 0.8), trained(2.0, 100, 1.5)
    assert Cliff.of(trials, SCALE, steps=1000, error=error).broke.tolist() == [False, *expected]
