"""Trains the settings of an inquiry: all of a seed from the same start, on the same batches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from torch import Tensor

from surefoot.diagnosis.inquiry import COOLDOWN, FULL, Order
from surefoot.diagnosis.settings import Plane, Setting
from surefoot.fleet import LocalFleet, launch
from surefoot.fleet.runner import Runner
from surefoot.recipe import Recipe
from surefoot.schedules import cooldown
from surefoot.tasks.task import Task

# Looks at the recipe's own validation loss on its way.
LOOKS = 8
# A schedule that ends below this share of where it is has its short trainings cooled down.
ENDS_LOWER = 0.5


@dataclass(slots=True)
class Course:
    """The recipe's own training, as it went.

    Attributes:
        train: Training loss before each step.
        valid: Steps at which the validation loss was looked at, and what it was; the first is before any step.
        cosines: Of successive updates, where they were looked at.
        ratios: Norm of an update over that of the weights, there.
    """

    train: list[float] = field(default_factory=list)
    valid: list[tuple[int, float]] = field(default_factory=list)
    cosines: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)

    @property
    def start(self) -> float:
        """Validation loss before any step."""
        return self.valid[0][1]

    @property
    def final(self) -> float:
        """Validation loss at the end."""
        return self.valid[-1][1]

    @property
    def diverged(self) -> bool:
        """Whether it ended worse than it began, or in no number."""
        return not self.final <= self.start

    @property
    def diverged_at(self) -> int | None:
        """The first step whose training loss is no number."""
        return next((step for step, loss in enumerate(self.train) if not math.isfinite(loss)), None)


@dataclass(slots=True)
class Forks:
    """The trainings of one check.

    Attributes:
        task: What is trained.
        plane: The recipe and its changes.
        seed: The first; further ones follow it.
        runner: Trains.
        course: The recipe's own training on the first seed.
    """

    task: Task
    plane: Plane
    seed: int
    runner: Runner
    course: Course = field(default_factory=Course)
    _homes: dict[tuple[Setting, int], tuple[LocalFleet, int]] = field(default_factory=dict)

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

    def own_member(self) -> tuple[LocalFleet, int]:
        """Return the fleet and the place of the recipe's own training on the first seed."""
        return self._homes[self.plane.own, 0]

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
            self._look(fleet, new.index(self.plane.own))

    def _losses(self, fleet: LocalFleet, places: list[int], order: Order) -> list[float]:
        target = steps_of(order.share, self.task.total_steps)
        own = self._homes.get((self.plane.own, 0))
        for step in sorted({int(fleet.step[place]) for place in places}):
            together = [place for place in places if int(fleet.step[place]) == step]
            if own is not None and own[0] is fleet and own[1] in together:
                self._follow(fleet, own[1], target)
                together.remove(own[1])
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

    def _follow(self, fleet: LocalFleet, place: int, target: int) -> None:
        """Train the recipe's own member, and look at it on the way."""
        total = self.task.total_steps
        for look in range(1, LOOKS + 1):
            until = min(round(total * look / LOOKS), target)
            left = until - int(fleet.step[place])
            if left <= 0:
                continue
            self._train_own(fleet, place, max(left - 2, 0))
            before = [fleet.params[place].clone()]
            for _ in range(min(left, 2)):
                self._train_own(fleet, place, 1)
                before.append(fleet.params[place].clone())
            self._compare(before)
            self._look(fleet, place)

    def _train_own(self, fleet: LocalFleet, place: int, steps: int) -> None:
        if steps:
            self.course.train += self.runner.train(fleet, steps, places=[place])[:, 0].tolist()

    def _compare(self, weights: list[Tensor]) -> None:
        """Take note of two successive updates."""
        updates = [(after - before).double() for before, after in pairwise(weights)]
        norms = [float(update.norm()) for update in updates]
        size = float(weights[-1].double().norm())
        if size > 0 and math.isfinite(norms[-1]):
            self.course.ratios.append(norms[-1] / size)
        if len(updates) == 2 and all(norm > 0 and math.isfinite(norm) for norm in norms):
            self.course.cosines.append(float(updates[0] @ updates[1]) / (norms[0] * norms[1]))

    def _look(self, fleet: LocalFleet, place: int) -> None:
        loss = float(fleet.evaluate("valid", places=[place]).loss[0])
        self.course.valid.append((int(fleet.step[place]), loss))


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
