"""Which points a search tries next."""

from __future__ import annotations

import math

import numpy as np
import pytest

from surefoot.search.acquisition import propose_points
from surefoot.search.space.coordinates import Coordinates
from surefoot.search.space.search_space import SearchSpace
from surefoot.search.stability_limit import SearchTrial
from surefoot.surrogate.surrogate import Observation

COORDINATES = Coordinates.around(SearchSpace(), {"sgd": 1.0}, steps=1000)


def trial(point, loss, steps=64):
    recipe = COORDINATES.recipe(point)
    return SearchTrial(recipe, point, Observation(COORDINATES.features(recipe), steps, loss))


def proposed(trials, *, count=2, include_high_rate=True):
    return propose_points(
        trials,
        COORDINATES,
        count=count,
        steps=250,
        full_steps=1000,
        generator=np.random.default_rng(0),
        include_high_rate=include_high_rate,
    )


def rates(points):
    return COORDINATES.features_at(points)[:, 0]


def test_the_high_rate_is_a_larger_one_that_is_about_as_good():
    best = rates([(0.4, 0.5)])[0]

    def loss(rate):
        return 0.5 * math.exp(0.02 * (rate - best) ** 2)

    tried = [(x, y) for x in np.linspace(0.1, 0.9, 9) for y in (0.2, 0.7)]
    (high,) = rates(proposed([trial(point, loss(rates([point])[0])) for point in tried], count=1))
    assert high > best + 0.2
    assert loss(high) < 1.05 * loss(best)


@pytest.mark.parametrize("include_high_rate", [False, True])
def test_there_are_points_even_if_every_candidate_is_unstable(include_high_rate):
    unstable = [trial((0.0, y), math.inf) for y in np.linspace(0.0, 1.0, 12)]
    stable = trial((-0.5, 0.5), 0.5)
    assert len(proposed([stable, *unstable], include_high_rate=include_high_rate)) == 2


def test_without_trials_points_are_spread_evenly():
    points = proposed([], count=3)
    assert len({*points}) == 3
    assert all(0.0 <= unit <= 1.0 for point in points for unit in point)
