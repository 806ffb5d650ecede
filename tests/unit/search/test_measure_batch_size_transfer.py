"""The learning rate of the lowest cost against parabolas, and the rates tried to find it."""

import math

import numpy as np
import pytest

from surefoot.search.measure_batch_size_transfer import RateMinimum, next_octaves, rate_minimum


@pytest.mark.parametrize("octaves", [(-1.0, 0.0, 1.0), (-1.0, 0.0, 0.5), (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0)])
@pytest.mark.parametrize("lowest", [-0.2, 0.1, 0.2])
def test_the_minimum_of_a_parabola_is_exact_for_any_spacing(octaves, lowest):
    costs = 3.0 + 0.7 * (np.array(octaves) - lowest) ** 2
    assert rate_minimum(octaves, costs).octave == pytest.approx(lowest, abs=1e-12)


def test_the_minimum_equals_that_of_a_polynomial_through_three_points():
    generator = np.random.default_rng(0)
    for _ in range(50):
        octaves = np.cumsum(generator.uniform(0.3, 1.5, 3))
        costs = np.array([1.0, 0.0, 1.0]) + generator.uniform(0.0, 1.0, 3) * [1, 0, 1]
        square, line, _ = np.polyfit(octaves, costs, 2)
        assert rate_minimum(octaves.tolist(), costs).octave == pytest.approx(-line / (2 * square))


def test_a_minimum_next_to_divergence_stays_between_rates_that_did_not_diverge():
    octave = rate_minimum([-1.0, 0.0, 1.0], np.array([2.0, 1.0, math.inf])).octave
    assert octave == 0.0  # divergence counts as the highest finite cost, here that of the other neighbour
    assert -0.5 < rate_minimum([-2.0, -1.0, 0.0, 1.0], np.array([9.0, 2.0, 1.0, math.inf])).octave < 0.0


@pytest.mark.parametrize(("costs", "octave"), [([1, 2, 3], 0.0), ([3, 2, 1], 2.0)])
def test_a_minimum_at_the_edge_is_only_a_bound(costs, octave):
    assert rate_minimum([0.0, 1.0, 2.0], np.array(costs, dtype=float)) == RateMinimum(octave, 1.0, at_edge=True)
    assert rate_minimum([0.0, 1.0], np.array([math.inf, math.inf])) is None


def test_the_minimum_of_equally_good_rates_is_their_middle():
    """With an accuracy of 100 % at four of six rates, the range of these is the width."""
    costs = np.array([-0.9, -1.0, -1.0, -0.99, -1.0, -0.8])
    assert rate_minimum([-2.0, -1.0, 0.0, 1.0, 2.0, 3.0], costs) == RateMinimum(0.5, 4.0, at_edge=False)
    assert rate_minimum([-2.0, -1.0, 0.0], costs[:3]) == RateMinimum(-0.5, 2.0, at_edge=True)
    assert next_octaves([-2.0, -1.0, 0.0], costs[:3, None]) == (1.0, 2.0)


def test_lower_rates_are_tried_if_all_diverged():
    assert next_octaves([-1.0, 0.0, 1.0], np.full((3, 2), math.inf)) == (-3.0, -2.0)


def test_rates_go_outward_and_then_next_to_the_best():
    """On a parabola, rates are tried until no more are asked for."""
    for lowest in (-6.3, -0.4, 0.0, 2.7, 5.2):
        octaves = [-1.0, 0.0, 1.0]
        while wanted := next_octaves(octaves, (np.array(octaves) - lowest)[:, None] ** 2):
            assert not set(wanted) & set(octaves)
            octaves = sorted([*octaves, *wanted])
        best = min(octaves, key=lambda octave: abs(octave - lowest))
        assert {best - 0.5, best, best + 0.5} <= set(octaves)
