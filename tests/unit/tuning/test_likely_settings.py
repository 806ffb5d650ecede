"""The 90 % intervals, on noisy bowls whose lowest point is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from surefoot.recipe import Recipe
from surefoot.tuning.conveyor import Terrain
from surefoot.tuning.evidence import Surface
from surefoot.tuning.likely_settings import BEYOND, likely_settings
from surefoot.tuning.space import Coordinates, SearchSpace

PLAIN = Coordinates.below(SearchSpace(), {"sgd": 10.0}, steps=400)


def noisy_bowl(lowest, noise, *, tilt=0.0):
    """Steep across the valley, flat along it, lower from rung to rung; the noise is 5 %.

    With a tilt the best effective rate falls where the memory grows.
    """

    def loss(candidate) -> float:
        rate, memory = np.array(candidate.point[:2]) - lowest
        level = -1.0 - 0.3 * candidate.rung + 3.0 * (rate + tilt * memory) ** 2 + 0.8 * memory**2
        return math.exp(level + 0.05 * noise.standard_normal())

    return loss


def intervals(conveyor, best, *, tied=(), where=PLAIN, seed=0):
    surface, generator = Surface.through(conveyor.verdicts), np.random.default_rng(seed)
    return likely_settings(best, tied or [best], surface, where, conveyor.box, generator=generator)


@pytest.mark.parametrize("tilt", [0.0, 0.3])
def test_the_intervals_hold_the_known_best_in_85_of_100_and_are_narrow(searched, tilt):
    held, widths = [], []
    for seed in range(40):
        noise = np.random.default_rng(500 + seed)
        lowest = noise.uniform(0.2, 0.8, size=2)
        conveyor = searched(noisy_bowl(lowest, noise, tilt=tilt), seed=seed)
        found = Surface(conveyor.verdicts).minimum(conveyor.box, generator=np.random.default_rng(seed))
        lr, momentum = intervals(conveyor, PLAIN.recipe(found), seed=seed)
        rate_at_its_momentum = PLAIN.recipe((lowest[0] - tilt * (found[1] - lowest[1]), found[1])).lr.highest
        best_momentum = PLAIN.recipe(tuple(lowest)).momentum.highest
        held.append((lr.low <= rate_at_its_momentum <= lr.high, momentum.low <= best_momentum <= momentum.high))
        widths.append(lr.high / lr.low)
    assert (np.mean(held, axis=0) >= 0.85).all()
    assert np.median(widths) < 6


def test_recipes_of_the_best_momentum_that_cannot_be_told_apart_lie_in_the_interval_of_the_rate(searched):
    conveyor = searched(noisy_bowl(np.array([0.5, 0.5]), np.random.default_rng(0)))
    best = PLAIN.recipe((0.5, 0.5))
    higher = best.with_(lr=Recipe.parse("sgd(lr=cosine(5))").lr)
    with_other_momentum = Recipe.parse("sgd(lr=cosine(50), momentum=0.1)")
    constant = Recipe.parse("sgd(lr=99)").with_(momentum=best.momentum)  # another thing than the peak of a cosine
    lr, momentum = intervals(conveyor, best, tied=[best, higher, with_other_momentum, constant])
    assert lr.low < best.lr.highest < lr.high == 5 * BEYOND
    assert momentum.low <= 0.1


def test_a_search_that_saw_nearly_nothing_gives_the_tied_alone(searched):
    conveyor = searched(lambda _: math.inf)
    assert Surface.through(conveyor.verdicts) is None
    lr, momentum = intervals(conveyor, Recipe.parse("sgd(lr=cosine(0.5), momentum=0.9)"))
    assert (lr.low, lr.high, momentum.low, momentum.high) == (0.5, 0.5, 0.9, 0.9)


def test_a_best_without_warmup_is_of_a_kind_with_those_that_have_some(searched):
    """Warmup is rounded to whole percents: among a hundred drawn points two or three have none."""
    where = Coordinates.below(SearchSpace().adding("warmup"), {"sgd": 10.0}, steps=400)
    conveyor = searched(noisy_bowl(np.array([0.5, 0.5]), np.random.default_rng(0)), terrain=Terrain(len(where.axes)))
    lr, momentum = intervals(conveyor, where.recipe((0.5, 0.5, 0.0)), where=where)
    assert lr.high > 1.2 * lr.low
    assert momentum.high > momentum.low


def test_a_fixed_rate_is_its_own_interval(searched):
    where = Coordinates.below(SearchSpace.of({"lr": 0.1}), {}, steps=400)
    conveyor = searched(lambda candidate: math.exp(candidate.point[0] ** 2), terrain=Terrain(1))
    lr, _ = intervals(conveyor, where.recipe((0.1,)), where=where)
    assert (lr.low, lr.high) == (0.1, 0.1)


def test_the_interval_stays_within_what_the_user_allows(searched):
    where = Coordinates.below(SearchSpace.of({"lr": [0.1, 1.0], "momentum": 0.9}), {}, steps=400)
    conveyor = searched(lambda candidate: math.exp((candidate.point[0] - 1.0) ** 2), terrain=Terrain(1))
    lr, _ = intervals(conveyor, where.recipe((1.0,)), where=where)
    assert 0.1 <= lr.low < lr.high == 1.0


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_generator_gives_the_same_intervals(searched, seed):
    conveyor = searched(noisy_bowl(np.array([0.4, 0.6]), np.random.default_rng(seed)))
    best = PLAIN.recipe((0.4, 0.6))
    assert intervals(conveyor, best, seed=seed) == intervals(conveyor, best, seed=seed)
