"""The 90 % intervals, on noisy bowls whose lowest point is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from surefoot.recipe import Recipe
from surefoot.tuning.conveyor import Terrain
from surefoot.tuning.evidence import Surface
from surefoot.tuning.likely_settings import likely_settings
from surefoot.tuning.space import Coordinates, SearchSpace

PLAIN = Coordinates.below(SearchSpace(), {"sgd": 10.0}, steps=400)


def noisy_bowl(lowest, noise):
    """Steep along the effective rate, flat along momentum, lower from rung to rung; the noise is 5 %."""

    def loss(candidate) -> float:
        rate, memory = np.array(candidate.point[:2]) - lowest
        level = -1.0 - 0.3 * candidate.rung + 3.0 * rate**2 + 0.8 * memory**2
        return math.exp(level + 0.05 * noise.standard_normal())

    return loss


def test_the_intervals_hold_the_known_best_in_85_of_100_searches_and_say_something(searched):
    held, widths = [], []
    for seed in range(60):
        noise = np.random.default_rng(500 + seed)
        lowest = noise.uniform(0.2, 0.8, size=2)
        conveyor = searched(noisy_bowl(lowest, noise), seed=seed)
        generator = np.random.default_rng(seed)
        best = PLAIN.recipe(Surface(conveyor.verdicts).minimum(conveyor.box, generator=generator))
        lr, momentum = likely_settings(best, [best], conveyor, PLAIN, generator=generator)
        known = PLAIN.recipe(tuple(lowest))
        held.append((lr.low <= known.lr.highest <= lr.high, momentum.low <= known.momentum.highest <= momentum.high))
        widths.append(math.log10(lr.high / lr.low))
    assert (np.mean(held, axis=0) >= 0.85).all()
    assert np.median(widths) < 1.5  # of the 4 decades that are searched


def test_recipes_that_cannot_be_told_apart_lie_in_the_intervals(searched):
    conveyor = searched(noisy_bowl(np.array([0.5, 0.5]), np.random.default_rng(0)))
    best = PLAIN.recipe((0.5, 0.5))
    tied = [best, best.with_(lr=Recipe.parse("sgd(lr=cosine(5))").lr), Recipe.parse("sgd(lr=99)")]
    lr, _ = likely_settings(best, tied, conveyor, PLAIN, generator=np.random.default_rng(0))
    assert lr.low < best.lr.highest < lr.high == 5  # the constant 99 is another thing than the peak of a cosine


def test_a_search_that_saw_nearly_nothing_gives_the_tied_alone(searched):
    conveyor = searched(lambda _: math.inf)
    best = Recipe.parse("sgd(lr=cosine(0.5), momentum=0.9)")
    lr, momentum = likely_settings(best, [best], conveyor, PLAIN, generator=np.random.default_rng(0))
    assert (lr.low, lr.high, momentum.low, momentum.high) == (0.5, 0.5, 0.9, 0.9)


def test_a_best_without_warmup_is_of_a_kind_with_those_that_have_some(searched):
    """Warmup is rounded to whole percents: among a hundred drawn points two or three have none."""
    where = Coordinates.below(SearchSpace().adding("warmup"), {"sgd": 10.0}, steps=400)
    conveyor = searched(noisy_bowl(np.array([0.5, 0.5]), np.random.default_rng(0)), terrain=Terrain(len(where.axes)))
    best = where.recipe((0.5, 0.5, 0.0))
    lr, _ = likely_settings(best, [best], conveyor, where, generator=np.random.default_rng(0))
    assert lr.high > 1.2 * lr.low


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_generator_gives_the_same_intervals(searched, seed):
    conveyor = searched(noisy_bowl(np.array([0.4, 0.6]), np.random.default_rng(seed)))
    best = PLAIN.recipe((0.4, 0.6))
    first, second = (
        likely_settings(best, [best], conveyor, PLAIN, generator=np.random.default_rng(seed)) for _ in range(2)
    )
    assert first == second
