"""Trains the settings of an inquiry: all of a seed from the same start, on the same batches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from surefoot.diagnosis.course import Course, Follower
from surefoot.diagnosis.inquiry import COOLDOWN, FULL, Order
from surefoot.diagnosis.settings import Plane, Setting
from surefoot.fleet import LocalFleet, launch
from surefoot.fleet.runner import Runner
from surefoot.recipe import Recipe
from surefoot.schedules import cooldown
from surefoot.tasks.task import Task

# A schedule that ends below this share of where it is has its short trainings cooled down.
ENDS_LOWER = 0.5


@dataclass(slots=True)
class Forks:
    """The trainings of one check.

    Attributes:
        task: What is trained.
        plane: The recipe and its changes.
        seed: The first; further ones follow it.
        runner: Trains.
    """

    task: Task
    plane: Plane
    seed: int
    runner: Runner
    _homes: dict[tuple[Setting, int], tuple[LocalFleet, int]] = field(default_factory=dict)
    _own: Follower | None = None

    @property
    def cools(self) -> bool:
        """Whether short trainings have to cool down to be compared."""
        return cools(self.plane.recipe, self.task.total_steps)

    def judge(self, order: Order) -> list[float]:
        """Train what is ordered; return the validation losses.

        Raises:
            Interrupted: If asked to stop.
        """
        self._house(order)
        by_fleet: dict[int, list[Setting]] = {}
        for setting in order.settings:
            by_fleet.setdefault(id(self._homes[setting, order.seed][0]), []).append(setting)
        found: dict[Setting, float] = {}
        for settings in by_fleet.values():
            fleet = self._homes[settings[0], order.seed][0]
            places = [self._homes[setting, order.seed][1] for setting in settings]
            for setting, loss in zip(settings, self._losses(fleet, places, order), strict=True):
                found[setting] = loss
        return [found[setting] for setting in order.settings]

    @property
    def own(self) -> Follower:
        """The recipe's own training on the first seed, as far as it has come."""
        if self._own is None:
            raise ValueError("no order has asked for the recipe itself")
        return self._own

    @property
    def course(self) -> Course:
        """How that went."""
        return self.own.course

    def _house(self, order: Order) -> None:
        """Give every setting that is new a place in a fleet of its seed, with a spare one for its cooldowns."""
        new = [setting for setting in order.settings if (setting, order.seed) not in self._homes]
        if not new:
            return
        spare = self.cools and order.share < FULL
        recipes = [self.plane.recipe_at(setting) for setting in new]
        fleet = launch(self.task, recipes * (2 if spare else 1), seed=self.seed + order.seed, plan=self.runner.plan)
        for place, setting in enumerate(new):
            self._homes[setting, order.seed] = fleet, place
        if self.plane.own in new and order.seed == 0:
            self._own = Follower(fleet, new.index(self.plane.own), self.runner)

    def _losses(self, fleet: LocalFleet, places: list[int], order: Order) -> list[float]:
        target = steps_of(order.share, self.task.total_steps)
        own = self._own
        for step in sorted({int(fleet.step[place]) for place in places}):
            together = [place for place in places if int(fleet.step[place]) == step]
            if own is not None and own.fleet is fleet and own.place in together:
                own.follow(target)
                together.remove(own.place)
            self.runner.train(fleet, target - step, places=together)
        seen = places
        if self.cools and target < self.task.total_steps:
            seen = self._cooled(fleet, places, target)
        losses = fleet.evaluate("valid", places=seen).loss.tolist()
        return [loss if math.isfinite(loss) else math.inf for loss in losses]

    def _cooled(self, fleet: LocalFleet, places: Sequence[int], step: int) -> list[int]:
        """Return copies of members whose rates have fallen to where their schedules end."""
        total, length = self.task.total_steps, max(1, round(COOLDOWN * step))
        copies = [place + len(fleet.recipes) // 2 for place in places]
        recipes = [_cooling(fleet.recipes[place], step, total, length) for place in places]
        fleet.fork(copies, places, recipes, total=[step + length] * len(places))
        self.runner.train(fleet, length, places=copies)
        return copies


def steps_of(share: float, total: int) -> int:
    """Return the steps of a share of a training, at least one."""
    return max(1, round(total * share))


def cools(recipe: Recipe, total: int) -> bool:
    """Tell whether a recipe's learning rate ends low, so that short trainings must cool down to be compared.

    Example:
        >>> [cools(Recipe.parse(f"sgd(lr={rate})"), 100) for rate in ("cosine(0.1)", "0.1")]
        [True, False]
    """
    return recipe.lr.value(total, total) < ENDS_LOWER * recipe.lr.highest


def _cooling(recipe: Recipe, step: int, total: int, length: int) -> Recipe:
    final = min(recipe.lr.value(total, total), recipe.lr.value(step, total))
    return recipe.with_(lr=cooldown(recipe.lr, step, total, length, final=final))
