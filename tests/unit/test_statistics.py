from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from surefoot.core.statistics import paired_noise, score


def test_the_interval_is_students():
    losses = [0.31, 0.28, 0.35, 0.30]
    expected = stats.t.interval(0.90, 3, loc=np.mean(losses), scale=stats.sem(losses))
    found = score(losses)
    assert (found.low, found.high) == pytest.approx(expected)
    assert (found.mean, found.seeds) == (pytest.approx(np.mean(losses)), 4)


def test_the_interval_holds_the_mean_nine_times_in_ten():
    """2000 draws of 4 from a known normal distribution: 90 % within three standard errors of that share."""
    draws = np.random.default_rng(0).normal(1.0, 0.1, size=(2000, 4))
    held = np.mean([(found := score(draw.tolist())).low <= 1.0 <= found.high for draw in draws])
    assert held == pytest.approx(0.90, abs=3 * np.sqrt(0.09 / 2000))


def test_one_diverged_seed_makes_the_mean_infinite():
    assert score([0.3, float("inf")]).mean == float("inf")


def test_a_single_seed_has_no_interval():
    found = score([0.3])
    assert (found.mean, found.low, found.high) == (0.3, -float("inf"), float("inf"))


def test_paired_noise_ignores_what_all_settings_share():
    """Differences between settings and between seeds are no noise; what is left has a known deviation."""
    luck = np.random.default_rng(1)
    settings, seeds = np.arange(40.0)[:, None], 10 * luck.standard_normal(50)[None, :]
    assert paired_noise(settings + seeds) == pytest.approx(0.0, abs=1e-10)
    noisy = settings + seeds + 0.3 * luck.standard_normal((40, 50))
    assert paired_noise(noisy) == pytest.approx(np.sqrt(2) * 0.3, rel=0.05)
