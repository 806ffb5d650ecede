"""Ways to run, timed in turn."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import nn

from surefoot.fleet.fleet import Fleet
from surefoot.fleet.launch import launch
from surefoot.fleet.plan import Plan
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
