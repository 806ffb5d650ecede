"""Regret: how much worse than the grid's best a recommended training is.

    regret = log(mean loss of the recommendation / mean loss of the grid's best), both on the same ten fresh seeds

The best is that of all lengths: who recommends a training that overfits pays for it, and who recommends a shorter one
is judged by what that gives. What is judged is kept; a recommendation that is clearly bad after one seed or three has
no more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import numpy as np

from benchmarks import records
from benchmarks.regret.grid import FOLDER, FRESH_SEEDS
from benchmarks.regret.training import train
from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.task import Task

Setting = tuple[str, int]
# After so many seeds a recommendation whose mean is above the best one's by this factor is trained no more.
SCREENS = ((1, 3.0), (3, 1.6))
# Recipes that no fleet trains: the contestant's own plain loop does.
OWN_LOOPS = {"prodigy": "benchmarks.contestants.prodigy", "schedulefree": "benchmarks.contestants.schedule_free"}


def regret(losses: Sequence[float], best: Sequence[float]) -> float:
    """Return the logarithm of the ratio of the mean losses, on the seeds that both have; infinite where one diverged.

    Example:
        >>> round(regret([0.2, 0.4], [0.1, 0.2, 9.0]), 3)
        0.693
    """
    if not losses or not all(map(math.isfinite, losses)):
        return math.inf
    return math.log(float(np.mean(losses)) / float(np.mean(best[: len(losses)])))


@dataclass(slots=True)
class Judge:
    """Judges recommendations for one task.

    Attributes:
        name: The task's name in the benchmark.
        best: The losses of the grid's best setting on the fresh seeds.
        known: The losses of every recommendation so far, by recipe and length.
    """

    name: str
    best: Sequence[float]
    known: dict[Setting, list[float]] = field(default_factory=dict)

    @classmethod
    def load(cls, name: str, best: Sequence[float], folder: Path = FOLDER) -> Judge:
        """Return a judge with all that was judged before."""
        data = records.read(path_of(name, folder), {"judged": []})
        known = {(row["recipe"], row["steps"]): records.losses(row["losses"]) for row in data["judged"]}
        return cls(name, best, known)

    def save(self, folder: Path = FOLDER) -> None:
        rows = [
            {"recipe": recipe, "steps": steps, "losses": records.numbers(losses)}
            for (recipe, steps), losses in sorted(self.known.items())
        ]
        records.write(path_of(self.name, folder), {"task": self.name, "judged": rows})

    def regret(self, recipe: str | None, steps: int) -> float | None:
        """Return the regret of a recommendation: infinite where there is none, ``None`` where it was not judged."""
        if recipe is None:
            return math.inf
        losses = self.known.get((recipe, steps))
        return None if losses is None else regret(losses, self.best)

    def judge(self, task: Task, plan: Plan, settings: Iterable[Setting]) -> None:
        """Train recommendations on the fresh seeds, as far as the screens let them."""
        alive = [setting for setting in dict.fromkeys(settings) if setting not in self.known]
        found: dict[Setting, list[float]] = {setting: [] for setting in alive}
        done = 0
        for count, most in (*SCREENS, (len(FRESH_SEEDS), math.inf)):
            for setting, losses in zip(alive, _losses(task, plan, alive, FRESH_SEEDS[done:count]), strict=True):
                found[setting] += losses
            limit = most * float(np.mean(self.best[:count]))
            alive = [setting for setting in alive if np.mean(found[setting]) <= limit]
            done = count
        self.known |= found


def path_of(name: str, folder: Path = FOLDER) -> Path:
    return folder / f"judged-{name}.json"


def _losses(task: Task, plan: Plan, settings: Sequence[Setting], seeds: Sequence[int]) -> list[list[float]]:
    in_fleet = [setting for setting in settings if setting[0] not in OWN_LOOPS]
    trained = train(task, plan, [(Recipe.parse(recipe), steps) for recipe, steps in in_fleet], seeds)
    found = dict(zip(in_fleet, trained, strict=True))
    for recipe, steps in settings:
        if recipe in OWN_LOOPS:
            own = import_module(OWN_LOOPS[recipe])
            found[recipe, steps] = [own.train(task.with_length(steps=steps), seed=seed) for seed in seeds]
    return [found[setting] for setting in settings]
