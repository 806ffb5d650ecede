import pytest
from tests.functional.branching_task import make_task
from torch import nn

from surefoot.fleet.calibration import (
    STACKED_MARGIN,
    CandidateGenerator,
    CandidatePlan,
    calibrate,
    choose_plan,
    width_in_cache,
)
from surefoot.fleet.plan import Plan, member_bytes


@pytest.mark.parametrize(("members", "memory", "why"), [(1, 1000, "one at a time"), (8, 1, "memory for one")])
def test_one_member_at_a_time_trains_serially(members, memory, why):
    task = make_task(lambda: nn.Linear(4, 2))
    plan = calibrate(task, members=members, free=memory * 2 * member_bytes(task))
    assert (plan.backend, plan.width) == ("serial", 1)
    assert why in plan.reason


def choose(costs: dict[tuple[int, int], float]) -> Plan:
    """Choose among (width, threads) by their costs in microseconds."""
    return choose_plan(
        {CandidatePlan(*key): cost for key, cost in costs.items()}, loop_width=8, not_stacked=None, device="cpu"
    )


def test_the_cheapest_candidate_wins_and_the_loop_where_the_difference_is_noise():
    assert choose({(0, 1): 100.0, (4, 1): 50.0, (8, 1): 30.0, (16, 1): 31.0}).width == 8
    assert choose({(0, 1): 100.0, (4, 1): 50.0}).summary == "stacked, 4 at once, 50 µs a config-step (2.0x a loop)"
    close = choose({(0, 1): 100.0, (4, 1): 100.0 / STACKED_MARGIN + 0.1, (8, 1): 200.0})
    assert close == Plan("serial", 8, 1, config_step_us=100.0, loop_us=100.0, reason=close.reason)
    assert "as fast as stacked" in close.reason


def test_several_threads_win_only_by_their_margin():
    """Several threads become far slower where another program uses the cores."""
    assert choose({(0, 1): 200.0, (8, 1): 50.0, (8, 2): 45.0}).threads == 1
    assert choose({(0, 1): 200.0, (8, 1): 50.0, (8, 2): 30.0}).threads == 2


def test_the_reported_speedup_is_over_the_faster_loop():
    plan = choose({(0, 1): 80.0, (0, 2): 200.0, (8, 1): 40.0})
    assert (plan.loop_us, plan.config_step_us) == (80.0, 40.0)


def test_processes_win_only_by_their_margin():
    assert choose({(0, 1): 200.0, (8, 1): 50.0, (8, 1, 2): 49.0}).processes == 1
    assert choose({(0, 1): 200.0, (8, 1): 50.0, (8, 1, 2): 30.0}).processes == 2
    loops = choose({(0, 1): 200.0, (8, 1): 150.0, (0, 1, 2): 100.0, (8, 1, 2): 110.0})
    assert (loops.backend, loops.processes, loops.config_step_us) == ("serial", 2, 100.0)
    assert choose({(0, 1): 200.0, (8, 1, 2): 50.0, (8, 1, 2, True): 30.0}).compiled


def test_candidates_follow_from_memory_and_cores():
    generator = CandidateGenerator.of(members=32, width_limit=12, processes=4, threads=2, can_stack=True)
    assert (generator.widths, generator.members_per_process) == ((12, 8, 4), 3)
    assert generator.likely_winners() == [CandidatePlan(0, 1), CandidatePlan(0, 1, 4), CandidatePlan(3, 1, 4)]
    alone = CandidateGenerator.of(members=32, width_limit=32, processes=1, threads=2, can_stack=True)
    assert CandidatePlan(16, 2) in alone.in_one_process(widths=1)
    assert CandidatePlan(8, 1) not in alone.in_one_process(widths=1)
    serial_only = CandidateGenerator.of(members=8, width_limit=8, processes=2, threads=1, can_stack=False)
    assert serial_only.likely_winners() == [CandidatePlan(0, 1), CandidatePlan(0, 1, 2)]


def test_the_compiled_width_follows_from_the_cache():
    small, large = (
        make_task(lambda: nn.Linear(4, 2)),
        make_task(lambda: nn.Sequential(nn.Linear(4, 9**6), nn.Linear(9**6, 2))),
    )
    assert (width_in_cache(small), width_in_cache(large)) == (16, 4)
