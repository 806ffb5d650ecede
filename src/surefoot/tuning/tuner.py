"""The stages of a tune: range test, search, confirmation, and what they amount to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from surefoot.fleet import launch
from surefoot.fleet.runner import Runner
from surefoot.recipe import DEFAULT_RECIPE, Recipe
from surefoot.schedules import Warmup, scaled
from surefoot.studies import Measurement
from surefoot.tasks.task import Task
from surefoot.tuning.allowance import RAMP_MOMENTUM, Allowance
from surefoot.tuning.assembly import Outlook, confirmed, ramps_of, standings
from surefoot.tuning.confirm import confirm
from surefoot.tuning.conveyor import Conveyor, Terrain
from surefoot.tuning.evidence import Surface
from surefoot.tuning.goal import Goal
from surefoot.tuning.journal import CONFIRM, RANGE, SEARCH, Journal
from surefoot.tuning.likely_settings import likely_settings
from surefoot.tuning.measure import measure_all
from surefoot.tuning.range_test import effective_limit, ramp_recipe
from surefoot.tuning.result import Contestant
from surefoot.tuning.scaling import Transfer
from surefoot.tuning.search import Search
from surefoot.tuning.space import Box, Coordinates, Point, SearchSpace
from surefoot.tuning.strategies import Strategy
from surefoot.tuning.transfer import SEEDS, Change, Transferrer, price

# Seeds of the confirmation lie far from those of the search.
FRESH_SEEDS = 10_000
# Those of the transfer lie so far beyond those of the confirmation, on which the answer was chosen.
TRANSFER_SEEDS = 100
# What a report calls the first two axes of a search.
HYPERPARAMETERS = {"rate": "lr", "memory": "momentum"}


@dataclass(slots=True)
class Tuner:
    """The stages of one tune, each remembered by the journal.

    Attributes:
        changes: Of the task, to which the answer is transferred.
    """

    task: Task
    seed: int
    space: SearchSpace
    strategy: Strategy
    goal: Goal
    allowance: Allowance
    runner: Runner
    journal: Journal
    changes: tuple[Change, ...] = ()

    def run(self) -> Outlook:
        """Go through all stages; what they measured is in the journal.

        Raises:
            Interrupted: If asked to stop.
        """
        budget = round(self.allowance.total * self.task.total_steps)
        self.runner.progress.begin(config_steps=budget + price(self.changes), done=self.journal.done_before())
        if self.changes:
            self.runner.progress.tell(transfer_cost(self.changes, self.task.total_steps))
        coordinates = self._coordinates()
        conveyor = self._search(coordinates)
        surface = Surface.through(conveyor.verdicts)
        finalists = self._finalists(conveyor, surface, coordinates)
        best = finalists[0] if finalists else coordinates.recipe((0.5,) * len(coordinates.axes))
        scheduled = DEFAULT_RECIPE.with_(lr=scaled(best.lr, DEFAULT_RECIPE.lr.highest / best.lr.highest))
        # A dict keeps the order and drops a default that the search found by itself.
        self._confirm([*dict.fromkeys([*finalists, DEFAULT_RECIPE, scheduled])])
        ranked = standings(confirmed(self.journal.measurements(), scheduled=scheduled).values(), goal=self.goal)
        outlook = self._outlook(scheduled, ranked, surface, coordinates, conveyor.box)
        return replace(outlook, transfer=self._transfer(ranked[0].recipe)) if self.changes and ranked else outlook

    def _coordinates(self) -> Coordinates:
        """Ramp the learning rate with every optimizer to see where training breaks, unless the user knows."""
        steps = self.task.total_steps
        if self.space.lr is not None:
            return Coordinates.below(self.space, {}, steps=steps)
        self.runner.progress.stage("range test", config_steps=len(self.space.optimizers) * self.allowance.ramp_steps)
        ramps = ramps_of(self.journal.measure(RANGE, self._ramp))
        limits = {ramp.optimizer: effective_limit([ramp]) for ramp in ramps}
        return Coordinates.below(self.space, limits, steps=steps)

    def _ramp(self) -> tuple[list[Measurement], int]:
        steps = self.allowance.ramp_steps
        recipes = [ramp_recipe(RAMP_MOMENTUM, steps=steps, optimizer=name) for name in self.space.optimizers]
        fresh = partial(launch, self.task, recipes, seed=self.seed, plan=self.runner.plan, total=steps)
        fleet = self.journal.train(RANGE, fresh, steps, task=self.task, runner=self.runner)
        places = range(len(recipes))
        return measure_all(fleet, places, places, stage=RANGE), steps * len(recipes)

    def _search(self, coordinates: Coordinates) -> Conveyor:
        """Search the space; return the conveyor as it stands at the end."""
        ceiling = int(self.allowance.search * self.task.total_steps)
        self.runner.progress.stage(SEARCH, config_steps=ceiling)

        def start() -> Conveyor:
            return Conveyor.begin(
                self.allowance.population,
                total=self.task.total_steps,
                ceiling=ceiling,
                generator=np.random.default_rng(self.seed),
                terrain=terrain_of(coordinates),
                strategy=self.strategy,
            )

        return Search(self.task, coordinates, start, self.runner, self.journal, self.seed, self.goal).run()

    def _finalists(self, conveyor: Conveyor, surface: Surface | None, coordinates: Coordinates) -> list[Recipe]:
        """Return the recipes to confirm: those that came furthest, and the lowest point of the surface through all.

        The best of many noisy judgements was partly lucky; the surface averages over its neighbours.
        """
        reached = [verdict.candidate.point for verdict in conveyor.ranking() if np.isfinite(verdict.loss)]
        chosen: list[Point] = reached[: self.allowance.finalists]
        if self.strategy.smooths and surface is not None:
            lowest = surface.minimum(conveyor.box, generator=np.random.default_rng(self.seed))
            chosen = [*reached[: self.allowance.finalists - 1], lowest]
        return [coordinates.recipe(point) for point in chosen]

    def _confirm(self, recipes: list[Recipe]) -> None:
        """Train recipes on fresh seeds."""
        seeds = [FRESH_SEEDS * (self.seed + 1) + number for number in range(self.allowance.seeds)]
        self.runner.progress.stage(CONFIRM, config_steps=len(recipes) * len(seeds) * self.task.total_steps)
        confirm(self.task, recipes, seeds=seeds, runner=self.runner, journal=self.journal)

    def _outlook(
        self,
        scheduled: Recipe,
        ranked: Sequence[Contestant],
        surface: Surface | None,
        coordinates: Coordinates,
        box: Box,
    ) -> Outlook:
        """Return where the best settings are likely to be, and which of them lie on the edge of what was searched."""
        if not ranked:
            return Outlook(scheduled)
        best, tied = ranked[0], [found.recipe for found in ranked if found.tied]
        if not (best.searched or coordinates.holds(best.recipe)):
            # The default won, and the search tried nothing of its kind: there is no interval to give.
            return Outlook(scheduled)
        generator = np.random.default_rng(self.seed)
        lr, momentum = likely_settings(best.recipe, tied, surface, coordinates, box, generator=generator)
        walls = coordinates.edges(coordinates.point(best.recipe), box) if best.searched else ()
        names = dict.fromkeys(coordinates.axes[axis].name for axis, _ in walls)
        return Outlook(scheduled, lr, momentum, tuple(HYPERPARAMETERS.get(name, name) for name in names))

    def _transfer(self, answer: Recipe) -> Transfer:
        """Return how the answer changes with the task."""
        seeds = [FRESH_SEEDS * (self.seed + 1) + TRANSFER_SEEDS + number for number in range(SEEDS)]
        return Transferrer(answer, seeds, self.goal, self.runner, self.journal).run(self.changes)


def transfer_cost(changes: tuple[Change, ...], steps: int) -> str:
    """Return what a transfer is going to cost, in one line."""
    cost = price(changes)
    return (
        f"transfer: {cost:,} config-steps, as many as {cost / steps:.0f} full trainings, come on top of the budget; "
        "more where the best rate lies far from the answer's."
    )


def terrain_of(coordinates: Coordinates) -> Terrain:
    """Return where a search in some coordinates may look."""

    def warmup(point: Point) -> float:
        schedule = coordinates.recipe(point).lr
        return schedule.length.amount / 100 if isinstance(schedule, Warmup) else 0.0

    return Terrain(len(coordinates.axes), coordinates.outermost, coordinates.edges, warmup)
