"""Which points are tried next."""

from __future__ import annotations

import math

import numpy as np
import pytest

from surefoot.search.cliff import Trained
from surefoot.search.proposal import propose
from surefoot.search.space.coordinates import Coordinates
from surefoot.search.space.search_space import SearchSpace
from surefoot.surrogate.surrogate import Observation

WHERE = Coordinates.around(SearchSpace(), {"sgd": 1.0}, steps=1000)


def trained(point, loss, steps=64):
    recipe = WHERE.recipe(point)
    return Trained(recipe, point, Observation(WHERE.features(recipe), steps, loss))


def proposed(trials, *, count=2, bold=True):
    return propose(count, trials, WHERE, steps=250, full_steps=1000, generator=np.random.default_rng(0), bold=bold)


def rates(points):
    return WHERE.features_at(points)[:, 0]


def test_the_bold_point_is_a_larger_rate_that_is_about_as_good():
    best = rates([(0.4, 0.5)])[0]

    def loss(rate):
        return 0.5 * math.exp(0.02 * (rate - best) ** 2)

    tried = [(x, y) for x in np.linspace(0.1, 0.9, 9) for y in (0.2, 0.7)]
    (bold,) = rates(proposed([trained(point, loss(rates([point])[0])) for point in tried], count=1))
    assert bold > best + 0.2
    assert loss(bold) < 1.05 * loss(best)


@pytest.mark.parametrize("bold", [False, True])
def test_where_every_candidate_breaks_there_are_points_all_the_same(bold):
    broken = [trained((0.0, y), math.inf) for y in np.linspace(0.0, 1.0, 12)]
    held = trained((-0.5, 0.5), 0.5)
    assert len(proposed([held, *broken], bold=bold)) == 2


def test_without_a_trial_points_are_spread():
    found = proposed([], count=3)
    assert len({*found}) == 3
    assert all(0.0 <= unit <= 1.0 for point in found for unit in point)
