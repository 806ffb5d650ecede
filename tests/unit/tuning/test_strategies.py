"""The strategies, on a bowl."""

from __future__ import annotations

import numpy as np
import pytest

from surefoot.cli.tune import STRATEGY_NAMES
from surefoot.tuning.rungs import RUNGS, Candidate, Verdict
from surefoot.search.samplers import STRATEGIES

LOWEST = np.array([0.7, 0.4])
BOX = ((-0.5, 1.0), (0.2, 0.9))
every = pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES.keys())


def bowl(point) -> float:
    return 1.0 + float(((np.array(point) - LOWEST) ** 2).sum())


def judged(points) -> list[list[Verdict]]:
    row = [Verdict(Candidate(number, tuple(point)), bowl(point)) for number, point in enumerate(points)]
    return [row, *([] for _ in RUNGS[1:])]


def more(strategy, *, seed: int = 0, count: int = 3):
    verdicts = judged(np.random.default_rng(1).random((12, 2)).tolist())
    return strategy.more(count, verdicts, box=BOX, generator=np.random.default_rng(seed))


def test_the_command_line_knows_them_all():
    assert tuple(STRATEGIES) == STRATEGY_NAMES


@every
@pytest.mark.parametrize("dimensions", [1, 2, 5])
def test_first_points_are_so_many_in_the_unit_cube_and_the_seed_decides(strategy, dimensions):
    first, again = (strategy.first(11, dimensions=dimensions, generator=np.random.default_rng(3)) for _ in range(2))
    assert first == again
    assert len(first) <= 11
    assert all(len(point) == dimensions and 0.0 <= min(point) <= max(point) <= 1.0 for point in first)
    assert len(set(first)) == len(first)


@every
def test_later_points_lie_in_the_box_and_nothing_is_kept_between_calls(strategy):
    first = more(strategy)
    assert len(first) == (3 if strategy.refines or strategy.name == "random" else 0)
    assert all(low <= value <= high for point in first for value, (low, high) in zip(point, BOX, strict=True))
    more(strategy, seed=9)  # would move on a sampler that remembered
    assert more(strategy) == first
    assert not vars(strategy)


@pytest.mark.parametrize(("name", "seeds"), [("tpe", 12), ("surefoot", 12), ("gp", 2)])
def test_samplers_come_nearer_to_the_lowest_point_than_chance(name, seeds):
    """Twelve random points, then twelve more: the mean height of what is drawn later says what was learned."""

    def heights(drawing: str, seed: int) -> float:
        generator = np.random.default_rng(seed)
        points = STRATEGIES["random"].first(12, dimensions=2, generator=generator)
        for _ in range(3):
            points += STRATEGIES[drawing].more(4, judged(points), box=((0.0, 1.0),) * 2, generator=generator)
        return float(np.mean([bowl(point) for point in points[12:]])) - 1.0

    guided, blind = (np.mean([heights(drawing, seed) for seed in range(seeds)]) for drawing in (name, "random"))
    assert guided < 0.7 * blind
