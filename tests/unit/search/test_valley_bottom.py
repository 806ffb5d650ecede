"""The bottom of a valley against parabolas, and the way to it."""

import math

import numpy as np
import pytest

from surefoot.search.transfer import Bottom, bottom, next_octaves


@pytest.mark.parametrize("octaves", [(-1.0, 0.0, 1.0), (-1.0, 0.0, 0.5), (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0)])
@pytest.mark.parametrize("lowest", [-0.2, 0.1, 0.2])
def test_the_bottom_of_a_parabola_is_exact_however_its_points_are_spaced(octaves, lowest):
    costs = 3.0 + 0.7 * (np.array(octaves) - lowest) ** 2
    assert bottom(octaves, costs).place == pytest.approx(lowest, abs=1e-12)


def test_the_bottom_is_that_of_a_polynomial_through_the_three_points():
    generator = np.random.default_rng(0)
    for _ in range(50):
        places = np.cumsum(generator.uniform(0.3, 1.5, 3))
        costs = np.array([1.0, 0.0, 1.0]) + generator.uniform(0.0, 1.0, 3) * [1, 0, 1]
        square, line, _ = np.polyfit(places, costs, 2)
        assert bottom(places.tolist(), costs).place == pytest.approx(-line / (2 * square))


def test_a_bottom_beside_divergence_stays_between_the_rates_that_hold():
    found = bottom([-1.0, 0.0, 1.0], np.array([2.0, 1.0, math.inf])).place
    assert found == 0.0  # as bad as the worst that is finite, which here is the other neighbour
    assert -0.5 < bottom([-2.0, -1.0, 0.0, 1.0], np.array([9.0, 2.0, 1.0, math.inf])).place < 0.0


@pytest.mark.parametrize(("costs", "place"), [([1, 2, 3], 0.0), ([3, 2, 1], 2.0)])
def test_the_best_on_an_edge_is_only_a_bound(costs, place):
    assert bottom([0.0, 1.0, 2.0], np.array(costs, dtype=float)) == Bottom(place, 1.0, at_edge=True)
    assert bottom([0.0, 1.0], np.array([math.inf, math.inf])) is None


def test_rates_that_are_equally_good_are_not_told_apart():
    """An accuracy of 100 % at four of six rates: the middle of them, and all of them is its width."""
    costs = np.array([-0.9, -1.0, -1.0, -0.99, -1.0, -0.8])
    assert bottom([-2.0, -1.0, 0.0, 1.0, 2.0, 3.0], costs) == Bottom(0.5, 4.0, at_edge=False)
    assert bottom([-2.0, -1.0, 0.0], costs[:3]) == Bottom(-0.5, 2.0, at_edge=True)
    assert next_octaves([-2.0, -1.0, 0.0], costs[:3, None]) == (1.0, 2.0)


def test_where_all_diverged_lower_rates_are_tried():
    assert next_octaves([-1.0, 0.0, 1.0], np.full((3, 2), math.inf)) == (-3.0, -2.0)


def test_rates_go_outward_and_then_beside_the_best():
    """A slow twin: a valley in one octave number, tried until nothing is wanted."""
    for lowest in (-6.3, -0.4, 0.0, 2.7, 5.2):
        octaves = [-1.0, 0.0, 1.0]
        while wanted := next_octaves(octaves, (np.array(octaves) - lowest)[:, None] ** 2):
            assert not set(wanted) & set(octaves)
            octaves = sorted([*octaves, *wanted])
        best = min(octaves, key=lambda octave: abs(octave - lowest))
        assert {best - 0.5, best, best + 0.5} <= set(octaves)
