from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from surefoot.core.statistics import mean_score, paired_noise


def test_the_interval_is_that_of_scipy():
    losses = [0.31, 0.28, 0.35, 0.30]
    expected = stats.t.interval(0.90, 3, loc=np.mean(losses), scale=stats.sem(losses))
    score = mean_score(losses)
    assert (score.low, score.high) == pytest.approx(expected)
    assert (score.mean, score.seeds) == (pytest.approx(np.mean(losses)), 4)


def test_nine_of_ten_intervals_contain_the_mean():
    """2000 draws of 4 from a known normal distribution: 90 % within three standard errors of that share."""
    draws = np.random.default_rng(0).normal(1.0, 0.1, size=(2000, 4))
    held = np.mean([(score := mean_score(draw.tolist())).low <= 1.0 <= score.high for draw in draws])
    assert held == pytest.approx(0.90, abs=3 * np.sqrt(0.09 / 2000))


def test_one_diverged_seed_makes_the_mean_infinite():
    assert mean_score([0.3, float("inf")]).mean == float("inf")


def test_a_single_seed_has_no_interval():
    score = mean_score([0.3])
    assert (score.mean, score.low, score.high) == (0.3, -float("inf"), float("inf"))


def test_paired_noise_ignores_differences_between_recipes_and_between_seeds():
    """Only the remaining noise counts, whose standard deviation is known."""
    generator = np.random.default_rng(1)
    recipes, seeds = np.arange(40.0)[:, None], 10 * generator.standard_normal(50)[None, :]
    assert paired_noise(recipes + seeds) == pytest.approx(0.0, abs=1e-10)
    noisy = recipes + seeds + 0.3 * generator.standard_normal((40, 50))
    assert paired_noise(noisy) == pytest.approx(np.sqrt(2) * 0.3, rel=0.05)
