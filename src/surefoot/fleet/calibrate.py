"""Which backend and width are fastest for this model on this machine: measured, not guessed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

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
MOST_SECONDS = 2.0
# A candidate whose first step costs so many times the cheapest one's takes no part in the rounds.
HOPELESS = 3.0
# A stacked plan must beat the loop by this much: below it the measurement cannot tell.
STACKED_MARGIN = 1.05
# More threads than one must be faster by this much: with a busy neighbour, which may come later, threads that wait for
# each other in tiny kernels become ten to thirty times slower, where one thread loses nothing.
THREADS_MARGIN = 1.3
# In the loop gradients are computed one by one, but so many members share each call of their update rule.
LOOP_WIDTH = 8
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
    free = free_bytes(device) if free is None else free
    most = max(1, min(members, widest(task, free=free)))
    widths, refusal = _widths(task, members=members, most=most, device=device)
    loop_width = min(LOOP_WIDTH, most)
    fleets = {0: _launch(task, "serial", loop_width, device)} | {w: _launch(task, "stacked", w, device) for w in widths}
    plan = _choose(_costs_us(fleets), loop_width=loop_width, refusal=refusal, device=device)
    if plan.reason:
        tell(plan.reason)
    return plan


@dataclass(frozen=True, slots=True)
class Candidate:
    """A way to run: the width, 0 for the loop, and the threads."""

    width: int
    threads: int

    @property
    def handicap(self) -> float:
        """What its cost is multiplied by before it is compared."""
        return (STACKED_MARGIN if self.width else 1.0) * (THREADS_MARGIN if self.threads > 1 else 1.0)


def _widths(task: Task, *, members: int, most: int, device: str) -> tuple[list[int], str | None]:
    """Return the widths worth measuring; or none, and one line that says why."""
    if members == 1:
        return [], f"{LOOP}: there is one at a time."
    if most == 1:
        return [], f"{LOOP}: there is memory for one at a time."
    refusal = _refusal(task, device)
    return ([], refusal) if refusal else (sorted({min(width, most) for width in WIDTHS}), None)


def _choose(costs_us: dict[Candidate, float], *, loop_width: int, refusal: str | None, device: str) -> Plan:
    """Return the plan of the cheapest candidate."""
    loop_us = min(cost for candidate, cost in costs_us.items() if candidate.width == 0)
    best = min(costs_us, key=lambda candidate: costs_us[candidate] * candidate.handicap)
    cost = costs_us[best]
    if best.width > 0:
        return Plan("stacked", best.width, best.threads, device, config_step_us=cost, loop_us=loop_us)
    reason = refusal or f"{LOOP}: for this model on this machine that is as fast as stacked."
    return Plan("serial", loop_width, best.threads, device, config_step_us=cost, loop_us=loop_us, reason=reason)


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


def _costs_us(fleets: dict[int, LocalFleet]) -> dict[Candidate, float]:
    """Return what one member's step costs each candidate, in microseconds: its fastest of several rounds in turn.

    A first step of each shows which are hopeless; these take no part in the rounds.
    """
    first = {
        Candidate(width, threads): _seconds(fleet, threads, 1) / len(fleet.recipes)
        for width, fleet in fleets.items()
        for threads in sorted({1, torch.get_num_threads()})
    }
    hopeful = [at for at in first if at.width == 0 or first[at] < HOPELESS * min(first.values())]
    steps = {at: max(1, round(ROUND_SECONDS / (first[at] * len(fleets[at.width].recipes)))) for at in hopeful}
    costs = dict.fromkeys(hopeful, float("inf"))
    begin, rounds = time.perf_counter(), 0
    while rounds < ROUNDS and (rounds == 0 or time.perf_counter() - begin < MOST_SECONDS):
        for at in hopeful:
            work = steps[at] * len(fleets[at.width].recipes)
            costs[at] = min(costs[at], 1e6 * _seconds(fleets[at.width], at.threads, steps[at]) / work)
        rounds += 1
    return costs


def _seconds(fleet: LocalFleet, threads: int, steps: int) -> float:
    fleet.threads = threads
    begin = time.perf_counter()
    fleet.train(steps)
    if torch.device(fleet.device).type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin
