"""Verdicts on made-up trials."""

import math

import pytest

from surefoot.checking.neighbourhood import Neighbourhood
from surefoot.checking.trial_history import CheckTrial, TrialHistory
from surefoot.checking.verdict import decide_verdict
from surefoot.recipe.recipe import Recipe

STEPS = 256


@pytest.fixture
def history():
    return TrialHistory(Neighbourhood(Recipe.parse("sgd(lr=0.1, momentum=0.9)")), STEPS)


def trials(history, losses, *, steps):
    """Return trials of learning rates that are given in doublings of the recipe's."""
    at = history.neighbourhood.with_lr_doubled
    return [CheckTrial(at(doublings), steps, 0, loss) for doublings, loss in losses.items()]


def test_a_longer_trial_overrules_what_shorter_ones_advise(history):
    history.trials = trials(history, {-4: 1.2, -2: 0.9, 0: 0.7, 1: 0.5, 2: 0.4, 3: 0.35, 4: 0.4}, steps=STEPS // 8)
    before = decide_verdict(history, tried_only=True)
    assert before.kind == "lr_too_low"
    history.trials += trials(history, {0: 0.4, 3: 0.41}, steps=STEPS // 4)
    after = decide_verdict(history, tried_only=True)
    assert after.kind != "lr_too_low"
    assert after.advised is None


def test_the_recipe_diverged_where_every_trial_did(history):
    history.trials = trials(history, {-3: math.inf, 0: math.inf, 3: math.inf}, steps=STEPS // 8)
    verdict = decide_verdict(history)
    assert (verdict.kind, verdict.confidence, verdict.savings) == ("diverged", 1.0, ())


def test_equal_losses_are_a_plateau(history):
    history.trials = trials(history, {-3: 1.0, 0: 1.001, 3: 1.002}, steps=STEPS // 8)
    assert decide_verdict(history).kind == "plateau"
