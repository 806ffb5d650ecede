import numpy as np
import pytest
from tests.unit.explanation.made_up_experiments import RATES, sweep

from surefoot.explanation.best_and_good_rates import (
    best_on_other_seeds,
    selected_losses,
    ten_times_best_rate,
    tenth_of_best_rate,
)


def test_the_selection_for_a_seed_does_not_depend_on_that_seed():
    losses = np.random.default_rng(0).lognormal(size=(200, 4))
    before = best_on_other_seeds(losses)
    losses[:, 2] = losses[::-1, 2]
    assert best_on_other_seeds(losses)[2] == before[2]


def test_each_seed_is_selected_for_by_the_next_two_so_that_the_variance_of_the_selection_shows():
    losses = np.ones((3, 5))
    losses[1] = 0.9  # best on most seeds
    losses[2, [3, 4]] = 0.5  # another is best on the last two, which select for the third, and each for one more
    assert best_on_other_seeds(losses).tolist() == [1, 2, 2, 2, 1]


def test_the_selected_of_many_equal_settings_looks_no_better_than_they_are():
    losses = np.random.default_rng(1).lognormal(sigma=0.3, size=(500, 40))
    assert np.log(selected_losses(losses)).mean() == pytest.approx(0.0, abs=0.15)
    assert np.log(losses.min(axis=0)).mean() < -0.7


def test_of_tied_settings_the_middle_one_is_selected():
    losses = np.full((9, 3), 1e-4)
    losses[[0, 1, 8]] = 0.5
    assert best_on_other_seeds(losses).tolist() == [5, 5, 5]


def test_a_neighbour_rate_beyond_the_grid_is_the_last_of_the_grid():
    assert (tenth_of_best_rate(sweep()).ratio, ten_times_best_rate(sweep()).ratio) == ("a tenth of", "ten times")
    at_edge = ten_times_best_rate(sweep(best=5.0))
    assert at_edge.ratio == "1 times"
    assert set(at_edge.indices) == {len(RATES) - 1}
