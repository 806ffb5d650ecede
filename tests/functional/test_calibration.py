"""The plans that calibration chooses on real tasks."""

import psutil
import torch
from tests.functional.branching_task import make_task
from torch import nn

from surefoot.fleet.calibration import (
    CANDIDATE_WIDTHS,
    CandidateTimer,
    calibrate,
)
from surefoot.fleet.create_and_save_fleet import create_fleet
from surefoot.fleet.forked_processes import available_cores
from surefoot.fleet.plan import member_bytes
from surefoot.fleet.training import train_members
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.loader import load_task


def test_a_small_perceptron_is_stacked_and_faster_than_the_loop():
    notes = []
    plan = calibrate(load_task("digits"), members=32, notify=notes.append)
    assert plan.backend == "stacked", "a small perceptron stacks well"
    assert plan.width in CANDIDATE_WIDTHS[:4]
    assert plan.config_step_us < plan.loop_us
    assert plan.threads in {1, torch.get_num_threads()}
    assert not notes
    assert not plan.reason


def test_a_model_that_cannot_be_stacked_trains_serially_with_a_reason():
    notes = []
    plan = calibrate(make_task(), members=6, notify=notes.append)
    assert (plan.backend, plan.width) == ("serial", 6)
    assert notes == [plan.reason]
    assert plan.reason.startswith("members train one after another, because this model cannot be stacked: ")
    assert ".item()" in plan.reason
    assert "\n" not in plan.reason
    assert plan.config_step_us <= plan.loop_us
    fleet = create_fleet(make_task(), [Recipe()] * 3, seed=0, plan=plan)
    assert train_members(fleet, 5).isfinite().all()


def test_the_width_fits_into_memory():
    task = make_task(lambda: nn.Linear(4, 2))
    for limit in (2, 6):
        plan = calibrate(task, members=32, free=limit * 2 * member_bytes(task) + 1)
        assert plan.width <= limit
    assert psutil.virtual_memory().available > 32 * member_bytes(task)


def test_calibration_restores_the_number_of_threads():
    before = torch.get_num_threads()
    calibrate(make_task(lambda: nn.Linear(4, 2)), members=4)
    assert torch.get_num_threads() == before


def test_little_work_is_shared_among_the_cores_without_timing_processes(monkeypatch):
    timed = []
    first_step = CandidateTimer.first_step
    monkeypatch.setattr(CandidateTimer, "first_step", lambda timer, plan: timed.append(plan) or first_step(timer, plan))
    plan = calibrate(load_task("digits"), members=8, config_steps=200)
    assert plan.processes == min(available_cores(), 8)
    assert plan.threads == 1
    assert {plan.processes for plan in timed} == {1}
    assert calibrate(make_task(lambda: nn.Linear(4, 2)), members=1, config_steps=10).processes == 1


def test_little_work_is_not_worth_compiling():
    plan = calibrate(load_task("digits"), members=8, config_steps=2000)
    assert not plan.compiled
    assert not calibrate(make_task(lambda: nn.Linear(4, 2)), members=4).compiled, "nor is work of unknown length"
