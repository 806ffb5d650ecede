import psutil
import pytest
import torch
from torch import nn

from surefoot.fleet.calibration import STACKED_MARGIN, WIDTHS, Candidate, Race, Ways, _choose, cached, calibrate
from surefoot.fleet.launch import launch
from surefoot.fleet.plan import Plan, member_bytes
from surefoot.fleet.processes import cores
from surefoot.fleet.training import train_members
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.loader import load
from surefoot.tasks.task import Task


class Branching(nn.Module):
    """Takes another path by its data: nothing that vmap can follow."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer(x)
        return y if y.mean().item() > 0 else -y


def make_task(model=Branching) -> Task:
    x = torch.randn(40, 4, generator=torch.Generator().manual_seed(0))
    y = x[:, 0].gt(0).long()
    return Task("small", model, nn.functional.cross_entropy, (x, y), (x, y), batch_size=8, steps=10)


def test_the_plan_is_no_slower_than_the_loop_it_was_measured_against():
    said = []
    plan = calibrate(load("digits"), members=32, tell=said.append)
    assert plan.backend == "stacked", "a small perceptron stacks well"
    assert plan.width in WIDTHS[:4]
    assert plan.config_step_us < plan.loop_us
    assert plan.threads in {1, torch.get_num_threads()}
    assert not said
    assert not plan.reason


def test_a_model_that_cannot_be_stacked_runs_one_by_one_and_says_why():
    said = []
    plan = calibrate(make_task(), members=6, tell=said.append)
    assert (plan.backend, plan.width) == ("serial", 6)
    assert said == [plan.reason]
    assert plan.reason.startswith("members train one after another, for this model cannot be stacked: ")
    assert ".item()" in plan.reason
    assert "\n" not in plan.reason
    assert plan.config_step_us <= plan.loop_us
    fleet = launch(make_task(), [Recipe()] * 3, seed=0, plan=plan)
    assert train_members(fleet, 5).isfinite().all()


@pytest.mark.parametrize(("members", "memory", "why"), [(1, 1000, "one at a time"), (8, 1, "memory for one")])
def test_one_member_at_a_time_is_a_loop(members, memory, why):
    task = make_task(lambda: nn.Linear(4, 2))
    plan = calibrate(task, members=members, free=memory * 2 * member_bytes(task))
    assert (plan.backend, plan.width) == ("serial", 1)
    assert why in plan.reason


def test_no_width_exceeds_the_memory():
    task = make_task(lambda: nn.Linear(4, 2))
    for room in (2, 3, 6):
        plan = calibrate(task, members=32, free=room * 2 * member_bytes(task) + 1)
        assert plan.width <= room
    assert psutil.virtual_memory().available > 32 * member_bytes(task)


def choose(costs: dict[tuple[int, int], float]) -> Plan:
    """Choose among (width, threads) by their costs in microseconds."""
    return _choose({Candidate(*at): cost for at, cost in costs.items()}, loop_width=8, refusal=None, device="cpu")


def test_the_cheapest_wins_and_the_loop_wins_where_the_difference_is_noise():
    assert choose({(0, 1): 100.0, (4, 1): 50.0, (8, 1): 30.0, (16, 1): 31.0}).width == 8
    assert choose({(0, 1): 100.0, (4, 1): 50.0}).summary == "stacked, 4 at once, 50 µs a config-step (2.0x a loop)"
    near = choose({(0, 1): 100.0, (4, 1): 100.0 / STACKED_MARGIN + 0.1, (8, 1): 200.0})
    assert near == Plan("serial", 8, 1, config_step_us=100.0, loop_us=100.0, reason=near.reason)
    assert "as fast as stacked" in near.reason


def test_more_threads_must_be_clearly_faster():
    """One thread loses nothing to a busy neighbour, several lose much."""
    assert choose({(0, 1): 200.0, (8, 1): 50.0, (8, 2): 45.0}).threads == 1
    assert choose({(0, 1): 200.0, (8, 1): 50.0, (8, 2): 30.0}).threads == 2


def test_the_speedup_quoted_is_over_the_faster_loop():
    plan = choose({(0, 1): 80.0, (0, 2): 200.0, (8, 1): 40.0})
    assert (plan.loop_us, plan.config_step_us) == (80.0, 40.0)


def test_calibration_leaves_the_threads_alone():
    before = torch.get_num_threads()
    calibrate(make_task(lambda: nn.Linear(4, 2)), members=4)
    assert torch.get_num_threads() == before


def test_processes_must_be_faster_and_one_per_core_is_never_passed_over():
    assert choose({(0, 1): 200.0, (8, 1): 50.0, (8, 1, 2): 49.0}).processes == 1
    assert choose({(0, 1): 200.0, (8, 1): 50.0, (8, 1, 2): 30.0}).processes == 2
    loops = choose({(0, 1): 200.0, (8, 1): 150.0, (0, 1, 2): 100.0, (8, 1, 2): 110.0})
    assert (loops.backend, loops.processes, loops.config_step_us) == ("serial", 2, 100.0)
    assert choose({(0, 1): 200.0, (8, 1, 2): 50.0, (8, 1, 2, True): 30.0}).compiled


def test_little_work_is_shared_among_the_cores_unmeasured(monkeypatch):
    measured = []
    first_step = Race.first_step
    monkeypatch.setattr(Race, "first_step", lambda race, at: measured.append(at) or first_step(race, at))
    plan = calibrate(load("digits"), members=8, config_steps=200)
    assert plan.processes == min(cores(), 8)
    assert plan.threads == 1
    assert {at.processes for at in measured} == {1}
    assert calibrate(make_task(lambda: nn.Linear(4, 2)), members=1, config_steps=10).processes == 1


def test_little_work_pays_for_no_compiler():
    plan = calibrate(load("digits"), members=8, config_steps=2000)
    assert not plan.compiled
    assert not calibrate(make_task(lambda: nn.Linear(4, 2)), members=4).compiled, "unknown work is little work"


def test_members_are_shared_out_as_memory_and_cores_allow():
    ways = Ways.of(members=32, most=12, processes=4, threads=2, stacks=True)
    assert (ways.widths, ways.share) == ((12, 8, 4), 3)
    assert ways.likeliest() == [Candidate(0, 1), Candidate(0, 1, 4), Candidate(3, 1, 4)]
    alone = Ways.of(members=32, most=32, processes=1, threads=2, stacks=True)
    assert Candidate(16, 2) in alone.in_one_process(widths=1)
    assert Candidate(8, 1) not in alone.in_one_process(widths=1)
    assert Ways.of(members=8, most=8, processes=2, threads=1, stacks=False).likeliest() == [
        Candidate(0, 1), Candidate(0, 1, 2)
    ]  # fmt: skip


def test_compiled_widths_follow_the_cache():
    small, large = (
        make_task(lambda: nn.Linear(4, 2)),
        make_task(lambda: nn.Sequential(nn.Linear(4, 9**6), nn.Linear(9**6, 2))),
    )
    assert (cached(small), cached(large)) == (16, 4)
