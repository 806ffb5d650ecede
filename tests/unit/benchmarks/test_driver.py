"""The study whose driver is timed has the trials that it is to have."""

from __future__ import annotations

import pytest

from benchmarks.driver import BEST_LR, BEST_MOMENTUM, NOISE, STEPS, QuadraticTrainer, compared, quadratic, study
from surefoot.recipe.recipe import Recipe
from surefoot.trainers.trial import Trial


def test_a_study_has_so_many_trials_and_finds_the_optimum():
    found, seconds = study(20)
    assert found.trials >= 20
    assert seconds > 0
    assert found.best.valid.mean < 1.1


def test_the_quadratic_is_lowest_at_its_optimum():
    best = Recipe.parse(f"sgd(lr=cosine({BEST_LR}), momentum={BEST_MOMENTUM})")
    assert 1.0 <= quadratic(Trial(best, STEPS, 0)) <= 1.0 + NOISE
    assert quadratic(Trial(best.with_(momentum=0.2), STEPS, 0)) > 1.3


def test_a_trial_has_its_loss_whatever_is_beside_it():
    trials = [Trial(recipe, STEPS, seed) for recipe in compared(10) for seed in (0, 1)]
    together = dict(QuadraticTrainer().train(trials))
    assert all(dict(QuadraticTrainer().train([trial]))[trial] == together[trial] for trial in trials)
    assert len({outcome.loss for outcome in together.values()}) == pytest.approx(len(trials))
