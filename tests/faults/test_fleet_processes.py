"""Faults of forked processes, of memory and of the compiler."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from surefoot.core.errors import DataError, TaskError
from surefoot.fleet.create_and_save_fleet import create_fleet
from surefoot.fleet.evaluation import evaluate_members
from surefoot.fleet.forked_processes import can_fork, run_jobs, to_shared_memory, using_threads
from surefoot.fleet.plan import Plan
from surefoot.fleet.training import train_fleets, train_members
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.task import Task

pytestmark = pytest.mark.skipif(not can_fork(), reason="processes are forked on Linux, where there is no accelerator")
RATES = (0.01, 0.03, 0.1, 0.2, 0.3)


def make_task(model=None, **settings) -> Task:
    x = torch.randn(64, 6, generator=torch.Generator().manual_seed(0))
    y = x[:, :3].argmax(1)
    model = model or (lambda: nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)))
    settings = {"batch_size": 8, "steps": 40} | settings
    return Task("small", model, nn.functional.cross_entropy, (x, y), (x, y), **settings)


def make_fleet(plan: Plan, *, seed: int = 0, task: Task | None = None):
    return create_fleet(
        task or make_task(), [Recipe.of("sgd", lr=rate, momentum=0.9) for rate in RATES], seed=seed, plan=plan
    )


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def test_jobs_return_in_order_and_write_shared_memory():
    squares = to_shared_memory(torch.zeros(7, dtype=torch.int64))

    def job(number: int) -> int:
        squares[number] = number**2
        return os.getpid()

    with using_threads(1):
        pids = run_jobs([lambda number=number: job(number) for number in range(7)], processes=3)
    assert squares.tolist() == [0, 1, 4, 9, 16, 25, 36]
    assert len(pids) == 7
    assert not children()


@pytest.mark.parametrize("error", [ValueError("no"), DataError("bad data.", hint="mend them."), KeyError("x")])
def test_an_exception_in_a_job_is_raised_in_the_parent(error):
    here = os.getpid()

    def job() -> None:
        if os.getpid() != here:
            raise error
        time.sleep(0.2)  # so that a child takes some of the jobs

    with pytest.raises(type(error)) as caught:
        run_jobs([job] * 8, processes=2)
    assert str(caught.value) == str(error)
    assert not children()


def test_a_killed_child_is_an_error_and_not_a_hang():
    here = os.getpid()

    def job() -> None:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.2)

    with pytest.raises(TaskError, match=r"was killed \(signal 9\).*memory"):
        run_jobs([job] * 8, processes=2)
    assert not children()


def test_an_interrupt_in_the_parent_ends_the_children():
    here = os.getpid()

    def job() -> None:
        if os.getpid() == here:
            raise KeyboardInterrupt
        time.sleep(60)

    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_jobs([job] * 2, processes=2)
    assert time.monotonic() - begin < 30
    assert not children()


def test_a_parent_that_has_used_several_threads_can_fork():
    program = """
        import torch
        torch.set_num_threads(4)
        (torch.randn(1500, 1500) @ torch.randn(1500, 1500)).relu().sum()
        from tests.faults.test_fleet_processes import make_fleet
        from surefoot.fleet.plan import Plan
        from surefoot.fleet.training import train_members
        fleet = make_fleet(Plan("stacked", 8, processes=2))
        print(train_members(fleet, 20).isfinite().all().item(), torch.get_num_threads())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env=os.environ | {"OMP_NUM_THREADS": "4"}, check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.stdout.split() == ["True", "4"], done.stderr


@pytest.mark.parametrize("plan", [Plan("serial", 2, processes=2), Plan("stacked", 2, processes=3)], ids=str)
def test_the_process_that_trains_a_member_changes_no_bit(plan, monkeypatch):
    forked, alone = make_fleet(plan), make_fleet(plan)
    losses = train_members(forked, 20)
    monkeypatch.setattr("surefoot.fleet.training.run_jobs", lambda jobs, processes: [job() for job in jobs])
    assert torch.equal(train_members(alone, 20), losses)
    assert torch.equal(alone.params, forked.params)
    assert torch.equal(evaluate_members(alone, "valid").loss, evaluate_members(forked, "valid").loss)


def test_fleets_trained_together_equal_fleets_trained_one_after_another():
    plan = Plan("stacked", 4, processes=2)
    together, apart = ([make_fleet(plan, seed=seed) for seed in (0, 1, 2)] for _ in range(2))
    losses = train_fleets([(fleet, fleet.member_indices(None)) for fleet in together], 15)
    for fleet, other, expected in zip(together, apart, losses, strict=True):
        assert torch.equal(train_members(other, 15), expected)
        assert torch.equal(other.params, fleet.params)
        assert other.step.tolist() == fleet.step.tolist() == [15] * 5
    assert not torch.equal(losses[0], losses[1])


class NeedsMuchMemory(nn.Module):
    """Allocates 32 TB where more than two members are computed at once, so that memory runs out."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = self.layer.weight
        while torch._C._functorch.is_functorch_wrapped_tensor(weight):
            weight = torch._C._functorch.get_unwrapped(weight)
        if len(weight.flatten(0, -2)) > 3 * 2:
            torch.empty(1 << 45)
        return self.layer(x)


@pytest.mark.parametrize("processes", [1, 2])
def test_out_of_memory_halves_the_width_and_training_goes_on(processes):
    task, notes = make_task(NeedsMuchMemory), []
    fleet = make_fleet(Plan("stacked", 5, processes=processes), task=task)
    fleet.notify = notes.append
    losses = torch.cat([train_members(fleet, 5), train_members(fleet, 5)])
    steps_down = [3, 2] if processes == 1 else [2]
    assert notes == [f"memory ran out: at most {width} members at once from here on." for width in steps_down]
    assert fleet.width <= 2
    assert fleet.consistent
    serial = make_fleet(Plan("serial", 1), task=task)
    torch.testing.assert_close(train_members(serial, 10), losses, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(
        evaluate_members(serial, "valid").loss, evaluate_members(fleet, "valid").loss, rtol=1e-5, atol=1e-6
    )


def test_without_a_compiler_training_goes_on_and_one_note_says_so(tmp_path):
    program = """
        from tests.faults.test_fleet_processes import make_fleet
        from surefoot.fleet.plan import Plan
        from surefoot.fleet.training import train_members
        fleet = make_fleet(Plan("stacked", 4, compiled=True))
        fleet.notify = print
        ends = [train_members(fleet, 3).isfinite().all().item() for _ in range(2)]
        print(*ends, fleet.compiled)
    """
    environment = os.environ | {"PATH": "", "CXX": "no-such-compiler", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=200,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 2, done.stdout + done.stderr
    assert lines[0].startswith("training goes on uncompiled: ")
    assert lines[1] == "True True False"
