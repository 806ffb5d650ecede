"""The judge's arithmetic against closed forms and against the test that it inverts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from benchmarks.judging import FRESH_SEEDS, Judge, paired_upper_bound, train
from surefoot.fleet import Plan
from surefoot.recipe import Recipe
from surefoot.tasks.loader import load

BEST = [0.31, 0.28, 0.35, 0.30, 0.33, 0.29, 0.31, 0.30, 0.34, 0.32]


def test_a_setting_that_is_always_so_many_times_worse_has_just_that_bound():
    assert paired_upper_bound([1.2 * loss for loss in BEST], BEST) == pytest.approx(1.2)


def test_beside_a_loss_without_noise_it_is_the_bound_of_a_mean():
    """mean + t(0.9, n - 1) * sd / sqrt(n), over the constant."""
    expected = np.mean(BEST) + stats.t.ppf(0.9, len(BEST) - 1) * stats.sem(BEST)
    assert paired_upper_bound(BEST, [0.25] * len(BEST)) == pytest.approx(expected / 0.25)


def test_it_is_where_a_paired_t_test_changes_its_mind():
    losses = (np.array(BEST) + np.random.default_rng(0).normal(0.01, 0.02, len(BEST))).tolist()
    bound = paired_upper_bound(losses, BEST)
    for ratio, doubtful in ((0.999 * bound, True), (1.001 * bound, False)):
        tested = stats.ttest_1samp(np.array(losses) - ratio * np.array(BEST), 0.0, alternative="less")
        assert (tested.pvalue > 0.1) == doubtful


def test_it_holds_the_true_ratio_nine_times_in_ten():
    """2000 draws of ten pairs with luck in common: 90 % within three standard errors of that share."""
    luck = np.random.default_rng(1)
    shared = luck.normal(1.0, 0.1, (2000, 1, 10))
    pairs = np.array([1.1, 1.0])[None, :, None] * shared + luck.normal(0.0, 0.05, (2000, 2, 10))
    held = np.mean([paired_upper_bound(losses, best) >= 1.1 for losses, best in pairs])
    assert held == pytest.approx(0.9, abs=3 * math.sqrt(0.09 / 2000))


@pytest.mark.parametrize(
    ("losses", "best"), [([0.3, math.inf, 0.3], [0.3, 0.3, 0.3]), ([1.0, 1.0, 1.0], [0.1, -0.1, 0.2])]
)
def test_where_a_seed_diverged_or_nothing_is_known_there_is_no_bound(losses, best):
    assert paired_upper_bound(losses, best) == math.inf


@pytest.fixture(scope="module")
def judge():
    """A judge of very short trainings on wine, whose best setting is the one named here."""
    task, plan = load("wine", steps=10), Plan("stacked", 8)
    best = "sgd(lr=cosine(0.1), momentum=0.9)"
    losses = train(task, [Recipe.parse(best)], FRESH_SEEDS, plan)[0].tolist()
    judge = Judge(task, plan, losses)
    judge.judge([best, "sgd(lr=cosine(1e-06), momentum=0)", "sgd(lr=cosine(1e+06), momentum=0.9)"])
    return judge


def test_the_best_setting_is_as_good_as_itself(judge):
    best, untrained, diverged = judge.known
    assert judge.bound(best) == pytest.approx(1.0)
    assert [judge.good(recipe) for recipe in (best, untrained, diverged)] == [True, False, False]


def test_hopeless_settings_are_not_trained_on_all_seeds(judge):
    assert [len(losses) for losses in judge.known.values()] == [10, 3, 1]
