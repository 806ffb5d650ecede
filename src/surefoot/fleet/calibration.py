"""Measure which plan trains a task's members fastest on this machine: serial or stacked, width, processes, compiled."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from surefoot.fleet.create_and_save_fleet import create_fleet
from surefoot.fleet.evaluation import evaluate_members
from surefoot.fleet.fleet import Fleet
from surefoot.fleet.forked_processes import available_cores, can_fork
from surefoot.fleet.plan import Plan, activation_bytes, free_bytes, max_width
from surefoot.fleet.training import train_members
from surefoot.recipe.recipe import DEFAULT_RECIPE
from surefoot.tasks.task import Task

# What to measure. Where less work than TINY_WORK_SECONDS is ahead, one stacked width is measured and nothing in
# processes: forking them a few times costs half a second, and they gain at most as much. Where it is less than
# SHORT_WORK_SECONDS, two widths are measured, in processes at once: these were faster wherever cores were idle.
TINY_WORK_SECONDS, SHORT_WORK_SECONDS = 10.0, 60.0
# Widths of stacked candidates, likely winners first.
CANDIDATE_WIDTHS = (16, 8, 32, 4, 64)
# Width of a serial plan: gradients are computed one by one, but this many members share a call of their update rule.
LOOP_WIDTH = 8
# Seconds of a config-step below which one thread is used: in short steps, threads wait longer than they work.
SMALL_STEP_SECONDS = 2e-3
# Bounds on a compiled width, and the bytes of activations that stay in a core's cache: compiled, an operation has
# little overhead, and members whose activations do not fit into the cache slow it down.
MIN_COMPILED_WIDTH, MAX_COMPILED_WIDTH, CORE_CACHE_BYTES = 4, 16, 1.6e6
# Estimated seconds that compiling takes: to load the compiler, and for each layer of the model.
COMPILER_SECONDS, LAYER_SECONDS = 6.0, 2.0
# Share of the time that a compiled step saves (measured: 40 to 70 %), and how many times the seconds of compiling it
# must save in the work ahead; chosen.
COMPILED_SAVING, MIN_COMPILE_PAYOFF = 0.5, 2.0

# How to measure it. Share of the work ahead that measuring may take, and its bounds in seconds; chosen.
TIMING_SHARE_OF_WORK = 0.1
MIN_TIMING_SECONDS, MAX_TIMING_SECONDS = 0.2, 1.5
# Number of rounds; a candidate's cost is that of its fastest round.
TIMING_ROUNDS = 4
# Seconds of one candidate's round, and of a candidate with several processes: these take long to start, and in rounds
# of 0.1 s they measured no faster than one process where they were a quarter to a half faster in real trainings.
TIMING_ROUND_SECONDS, FORKED_TIMING_ROUND_SECONDS = 0.03, 0.25
# Number of members that the loop is timed with.
LOOP_MEMBERS = 4
# Minimum number of candidates that are timed, however long their first steps take.
MIN_CANDIDATES = 2
# A candidate whose first step costs more than this multiple of the cheapest one's is not timed further.
MAX_FIRST_STEP_RATIO = 3.0

# By how much a candidate must be faster to win over a simpler one. Stacked over the loop: what timing can resolve.
STACKED_MARGIN = 1.05
# Several threads over one: when another program uses the cores, threads that wait for each other in tiny kernels
# become ten to thirty times slower, and one thread loses nothing.
THREADS_MARGIN = 1.3
# Several processes over one: they lose little to another program, but take memory.
PROCESSES_MARGIN = 1.05

SERIAL_REASON = "members train one after another"
# Length of an error message of torch that is quoted in a reason.
MAX_CAUSE_LENGTH = 160


@dataclass(frozen=True, slots=True)
class CandidatePlan:
    """A plan to be timed.

    Attributes:
        width: Number of members that are stacked; 0 for the loop of the serial backend.
        threads: Number of threads of torch.
        processes: Number of processes that share the members.
        compiled: Whether the step is compiled.
    """

    width: int
    threads: int
    processes: int = 1
    compiled: bool = False

    @property
    def members(self) -> int:
        """Number of members of each process while it is timed."""
        return self.width or LOOP_MEMBERS

    @property
    def penalty(self) -> float:
        """Factor on its cost before it is compared with others: the margin by which it must be faster."""
        stacked = STACKED_MARGIN if self.width else 1.0
        return stacked * (THREADS_MARGIN if self.threads > 1 else PROCESSES_MARGIN if self.processes > 1 else 1.0)


LOOP_CANDIDATE = CandidatePlan(0, 1)


def calibrate(
    task: Task,
    *,
    members: int,
    config_steps: int | None = None,
    device: str = "cpu",
    notify: Callable[[str], None] = lambda _: None,
    free: int | None = None,
) -> Plan:
    """Time candidate plans on a task and return the fastest.

    The candidates are the loop, with one thread and with all; the stacked program at several widths; both in one
    process for each core; and the stacked program compiled, where the work ahead pays for compiling. All train on the
    task's own data for a few steps, in turn and in several rounds. The cost of a candidate is that of its fastest
    round, which other programs disturb least. The less work is ahead, the fewer candidates are timed; where it is
    little, the loop and one width are, and the faster one is shared among the cores without timing that. No candidate
    is wider than half of the free memory allows, or than there will be members. The plan changes the results of
    trials by rounding only.

    Args:
        task: The task that will be trained.
        members: Number of recipes that will be trained at a time.
        config_steps: Number of config-steps ahead, which bounds the time of measuring and compiling. Where it is not
            known, measuring takes its full time and nothing is compiled.
        device: Torch device to train on.
        notify: Called with one line of text, such as why members are not stacked.
        free: Free memory in bytes; that of the device by default.

    Returns:
        The plan; its ``reason`` says why where members train one after another.
    """
    free = free_bytes(device) if free is None else free
    width_limit = max(1, min(members, max_width(task, free=free)))
    not_stacked = _why_not_stacked(task, members=members, width_limit=width_limit, device=device)
    timer = CandidateTimer(task, device)
    step_seconds = timer.first_step(LOOP_CANDIDATE)
    generator = CandidateGenerator.of(
        members=members,
        width_limit=width_limit,
        processes=min(available_cores(), members, width_limit) if can_fork() and device == "cpu" else 1,
        threads=torch.get_num_threads() if step_seconds > SMALL_STEP_SECONDS else 1,
        can_stack=not_stacked is None,
    )
    work_seconds = math.inf if config_steps is None else config_steps * step_seconds
    _time_candidates(timer, generator, work_seconds)
    seconds_ahead = 1e-6 * (config_steps or 0) * timer.costs_us[timer.fastest()]
    if generator.widths and COMPILED_SAVING * seconds_ahead > MIN_COMPILE_PAYOFF * _compile_seconds(timer):
        timer.run(generator.compiled(timer), seconds=_timing_seconds(work_seconds))
    plan = choose_plan(timer.costs_us, loop_width=min(LOOP_WIDTH, width_limit), not_stacked=not_stacked, device=device)
    if generator.processes > 1 and work_seconds < TINY_WORK_SECONDS:
        width = min(plan.width, generator.members_per_process)
        plan = replace(plan, width=width, threads=1, processes=generator.processes)
    for line in (*timer.notes, plan.reason):
        if line:
            notify(line)
    return plan


def choose_plan(costs_us: dict[CandidatePlan, float], *, loop_width: int, not_stacked: str | None, device: str) -> Plan:
    """Return the plan of the cheapest candidate, margins included.

    Args:
        costs_us: Cost of a config-step of each candidate in microseconds, the loop among them.
        loop_width: Width of the plan if the loop is the cheapest.
        not_stacked: Why members cannot be stacked, or ``None`` where they can.
        device: Torch device to train on.
    """
    best = _cheapest(costs_us)
    no_faster = f"{SERIAL_REASON}: for this model on this machine that is as fast as stacked."
    return Plan(
        "stacked" if best.width else "serial",
        best.width or loop_width,
        threads=best.threads,
        processes=best.processes,
        compiled=best.compiled,
        device=device,
        config_step_us=costs_us[best],
        loop_us=min(cost for plan, cost in costs_us.items() if plan.width == 0 and plan.processes == 1),
        reason="" if best.width else not_stacked or no_faster,
    )


@dataclass(slots=True)
class CandidateTimer:
    """Times candidates on a task.

    Attributes:
        task: The task that they train.
        device: Torch device that they train on.
        costs_us: Cost of a config-step of each candidate in microseconds: that of its fastest round.
        notes: Lines that the candidates' fleets reported, such as that compiling failed.
    """

    task: Task
    device: str
    costs_us: dict[CandidatePlan, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _spent: float = 0.0
    _fleets: dict[CandidatePlan, Fleet] = field(default_factory=dict)
    _first_step_seconds: dict[CandidatePlan, float] = field(default_factory=dict)

    @property
    def model(self) -> nn.Module:
        """The model that the candidates train."""
        return next(iter(self._fleets.values())).model

    def run(self, candidates: Iterable[CandidatePlan], *, seconds: float) -> None:
        """Time candidates in turn, in several rounds, for about the given time.

        Candidates whose first step is far slower than the fastest one's take no part in the rounds. Where first steps
        alone take the given time, the remaining candidates are not timed, so likely winners should come first. Only
        timed steps count: compiling does not, and first steps do not shorten the rounds.

        Args:
            candidates: The candidates, likely winners first.
            seconds: Time for all first steps, and again for all rounds.
        """
        start = self._spent
        first: dict[CandidatePlan, float] = {}
        for candidate in candidates:
            if len(first) >= MIN_CANDIDATES and self._spent - start > seconds:
                break
            first[candidate] = self.first_step(candidate)
        slowest = MAX_FIRST_STEP_RATIO * min(first.values())
        remaining = [candidate for candidate, cost in first.items() if candidate.width == 0 or cost < slowest]
        start = self._spent
        for number in range(TIMING_ROUNDS):
            if number and self._spent - start > seconds:
                break
            for candidate in remaining:
                self._time_round(candidate)

    def first_step(self, candidate: CandidatePlan) -> float:
        """Return the seconds of a candidate's first config-step, without creating its fleet and compiling its step."""
        if candidate not in self._first_step_seconds:
            fleet = self._fleets[candidate] = self._create_fleet(candidate)
            if candidate.compiled or not self._first_step_seconds:  # the first step in a process initialises torch
                train_members(fleet, 1)
            self._first_step_seconds[candidate] = self._time_steps(fleet, self._steps_to_start(candidate))
        return self._first_step_seconds[candidate]

    def fastest(self) -> CandidatePlan:
        """Return the cheapest candidate so far, margins included."""
        return _cheapest(self.costs_us)

    def _steps_to_start(self, candidate: CandidatePlan) -> int:
        """Return the steps of the first measurement: one, or enough to outlast the start of processes."""
        if candidate.processes == 1:
            return 1
        cheapest = min(self._first_step_seconds.values(), default=FORKED_TIMING_ROUND_SECONDS)
        return max(1, round(FORKED_TIMING_ROUND_SECONDS / (cheapest * candidate.members)))

    def _time_round(self, candidate: CandidatePlan) -> None:
        fleet = self._fleets[candidate]
        if candidate.compiled and not fleet.compiled:
            return
        config_step = min(self._first_step_seconds[candidate], 1e-6 * self.costs_us.get(candidate, math.inf))
        seconds = FORKED_TIMING_ROUND_SECONDS if candidate.processes > 1 else TIMING_ROUND_SECONDS
        steps = max(1, round(seconds / (config_step * len(fleet.recipes))))
        cost = 1e6 * self._time_steps(fleet, steps)
        self.costs_us[candidate] = min(cost, self.costs_us.get(candidate, cost))

    def _create_fleet(self, candidate: CandidatePlan) -> Fleet:
        plan = Plan(
            "stacked" if candidate.width else "serial",
            candidate.width or 1,
            threads=candidate.threads,
            processes=candidate.processes,
            compiled=candidate.compiled,
            device=self.device,
        )
        recipes = [DEFAULT_RECIPE] * (candidate.members * candidate.processes)
        fleet = create_fleet(self.task, recipes, seed=0, plan=plan)
        fleet.notify = self.notes.append
        return fleet

    def _time_steps(self, fleet: Fleet, steps: int) -> float:
        """Return the seconds of a config-step, measured over some steps."""
        fleet.config_step_seconds = None  # so that it forks however little there is to do
        start = time.perf_counter()
        train_members(fleet, steps)
        if torch.device(self.device).type == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - start
        self._spent += seconds
        return seconds / (steps * len(fleet.recipes))


