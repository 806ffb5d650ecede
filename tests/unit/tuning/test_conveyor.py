"""The halving conveyor, driven by losses that are known functions of the point."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.tuning.conveyor import Conveyor, Terrain
from surefoot.tuning.rungs import EIGHTHS, RUNGS, Candidate, cooldown_at, eighth, expected_work, to_next_rung
from surefoot.tuning.space import Point
from surefoot.tuning.strategies import STRATEGIES, RandomSearch

NEWCOMER = Candidate(0, (0.0, 0.0))


class Restless(RandomSearch):
    """Draws anywhere, again and again: the conveyor's rules must hold whoever draws, and this one costs nothing."""

    refines = True


def bowl(point: Point) -> float:
    """A loss with its minimum at (0.7, 0.4)."""
    return 1.0 + (point[0] - 0.7) ** 2 + (point[1] - 0.4) ** 2


def drive(conveyor: Conveyor, loss=bowl) -> int:
    """Run a conveyor to its end; return the config-steps that were really done."""
    steps = {}
    work = 0
    while conveyor.training:
        for place in conveyor.training:
            candidate = conveyor.places[place]
            target = eighth(conveyor.total, candidate.trained + 1)
            work += target - steps.get(candidate.number, 0)
            steps[candidate.number] = target
        judged = conveyor.advance()
        work += sum(cooldown_at(conveyor.places[place], conveyor.total) for place in judged)
        conveyor.judge({place: loss(conveyor.places[place].point) for place in judged})
    return work


def conveyor(count: int = 16, *, total: int = 200, ceiling: int = 2800, seed: int = 0, **others) -> Conveyor:
    return Conveyor.begin(count, total=total, ceiling=ceiling, generator=np.random.default_rng(seed), **others)


@given(
    count=st.sampled_from([4, 8, 16, 32]),
    total=st.integers(1, 500),
    extra=st.integers(0, 5000),
    seed=st.integers(0, 1000),
    noise=st.floats(0, 1),
)
def test_the_ceiling_is_never_passed(count, total, extra, seed, noise):
    """Whatever the losses are: at least the first generation is paid for, and nothing above the ceiling."""
    ceiling = count * to_next_rung(NEWCOMER, total) + extra
    luck = np.random.default_rng(seed)
    belt = conveyor(count, total=total, ceiling=ceiling, seed=seed, strategy=Restless())
    work = drive(belt, loss=lambda point: bowl(point) + noise * luck.standard_normal())
    assert work == belt.spent
    assert work <= ceiling


@pytest.mark.parametrize("seed", range(5))
def test_the_best_of_a_bowl_is_found_and_trained_in_full(seed):
    """16 spread points lie a quarter apart; refinement must come nearer than half of that."""
    belt = conveyor(seed=seed)
    drive(belt)
    best = belt.ranking()[0]
    assert RUNGS[best.candidate.rung] == EIGHTHS
    assert np.hypot(best.candidate.point[0] - 0.7, best.candidate.point[1] - 0.4) < 0.12


def test_those_who_pass_a_rung_are_better_than_those_who_do_not():
    belt = conveyor()
    drive(belt)
    for verdicts, above in zip(belt.verdicts, belt.verdicts[1:], strict=False):
        passed = {verdict.candidate.number for verdict in above}
        on = [verdict.loss for verdict in verdicts if verdict.candidate.number in passed]
        out = [verdict.loss for verdict in verdicts if verdict.candidate.number not in passed]
        assert np.median(on) < np.median(out)


def test_diverged_candidates_never_go_on():
    belt = conveyor()
    drive(belt, loss=lambda point: bowl(point) if point[0] < 0.5 else float("inf"))
    for verdict in (verdict for rung in belt.verdicts[1:] for verdict in rung):
        assert verdict.candidate.point[0] < 0.5


def test_where_all_diverge_the_first_round_is_the_last():
    belt = conveyor()
    work = drive(belt, loss=lambda _: float("inf"))
    assert work == 16 * to_next_rung(NEWCOMER, 200)
    assert not belt.training


def test_the_same_seed_draws_the_same_points():
    first, second = conveyor(seed=3), conveyor(seed=3)
    drive(first)
    drive(second)
    assert first.ranking() == second.ranking()
    assert conveyor(seed=4).places != conveyor(seed=3).places


def test_expected_work_is_the_sum_over_the_rungs_with_their_chances():
    """1/8 and its cooldown for all, 1/8 more for 0.35 of them, 1/4 for half of those, 1/2 for half again."""
    by_hand = (1 / 8 + 1 / 32) + 0.35 * ((1 / 8 + 1 / 16) + 0.5 * ((1 / 4 + 1 / 8) + 0.5 * (1 / 2)))
    assert expected_work(NEWCOMER, 3200) == pytest.approx(3200 * by_hand)


def sides(point: Point, box) -> tuple[tuple[int, int], ...]:
    """The walls of the first axis within 0.04 of the box."""
    low, high = box[0]
    return ((0, 0),) * (point[0] < low + 0.04) + ((0, 1),) * (point[0] > high - 0.04)


def test_the_box_grows_towards_a_best_beyond_its_wall_and_the_best_is_found_there():
    """The minimum lies at 1.3, outside the unit square but within the outermost box."""
    terrain = Terrain(2, outermost=((-1.0, 1.5), (0.0, 1.0)), edges=sides)
    belt = conveyor(ceiling=6000, terrain=terrain)
    drive(belt, loss=lambda point: 1.0 + (point[0] - 1.3) ** 2 + 0.1 * (point[1] - 0.4) ** 2)
    assert belt.box[0][1] > 1.3
    assert belt.box[0][1] <= 1.5
    assert belt.box[1] == (0.0, 1.0)
    assert abs(belt.ranking()[0].candidate.point[0] - 1.3) < 0.2


def test_the_box_stays_where_the_user_drew_it():
    terrain = Terrain(2, outermost=((0.0, 1.0), (0.0, 1.0)), edges=sides)
    belt = conveyor(terrain=terrain)
    drive(belt, loss=lambda point: 2.0 - point[0])
    assert belt.box == ((0.0, 1.0), (0.0, 1.0))
    assert all(0.0 <= verdict.candidate.point[0] <= 1.0 for rung in belt.verdicts for verdict in rung)


def test_slow_starters_are_not_judged_before_their_rate_is_up():
    """Half of the points warm up for a fifth of the training: their first judgement is at a quarter, not an eighth."""
    belt = conveyor(ceiling=6000, terrain=Terrain(2, warmup=lambda point: 0.2 if point[1] > 0.5 else 0.0))
    drive(belt)
    assert all(verdict.candidate.point[1] <= 0.5 for verdict in belt.verdicts[0])
    assert any(verdict.candidate.point[1] > 0.5 for verdict in belt.verdicts[1])


@settings(max_examples=12)
@given(name=st.sampled_from(sorted(set(STRATEGIES) - {"gp"})), seed=st.integers(0, 50), slow=st.floats(0.0, 0.9))
def test_no_strategy_passes_the_ceiling(name, seed, slow):
    terrain = Terrain(2, warmup=lambda point: slow * point[0])
    belt = conveyor(ceiling=1500, seed=seed, terrain=terrain, strategy=STRATEGIES[name])
    work = drive(belt)
    assert work == belt.spent <= 1500
    assert belt.ranking()[0].candidate.trained == EIGHTHS
