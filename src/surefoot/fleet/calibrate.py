"""Which backend and width are fastest for this model on this machine: measured, not guessed."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from surefoot.fleet.launch import launch
from surefoot.fleet.local import LocalFleet
from surefoot.fleet.memory import free_bytes, widest
from surefoot.fleet.plan import Backend, Plan
from surefoot.recipe import DEFAULT_RECIPE
from surefoot.tasks.task import Task

WIDTHS = (4, 8, 16, 32, 64)
ROUNDS = 4
ROUND_SECONDS = 0.03
# A stacked plan must beat the loop by this much: below it the measurement cannot tell.
MARGIN = 1.05
LOOP = "members train one after another"


def calibrate(
    task: Task,
    *,
    members: int,
    device: str = "cpu",
    tell: Callable[[str], None] = lambda _: None,
    free: int | None = None,
) -> Plan:
    """Measure the loop and the stacked program at several widths and return the fastest plan.

    Every candidate trains on the task's own data for a few steps, all in turn, several rounds; a candidate's cost is
    its fastest round, which a busy neighbour disturbs least. No candidate is wider than half of the free memory
    allows, nor than there will be members. Results depend on the plan by rounding alone, the time does.

    Args:
        task: What will be trained.
        members: How many recipes at a time there will be.
        device: Where.
        tell: Receives one line about why a model is not stacked.
        free: Bytes of memory to reckon with; what is free on the device, if not given.

    Returns:
        The plan; its ``reason`` says why where the members train one after another.
    """
    widths, refusal = _widths(task, members=members, free=free_bytes(device) if free is None else free, device=device)
    fleets = {0: _launch(task, "serial", 1, device)} | {w: _launch(task, "stacked", w, device) for w in widths}
    plan = _choose(_costs_us(fleets), refusal=refusal, device=device)
    if plan.reason:
        tell(plan.reason)
    return plan


def _widths(task: Task, *, members: int, free: int, device: str) -> tuple[list[int], str | None]:
    """Return the widths worth measuring; or none, and one line that says why."""
    if members == 1:
        return [], f"{LOOP}: there is one at a time."
    most = min(members, widest(task, free=free))
    if most == 1:
        return [], f"{LOOP}: there is memory for one at a time."
    refusal = _refusal(task, device)
    return ([], refusal) if refusal else (sorted({min(width, most) for width in WIDTHS}), None)


def _choose(costs_us: dict[int, float], *, refusal: str | None, device: str) -> Plan:
    """Return the plan of the cheapest width; width 0 stands for the loop."""
    loop_us, threads = costs_us[0], torch.get_num_threads()
    width = min(costs_us, key=lambda width: costs_us[width] * (1.0 if width == 0 else MARGIN))
    if width > 0:
        return Plan("stacked", width, threads, device, config_step_us=costs_us[width], loop_us=loop_us)
    reason = refusal or f"{LOOP}: for this model on this machine that is as fast as stacked."
    return Plan("serial", 1, threads, device, config_step_us=loop_us, loop_us=loop_us, reason=reason)


def _launch(task: Task, backend: Backend, width: int, device: str) -> LocalFleet:
    return launch(task, [DEFAULT_RECIPE] * width, seed=0, plan=Plan(backend, width, device=device))


def _refusal(task: Task, device: str) -> str | None:
    """Return one line that says why the model cannot be stacked, or ``None`` where it can."""
    try:
        fleet = _launch(task, "stacked", 2, device)
        fleet.train(1)
        fleet.evaluate("valid")
    except Exception as error:  # torch.func refuses a model with many kinds of error
        cause = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return f"{LOOP}, for this model cannot be stacked: {cause[:160]}"
    return None


def _costs_us(fleets: dict[int, LocalFleet]) -> dict[int, float]:
    """Return the cost of one member's step for each fleet, in microseconds: the fastest of several rounds in turn."""
    for fleet in fleets.values():
        fleet.train(1)
    steps = {width: max(1, round(ROUND_SECONDS / _seconds(fleet, 1))) for width, fleet in fleets.items()}
    rounds = [{width: _seconds(fleet, steps[width]) for width, fleet in fleets.items()} for _ in range(ROUNDS)]
    return {
        width: 1e6 * min(seconds[width] for seconds in rounds) / (steps[width] * len(fleet.recipes))
        for width, fleet in fleets.items()
    }


def _seconds(fleet: LocalFleet, steps: int) -> float:
    begin = time.perf_counter()
    fleet.train(steps)
    if torch.device(fleet.device).type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin
