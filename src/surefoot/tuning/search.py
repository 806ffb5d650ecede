"""The search: the halving conveyor on a fleet."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from surefoot.fleet import LocalFleet, launch
from surefoot.fleet.runner import Runner
from surefoot.recipe import Recipe
from surefoot.schedules import cooldown
from surefoot.studies import Measurement
from surefoot.tasks.task import Task
from surefoot.tuning.conveyor import Conveyor
from surefoot.tuning.goal import Goal, cost_of
from surefoot.tuning.journal import SEARCH, Journal
from surefoot.tuning.measure import measure_all
from surefoot.tuning.rungs import cooldown_at, eighth
from surefoot.tuning.space import Coordinates


@dataclass(slots=True)
class Search:
    """Runs the conveyor's rounds on one fleet of constant width, each place with a spare one for its cooldowns.

    Attributes:
        task: What is trained.
        coordinates: Where the points lie.
        start: Returns the conveyor before its first round; always the same.
        runner: Trains.
        journal: Remembers finished rounds.
        seed: Of the fleet.
        goal: What is made as good as possible.
    """

    task: Task
    coordinates: Coordinates
    start: Callable[[], Conveyor]
    runner: Runner
    journal: Journal
    seed: int
    goal: Goal = "loss"
    conveyor: Conveyor = field(init=False)

    def run(self) -> Conveyor:
        """Go through all rounds; return the conveyor as it stands at the end.

        Raises:
            Interrupted: If asked to stop; a checkpoint is written where there is a study.
        """
        fleet, round_ = self._resume()
        while self.conveyor.training:
            fleet = fleet or self._fresh_fleet()
            fleet = self._round(fleet, round_)
            round_ += 1
        return self.conveyor

    def _resume(self) -> tuple[LocalFleet | None, int]:
        """Go through the recorded rounds without training, as far as there is a fleet to go on with."""
        done = self._replay(until=None)
        if not self.conveyor.training:
            return None, done
        for number in range(done, 0, -1):
            fleet = self._checkpoint(number)
            if fleet is not None:
                self._replay(until=number)
                return fleet, number
        self._replay(until=0)
        return self._checkpoint(0), 0

    def _replay(self, *, until: int | None) -> int:
        """Begin anew and go through the recorded rounds; return how many."""
        self.conveyor, number = self.start(), 0
        while number != until and (recorded := self.journal.recall(_stage(number))) is not None:
            judged = self.conveyor.advance()
            self.conveyor.judge({place: self._cost(found) for place, found in zip(judged, recorded, strict=True)})
            number += 1
        return number

    def _checkpoint(self, number: int) -> LocalFleet | None:
        return self.journal.restore(_stage(number), self.task, self.runner.plan)

    def _fresh_fleet(self) -> LocalFleet:
        recipes = [self._recipe(place) for place in self.conveyor.training]
        return launch(self.task, recipes * 2, seed=self.seed, plan=self.runner.plan)

    def _round(self, fleet: LocalFleet, number: int) -> LocalFleet:
        """Train every candidate an eighth further, judge those at a rung, and refill the freed places."""
        begin = time.perf_counter()
        with self.journal.guarding({_stage(number): fleet}, self.runner):
            cost = self._train_to(fleet)
            judged = self.conveyor.advance()
            found, cooldowns = self._judge(fleet, judged, _stage(number))
        new = self.conveyor.judge({place: self._cost(row) for place, row in zip(judged, found, strict=True)})
        fleet.replace(new, [self._recipe(place) for place in new])
        seconds = time.perf_counter() - begin
        # The next round's checkpoint is written before this round's is dropped: a kill in between loses neither.
        if self.conveyor.training:
            self.journal.save(fleet, _stage(number + 1), now=self.journal.has_checkpoint(_stage(number)))
        self.journal.record(_stage(number), found, config_steps=cost + cooldowns, seconds=seconds)
        self._show_best()
        return fleet

    def _train_to(self, fleet: LocalFleet) -> int:
        """Train every candidate to the end of its next eighth; return the config-steps of a whole such round.

        Places that stand further already, after an interruption, have the less to do.
        """
        left: dict[int, list[int]] = {}
        cost = 0
        for place in self.conveyor.training:
            candidate = self.conveyor.places[place]
            trained = 0 if candidate is None else candidate.trained
            target = eighth(self.task.total_steps, trained + 1)
            cost += target - eighth(self.task.total_steps, trained)
            left.setdefault(target - int(fleet.step[place]), []).append(place)
        for steps, places in left.items():
            self.runner.train(fleet, steps, places=places)
        return cost

    def _judge(self, fleet: LocalFleet, places: list[int], stage: str) -> tuple[list[Measurement], int]:
        """Measure the validation loss of some places, each after the cooldown of a copy unless it has finished.

        Returns:
            The measurements, and the config-steps of the cooldowns.
        """
        unfinished = [place for place in places if fleet.step[place] < self.task.total_steps]
        twins = {place: place + len(self.conveyor.places) for place in unfinished}
        cost = self._cool_down(fleet, twins)
        seen = [twins.get(place, place) for place in places]
        return measure_all(fleet, places, seen, stage=stage), cost

    def _cool_down(self, fleet: LocalFleet, twins: dict[int, int]) -> int:
        """Train copies with a rate that falls from its present value to zero in a quarter of the steps so far."""
        by_step: dict[int, list[int]] = {}
        cost = 0
        for place in twins:
            by_step.setdefault(int(fleet.step[place]), []).append(place)
        for step, places in by_step.items():
            length = self._cooldown_steps(places[0])
            copies = [twins[place] for place in places]
            recipes = [self._cooling(fleet.recipes[place], step, length) for place in places]
            if not _forked(fleet, copies, recipes, step + length):
                fleet.fork(copies, places, recipes, total=[step + length] * len(places))
            self.runner.train(fleet, step + length - int(fleet.step[copies[0]]), places=copies)
            cost += length * len(places)
        return cost

    def _cooling(self, recipe: Recipe, step: int, length: int) -> Recipe:
        return recipe.with_(lr=cooldown(recipe.lr, step, self.task.total_steps, length))

    def _cooldown_steps(self, place: int) -> int:
        candidate = self.conveyor.places[place]
        return 0 if candidate is None else cooldown_at(candidate, self.task.total_steps)

    def _recipe(self, place: int) -> Recipe:
        candidate = self.conveyor.places[place]
        assert candidate is not None  # noqa: S101  (callers ask for occupied places)
        return self.coordinates.recipe(candidate.point)

    def _show_best(self) -> None:
        ranking = self.conveyor.ranking()
        if ranking and np.isfinite(ranking[0].loss):
            best = self.coordinates.recipe(ranking[0].candidate.point)
            self.runner.progress.best(str(best), -ranking[0].loss if self.goal == "metric" else ranking[0].loss)

    def _cost(self, found: Measurement) -> float:
        return cost_of(found, self.goal)


def _forked(fleet: LocalFleet, copies: list[int], recipes: list[Recipe], total: int) -> bool:
    """Tell whether the copies of a cooldown are there already: it was broken off and goes on where it stood."""
    return [fleet.recipes[copy] for copy in copies] == recipes and all(
        int(fleet.total[copy]) == total for copy in copies
    )


def _stage(number: int) -> str:
    return f"{SEARCH}/{number:03d}"
