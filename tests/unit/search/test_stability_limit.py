"""Which trials are unstable, and what that says of other settings."""

import math

import numpy as np
import pytest

from surefoot.recipe.recipe import Recipe
from surefoot.search.stability_limit import SearchTrial, StabilityLimit, drop_unrelated_failures
from surefoot.surrogate.surrogate import LossScale, Observation

SCALE = LossScale(None)


def trial(lr, steps, loss, train=None):
    recipe = Recipe.of("sgd", lr=lr, momentum=0.9)
    features = (math.log(lr / 0.1), math.log(10.0))
    return SearchTrial(recipe, (0.5, 0.5), Observation(features, steps, loss), train)


def unstable(*trials):
    return StabilityLimit.of(trials, SCALE, steps=1000).unstable.tolist()


def test_a_trial_that_diverges_or_ends_far_above_a_lower_rate_is_unstable():
    assert unstable(trial(0.1, 100, 0.5), trial(1.0, 100, 0.9), trial(2.0, 100, math.inf)) == [False, True, True]
    assert unstable(trial(0.1, 100, 0.9), trial(1.0, 100, 0.5)) == [False, False]


@pytest.mark.parametrize(
    ("lr", "train", "expected"),
    [
        (0.1, 0.9, True),
        (0.04, 0.9, True),  # at a lower rate, but over so many steps that it moves further
        (0.01, 0.9, False),  # it has not moved as far
        (0.1, 0.1, False),  # it overfits
        (0.1, None, False),
    ],
)
def test_a_longer_training_that_ends_above_a_shorter_one_in_training_loss_too_is_unstable(lr, train, expected):
    shorter, longer = trial(0.1, 250, 0.3, 0.2), trial(lr, 1000, 0.9, train)
    assert unstable(shorter, longer) == [False, expected]


def test_rates_near_and_above_an_unstable_one_exceed_the_limit():
    limit = StabilityLimit.of([trial(0.1, 1000, 0.5), trial(1.0, 1000, 2.0)], SCALE, steps=1000)
    rates = [[math.log(rate / 0.1), math.log(10.0)] for rate in (0.1, 0.7, 0.9, 1.5)]
    assert limit.exceeded(np.array(rates), ["sgd"] * 4).tolist() == [False, False, True, True]


@pytest.mark.parametrize(("error", "expected"), [(0.05, [True, True]), (0.15, [False, True]), (2.0, [False, True])])
def test_noise_makes_no_trial_unstable_but_three_times_the_best_loss_does(error, expected):
    trials = trial(0.1, 100, 0.5), trial(1.0, 100, 0.8), trial(2.0, 100, 1.5)
    assert StabilityLimit.of(trials, SCALE, steps=1000, error=error).unstable.tolist() == [False, *expected]


def test_failures_below_a_rate_that_ended_have_nothing_to_do_with_the_rate():
    trials = [trial(0.1, 100, math.inf), trial(0.5, 100, 0.5), trial(1.0, 100, math.inf)]
    kept = drop_unrelated_failures(trials, [True, False, True])
    assert [each.recipe.lr.highest for each in kept] == [0.5, 1.0]