@dataclass(frozen=True, slots=True)
class CandidateGenerator:
    """Lists the candidates that are worth timing for a task, its members and this machine.

    Attributes:
        widths: Stacked widths, likely winners first; empty where the model cannot be stacked.
        members_per_process: Number of members that each process has at once where all processes share them.
        processes: Number of processes that can share the members; 1 where processes cannot be forked.
        threads: Maximum number of threads worth timing.
    """

    widths: tuple[int, ...]
    members_per_process: int
    processes: int
    threads: int

    @classmethod
    def of(cls, *, members: int, width_limit: int, processes: int, threads: int, can_stack: bool) -> CandidateGenerator:
        """Return the generator for some members, with memory for ``width_limit`` of them at once."""
        widths = dict.fromkeys(min(width, width_limit) for width in CANDIDATE_WIDTHS if can_stack)
        members_per_process = max(1, min(-(-members // processes), width_limit // processes))
        return cls(tuple(widths), members_per_process, processes, threads)

    def in_one_process(self, *, widths: int = len(CANDIDATE_WIDTHS)) -> list[CandidatePlan]:
        """Return the loop and the first stacked widths, with one thread and with several.

        Stacked members get several threads only where processes cannot be forked: processes use the cores better than
        the threads of one small program.
        """
        counts = [1] if self.processes > 1 else sorted({1, self.threads})
        stacked = [CandidatePlan(width, count) for width in self.widths[:widths] for count in counts]
        loop_with_threads = [replace(LOOP_CANDIDATE, threads=self.threads)] if self.threads > 1 else []
        return [LOOP_CANDIDATE, *stacked, *loop_with_threads]

    def likely_winners(self) -> list[CandidatePlan]:
        """Return the loop in one process, and the loop and two stacked widths in all processes."""
        widths = dict.fromkeys(min(width, self.members_per_process) for width in self.widths[:2])
        return [LOOP_CANDIDATE, *(CandidatePlan(width, 1, self.processes) for width in (0, *widths))]

    def in_all_processes(self, timer: CandidateTimer) -> list[CandidatePlan]:
        """Return the fastest so far, to be timed again in turn with the loop and the best width in all processes."""
        one_thread = {plan: cost for plan, cost in timer.costs_us.items() if plan.width and plan.threads == 1}
        widths = [0]
        if one_thread:
            widths.append(min(min(one_thread, key=lambda plan: one_thread[plan]).width, self.members_per_process))
        return [timer.fastest(), *(CandidatePlan(width, 1, self.processes) for width in widths)]

    def compiled(self, timer: CandidateTimer) -> list[CandidatePlan]:
        """Return the fastest so far, and compiled candidates of one width, in one process and in all.

        One compiled program serves both.
        """
        stacked = [plan for plan in timer.costs_us if plan.width]
        best = min(stacked, key=lambda plan: timer.costs_us[plan], default=CandidatePlan(self.widths[0], 1))
        width = min(best.width, width_in_cache(timer.task), self.members_per_process)
        alone = CandidatePlan(width, best.threads if self.processes == 1 else 1, compiled=True)
        return [timer.fastest(), *dict.fromkeys([alone, replace(alone, processes=self.processes)])]


def width_in_cache(task: Task) -> int:
    """Return the number of members whose activations stay in a core's cache, a power of two within its bounds."""
    fitting = max(1, int(CORE_CACHE_BYTES / max(1, activation_bytes(task))))
    return min(MAX_COMPILED_WIDTH, max(MIN_COMPILED_WIDTH, 1 << (fitting.bit_length() - 1)))


def _time_candidates(timer: CandidateTimer, generator: CandidateGenerator, work_seconds: float) -> None:
    """Time as many candidates as the work ahead is worth."""
    seconds, forks = _timing_seconds(work_seconds), generator.processes > 1
    if work_seconds < TINY_WORK_SECONDS:
        timer.run(generator.in_one_process(widths=1), seconds=seconds)
    elif forks and work_seconds < SHORT_WORK_SECONDS:
        timer.run(generator.likely_winners(), seconds=seconds)
    else:
        timer.run(generator.in_one_process(), seconds=seconds)
        if forks:
            timer.run(generator.in_all_processes(timer), seconds=seconds)


def _timing_seconds(work_seconds: float) -> float:
    """Return how long a set of candidates may be timed, given the seconds of work ahead."""
    return min(MAX_TIMING_SECONDS, max(MIN_TIMING_SECONDS, TIMING_SHARE_OF_WORK * work_seconds))


def _compile_seconds(timer: CandidateTimer) -> float:
    layers = sum(not list(module.children()) for module in timer.model.modules())
    return COMPILER_SECONDS + LAYER_SECONDS * layers


def _cheapest(costs_us: dict[CandidatePlan, float]) -> CandidatePlan:
    return min(costs_us, key=lambda candidate: costs_us[candidate] * candidate.penalty)


def _why_not_stacked(task: Task, *, members: int, width_limit: int, device: str) -> str | None:
    """Return one line that says why members are not stacked, or ``None`` where they can be."""
    if members == 1:
        return f"{SERIAL_REASON}: there is one at a time."
    if width_limit == 1:
        return f"{SERIAL_REASON}: there is memory for one at a time."
    try:
        fleet = create_fleet(task, [DEFAULT_RECIPE] * 2, seed=0, plan=Plan("stacked", 2, device=device))
        train_members(fleet, 1)
        evaluate_members(fleet, "valid")
    except Exception as error:  # torch.func refuses a model with many types of error
        cause = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return f"{SERIAL_REASON}, because this model cannot be stacked: {cause[:MAX_CAUSE_LENGTH]}"
    return None
