"""Which way of running is fastest for this model on this machine: measured, not guessed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import torch

from surefoot.fleet.launch import launch
from surefoot.fleet.memory import activation_bytes, free_bytes, widest
from surefoot.fleet.plan import Plan
from surefoot.fleet.processes import can_fork, cores
from surefoot.fleet.race import Candidate, Race
from surefoot.recipe import DEFAULT_RECIPE
from surefoot.tasks.task import Task

# The likelier ones first.
WIDTHS = (16, 8, 32, 4, 64)
# Where little work is left, only the first width is measured, and nothing in processes: forking them a few times costs
# half a second, and they gain at most as much. Where it is less than a minute's, the first two widths are measured, and
# those in processes at once, which have been the faster wherever there are idle cores.
LITTLE_WORK_SECONDS, SHORT_WORK_SECONDS = 10.0, 60.0
# In a training step as short as this, threads wait for each other longer than they work.
SMALL_STEP_SECONDS = 2e-3
# Measuring may take this share of the work that is left, within these bounds in seconds.
SHARE_OF_WORK = 0.1
LEAST_SECONDS, MOST_SECONDS = 0.2, 1.5
# In the loop gradients are computed one by one, but so many members share each call of their update rule.
LOOP_WIDTH = 8
# Compiled, the overhead of an operation is small: members that do not fit into the cache slow it down.
FEWEST_COMPILED, MOST_COMPILED, CACHE_BYTES = 4, 16, 1.6e6
# What compiling takes, in seconds: loading the compiler, and then for each layer of the model.
COMPILER_SECONDS, LAYER_SECONDS = 6.0, 2.0
# Compiling has spared 40 to 70 % of the time; half of what this promises must be left over when it is paid.
COMPILED_SPARES, PAYS_BACK = 0.5, 2.0
LOOP = "members train one after another"


def calibrate(
    task: Task,
    *,
    members: int,
    config_steps: int | None = None,
    device: str = "cpu",
    tell: Callable[[str], None] = lambda _: None,
    free: int | None = None,
) -> Plan:
    """Measure the ways to run and return the fastest plan.

    Measured are the loop, with one thread and with all, and the stacked program at several widths; then both in a
    process for each core; and, where enough work is left to pay for it, the stacked program compiled. All train
    on the task's own data for a few steps, in turn, several rounds; the cost of each is its fastest round, which a
    busy neighbour disturbs least. The less work is left, the fewer ways are measured; where it is little, one width
    beside the loop, and the faster is shared among the cores unmeasured: processes are forked only for slices that
    outlast that. No candidate is wider than half of the free memory allows, nor than there will be members. Results
    depend on the plan by rounding alone, the time does.

    Args:
        task: What will be trained.
        members: How many recipes at a time there will be.
        config_steps: The work ahead: it bounds what measuring and compiling may cost. Where it is not known, measuring
            takes its time and nothing is compiled.
        device: Where.
        tell: Receives one line about why a model is not stacked.
        free: Bytes of memory to reckon with; what is free on the device, if not given.

    Returns:
        The plan; its ``reason`` says why where the members train one after another.
    """
    free = free_bytes(device) if free is None else free
    most = max(1, min(members, widest(task, free=free)))
    widths, refusal = _widths(task, members=members, most=most, device=device)
    race = Race(task, device)
    work_seconds = math.inf if config_steps is None else config_steps * race.first_step(Candidate(0, 1))
    seconds = min(MOST_SECONDS, max(LEAST_SECONDS, SHARE_OF_WORK * work_seconds))
    little, short = work_seconds < LITTLE_WORK_SECONDS, work_seconds < SHORT_WORK_SECONDS
    processes = min(cores(), members, most) if can_fork() and device == "cpu" else 1
    forks = processes > 1
    if forks and short and not little:
        shares = [min(width, _share(members, most, processes)) for width in widths[:2]]
        ways = [Candidate(0, 1), Candidate(0, 1, processes)]
        race.run([*ways, *(Candidate(width, 1, processes) for width in dict.fromkeys(shares))], seconds=seconds)
    else:
        threads = torch.get_num_threads() if race.first_step(Candidate(0, 1)) > SMALL_STEP_SECONDS else 1
        race.run(_in_one_process(widths[:1] if little else widths, threads=threads, forks=forks), seconds=seconds)
        if forks and not little:
            race.run(_on_every_core(race, processes=processes, members=members, most=most), seconds=seconds)
    left = 1e-6 * (config_steps or 0) * race.costs_us[race.winner()]
    if widths and COMPILED_SPARES * left > PAYS_BACK * _compile_seconds(race):
        race.run(_compiled(race, widths, processes=processes, members=members), seconds=seconds)
    plan = _choose(race.costs_us, loop_width=min(LOOP_WIDTH, most), refusal=refusal, device=device)
    if forks and little:
        plan = replace(plan, width=min(plan.width, _share(members, most, processes)), threads=1, processes=processes)
    for line in (*race.said, plan.reason):
        if line:
            tell(line)
    return plan


def _widths(task: Task, *, members: int, most: int, device: str) -> tuple[list[int], str | None]:
    """Return the widths worth measuring; or none, and one line that says why."""
    if members == 1:
        return [], f"{LOOP}: there is one at a time."
    if most == 1:
        return [], f"{LOOP}: there is memory for one at a time."
    refusal = _refusal(task, device)
    return ([], refusal) if refusal else ([*dict.fromkeys(min(width, most) for width in WIDTHS)], None)


def _in_one_process(widths: list[int], *, threads: int, forks: bool) -> list[Candidate]:
    """Return the loop and the stacked widths, each with one thread and with more.

    Where processes can share the members, they use the cores better than the threads of one small program.
    """
    stacked = sorted({1} if forks else {1, threads})
    loops = [Candidate(0, count) for count in sorted({1, threads})]
    return [loops[0], *(Candidate(width, count) for width in widths for count in stacked), *loops[1:]]


def _on_every_core(race: Race, *, processes: int, members: int, most: int) -> Iterable[Candidate]:
    """Return the candidates that share the members among processes, with the best that does not, measured in turn."""
    loops = Candidate(0, 1, processes)
    narrow = {at: cost for at, cost in race.costs_us.items() if at.width and at.threads == 1}
    if not narrow:
        return [race.winner(), loops]
    width = min(narrow, key=lambda at: narrow[at]).width
    return [race.winner(), loops, Candidate(min(width, _share(members, most, processes)), 1, processes)]


def _share(members: int, most: int, processes: int) -> int:
    """Return how many members a process has at once, where there is memory for so many in all."""
    return max(1, min(-(-members // processes), most // processes))


def _compiled(race: Race, widths: list[int], *, processes: int, members: int) -> list[Candidate]:
    """Return the best so far and its compiled kin, in one process and on every core: one program serves both."""
    stacked = [at for at in race.costs_us if at.width]
    best = min(stacked, key=lambda at: race.costs_us[at], default=Candidate(widths[0], 1))
    width = min(best.width, _cached(race.task), -(-members // processes))
    alone = Candidate(width, best.threads if processes == 1 else 1, compiled=True)
    return [race.winner(), *dict.fromkeys([alone, replace(alone, processes=processes)])]


def _cached(task: Task) -> int:
    """Return how many members' activations stay in a core's cache, a power of two."""
    fitting = max(1, int(CACHE_BYTES / max(1, activation_bytes(task))))
    return min(MOST_COMPILED, max(FEWEST_COMPILED, 1 << (fitting.bit_length() - 1)))


def _compile_seconds(race: Race) -> float:
    layers = sum(not list(module.children()) for module in race.model.modules())
    return COMPILER_SECONDS + LAYER_SECONDS * layers


def _choose(costs_us: dict[Candidate, float], *, loop_width: int, refusal: str | None, device: str) -> Plan:
    """Return the plan of the cheapest candidate."""
    loop_us = min(cost for candidate, cost in costs_us.items() if candidate.width == 0 and candidate.processes == 1)
    best = min(costs_us, key=lambda candidate: costs_us[candidate] * candidate.handicap)
    cost = costs_us[best]
    reason = "" if best.width else refusal or f"{LOOP}: for this model on this machine that is as fast as stacked."
    return Plan(
        "stacked" if best.width else "serial",
        best.width or loop_width,
        threads=best.threads,
        processes=best.processes,
        compiled=best.compiled,
        device=device,
        config_step_us=cost,
        loop_us=loop_us,
        reason=reason,
    )


def _refusal(task: Task, device: str) -> str | None:
    """Return one line that says why the model cannot be stacked, or ``None`` where it can."""
    try:
        fleet = launch(task, [DEFAULT_RECIPE] * 2, seed=0, plan=Plan("stacked", 2, device=device))
        fleet.train(1)
        fleet.evaluate("valid")
    except Exception as error:  # torch.func refuses a model with many kinds of error
        cause = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return f"{LOOP}, for this model cannot be stacked: {cause[:160]}"
    return None
