"""Ways to run, timed in turn.

The ways to run that are worth measuring on a task.

Which way of running is fastest for this model on this machine: measured, not guessed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from surefoot.fleet.evaluation import evaluate_members
from surefoot.fleet.fleet import Fleet
from surefoot.fleet.launch import launch
from surefoot.fleet.plan import Plan, activation_bytes, free_bytes, widest
from surefoot.fleet.processes import can_fork, cores
from surefoot.fleet.training import train_members
from surefoot.recipe.recipe import DEFAULT_RECIPE
from surefoot.tasks.task import Task

ROUNDS = 4
# The loop is timed with so many members.
LOOP_MEMBERS = 4
# So many candidates are tried however long their first steps take.
FEWEST = 2
# A round of one candidate; processes take longer to begin than this, and would run in longer slices: in rounds of a
# tenth of a second they looked no better than one process where they were a quarter to a half faster.
ROUND_SECONDS, FORKED_ROUND_SECONDS = 0.03, 0.25
# A candidate whose first step costs so many times the cheapest one's takes no part in the rounds.
HOPELESS = 3.0
# A stacked plan must beat the loop by this much: below it the measurement cannot tell.
STACKED_MARGIN = 1.05
# More threads than one must be faster by this much: with a busy neighbour, which may come later, threads that wait for
# each other in tiny kernels become ten to thirty times slower, where one thread loses nothing.
THREADS_MARGIN = 1.3
# Processes lose little to a neighbour, but where they gain nothing they only take memory.
PROCESSES_MARGIN = 1.05


@dataclass(frozen=True, slots=True)
class Candidate:
    """A way to run: the width, 0 for the loop; threads; processes; and whether the step is compiled."""

    width: int
    threads: int
    processes: int = 1
    compiled: bool = False

    @property
    def members(self) -> int:
        """How many members a process is timed with."""
        return self.width or LOOP_MEMBERS

    @property
    def handicap(self) -> float:
        """What its cost is multiplied by before it is compared."""
        stacked = STACKED_MARGIN if self.width else 1.0
        return stacked * (THREADS_MARGIN if self.threads > 1 else PROCESSES_MARGIN if self.processes > 1 else 1.0)


@dataclass(slots=True)
class Race:
    """Times candidates on a task.

    Attributes:
        task: What they train.
        device: Where.
        costs_us: What a config-step costs each, in microseconds: its fastest round.
        said: What the candidates had to say.
    """

    task: Task
    device: str
    costs_us: dict[Candidate, float] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    _spent: float = 0.0
    _fleets: dict[Candidate, Fleet] = field(default_factory=dict)
    _first: dict[Candidate, float] = field(default_factory=dict)

    @property
    def model(self) -> nn.Module:
        """The model that one of them trains."""
        return next(iter(self._fleets.values())).model

    def run(self, candidates: Iterable[Candidate], *, seconds: float) -> None:
        """Time some candidates in turn, several rounds, for about so long.

        A first step of each shows which are hopeless; these take no part in the rounds. Where first steps alone take
        that long, the candidates that are left go without: the likelier ones are to come first. Only steps that are
        timed count: compiling does not, and what the first steps cost is not taken from the rounds.
        """
        begin = self._spent
        first: dict[Candidate, float] = {}
        for at in candidates:
            if len(first) >= FEWEST and self._spent - begin > seconds:
                break
            first[at] = self.first_step(at)
        hopeful = [at for at in first if at.width == 0 or first[at] < HOPELESS * min(first.values())]
        begin = self._spent
        for number in range(ROUNDS):
            if number and self._spent - begin > seconds:
                break
            for at in hopeful:
                self._round(at)

    def first_step(self, at: Candidate) -> float:
        """Return the seconds a config-step of a candidate takes, once what is needed for it is there."""
        if at not in self._first:
            fleet = self._fleets[at] = self._fleet(at)
            if at.compiled or not self._first:  # the first step of all wakes torch up
                train_members(fleet, 1)
            self._first[at] = self._seconds(fleet, self._first_steps(at))
        return self._first[at]

    def _first_steps(self, at: Candidate) -> int:
        """Return how many steps show what a candidate can do: one, but for processes what outlasts their beginning."""
        if at.processes == 1:
            return 1
        cheapest = min(self._first.values(), default=FORKED_ROUND_SECONDS)
        return max(1, round(FORKED_ROUND_SECONDS / (cheapest * at.members)))

    def winner(self) -> Candidate:
        """Return the candidate that is cheapest, its margin counted."""
        return min(self.costs_us, key=lambda at: self.costs_us[at] * at.handicap)

    def _round(self, at: Candidate) -> None:
        fleet = self._fleets[at]
        if at.compiled and not fleet.compiled:
            return
        pace = min(self._first[at], 1e-6 * self.costs_us.get(at, float("inf"))) * len(fleet.recipes)
        length = FORKED_ROUND_SECONDS if at.processes > 1 else ROUND_SECONDS
        cost = 1e6 * self._seconds(fleet, max(1, round(length / pace)))
        self.costs_us[at] = min(cost, self.costs_us.get(at, cost))

    def _fleet(self, at: Candidate) -> Fleet:
        plan = Plan(
            "stacked" if at.width else "serial",
            at.width or 1,
            threads=at.threads,
            processes=at.processes,
            compiled=at.compiled,
            device=self.device,
        )
        members = at.members * at.processes
        fleet = launch(self.task, [DEFAULT_RECIPE] * members, seed=0, plan=plan)
        fleet.tell = self.said.append
        return fleet

    def _seconds(self, fleet: Fleet, steps: int) -> float:
        """Return the seconds that a config-step takes."""
        fleet.pace = None  # it forks however little there is to do
        begin = time.perf_counter()
        train_members(fleet, steps)
        if torch.device(self.device).type == "cuda":
            torch.cuda.synchronize()
        spent = time.perf_counter() - begin
        self._spent += spent
        return spent / (steps * len(fleet.recipes))


# The likelier ones first.
WIDTHS = (16, 8, 32, 4, 64)
# Compiled, the overhead of an operation is small: members that do not fit into the cache slow it down.
FEWEST_COMPILED, MOST_COMPILED, CACHE_BYTES = 4, 16, 1.6e6
LOOP = Candidate(0, 1)


@dataclass(frozen=True, slots=True)
class Ways:
    """What a task, its members and the machine leave to choose from.

    Attributes:
        widths: Of the stacked program, the likelier ones first; none where the model cannot be stacked.
        share: Members that a process has at once, where all share them.
        processes: How many can share the members; 1 where none can be forked.
        threads: How many are worth trying.
    """

    widths: tuple[int, ...]
    share: int
    processes: int
    threads: int

    @classmethod
    def of(cls, *, members: int, most: int, processes: int, threads: int, stacks: bool) -> Ways:
        """Return the ways for so many members, where there is memory for ``most`` at once.

        Where processes can share the members, they use the cores better than the threads of one small program.
        """
        widths = dict.fromkeys(min(width, most) for width in WIDTHS if stacks)
        share = max(1, min(-(-members // processes), most // processes))
        return cls(tuple(widths), share, processes, threads)

    def in_one_process(self, *, widths: int = len(WIDTHS)) -> list[Candidate]:
        """Return the loop and some stacked widths; with more threads as well, stacked only where nothing is forked."""
        stacked = sorted({1} if self.processes > 1 else {1, self.threads})
        more = [replace(LOOP, threads=self.threads)] if self.threads > 1 else []
        return [LOOP, *(Candidate(width, count) for width in self.widths[:widths] for count in stacked), *more]

    def likeliest(self) -> list[Candidate]:
        """Return the loop, and what is probably fastest: the loop and two widths, in processes."""
        shared = dict.fromkeys(min(width, self.share) for width in self.widths[:2])
        return [LOOP, *(Candidate(width, 1, self.processes) for width in (0, *shared))]

    def on_every_core(self, race: Race) -> list[Candidate]:
        """Return the loop and the best width in processes, with the best so far to be measured in turn."""
        narrow = {at: cost for at, cost in race.costs_us.items() if at.width and at.threads == 1}
        widths = [0]
        if narrow:
            widths.append(min(min(narrow, key=lambda at: narrow[at]).width, self.share))
        return [race.winner(), *(Candidate(width, 1, self.processes) for width in widths)]

    def compiled(self, race: Race) -> list[Candidate]:
        """Return the best so far and its compiled kin, in one process and on every core: one program serves both."""
        stacked = [at for at in race.costs_us if at.width]
        best = min(stacked, key=lambda at: race.costs_us[at], default=Candidate(self.widths[0], 1))
        width = min(best.width, cached(race.task), self.share)
        alone = Candidate(width, best.threads if self.processes == 1 else 1, compiled=True)
        return [race.winner(), *dict.fromkeys([alone, replace(alone, processes=self.processes)])]


def cached(task: Task) -> int:
    """Return how many members' activations stay in a core's cache, a power of two."""
    fitting = max(1, int(CACHE_BYTES / max(1, activation_bytes(task))))
    return min(MOST_COMPILED, max(FEWEST_COMPILED, 1 << (fitting.bit_length() - 1)))


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
# What compiling takes, in seconds: loading the compiler, and then for each layer of the model.
COMPILER_SECONDS, LAYER_SECONDS = 6.0, 2.0
# Compiling has spared 40 to 70 % of the time; half of what this promises must be left over when it is paid.
COMPILED_SPARES, PAYS_BACK = 0.5, 2.0
ONE_BY_ONE = "members train one after another"


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
    refusal = _refusal(task, members=members, most=most, device=device)
    race = Race(task, device)
    step_seconds = race.first_step(LOOP)
    ways = Ways.of(
        members=members,
        most=most,
        processes=min(cores(), members, most) if can_fork() and device == "cpu" else 1,
        threads=torch.get_num_threads() if step_seconds > SMALL_STEP_SECONDS else 1,
        stacks=refusal is None,
    )
    work_seconds = math.inf if config_steps is None else config_steps * step_seconds
    _measure(race, ways, work_seconds)
    left = 1e-6 * (config_steps or 0) * race.costs_us[race.winner()]
    if ways.widths and COMPILED_SPARES * left > PAYS_BACK * _compile_seconds(race):
        race.run(ways.compiled(race), seconds=_seconds(work_seconds))
    plan = _choose(race.costs_us, loop_width=min(LOOP_WIDTH, most), refusal=refusal, device=device)
    if ways.processes > 1 and work_seconds < LITTLE_WORK_SECONDS:
        plan = replace(plan, width=min(plan.width, ways.share), threads=1, processes=ways.processes)
    for line in (*race.said, plan.reason):
        if line:
            tell(line)
    return plan


def _measure(race: Race, ways: Ways, work_seconds: float) -> None:
    """Time as many ways as the work ahead is worth."""
    seconds, forks = _seconds(work_seconds), ways.processes > 1
    if work_seconds < LITTLE_WORK_SECONDS:
        race.run(ways.in_one_process(widths=1), seconds=seconds)
    elif forks and work_seconds < SHORT_WORK_SECONDS:
        race.run(ways.likeliest(), seconds=seconds)
    else:
        race.run(ways.in_one_process(), seconds=seconds)
        if forks:
            race.run(ways.on_every_core(race), seconds=seconds)


def _seconds(work_seconds: float) -> float:
    """Return how long a race may take where so much work is ahead."""
    return min(MOST_SECONDS, max(LEAST_SECONDS, SHARE_OF_WORK * work_seconds))


def _compile_seconds(race: Race) -> float:
    layers = sum(not list(module.children()) for module in race.model.modules())
    return COMPILER_SECONDS + LAYER_SECONDS * layers


def _choose(costs_us: dict[Candidate, float], *, loop_width: int, refusal: str | None, device: str) -> Plan:
    """Return the plan of the cheapest candidate."""
    loop_us = min(cost for candidate, cost in costs_us.items() if candidate.width == 0 and candidate.processes == 1)
    best = min(costs_us, key=lambda candidate: costs_us[candidate] * candidate.handicap)
    cost = costs_us[best]
    reason = (
        "" if best.width else refusal or f"{ONE_BY_ONE}: for this model on this machine that is as fast as stacked."
    )
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


def _refusal(task: Task, *, members: int, most: int, device: str) -> str | None:
    """Return one line that says why members are not stacked, or ``None`` where they can be."""
    if members == 1:
        return f"{ONE_BY_ONE}: there is one at a time."
    if most == 1:
        return f"{ONE_BY_ONE}: there is memory for one at a time."
    try:
        fleet = launch(task, [DEFAULT_RECIPE] * 2, seed=0, plan=Plan("stacked", 2, device=device))
        train_members(fleet, 1)
        evaluate_members(fleet, "valid")
    except Exception as error:  # torch.func refuses a model with many kinds of error
        cause = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return f"{ONE_BY_ONE}, for this model cannot be stacked: {cause[:160]}"
    return None
