"""What a good setting is, and the judge who finds out.

A setting is good when, trained on ten fresh seeds beside the dense grid's best setting, the upper 90 % bound of the
ratio of their mean losses is at most 1.05.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib import import_module

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from surefoot.fleet import Plan, launch
from surefoot.recipe import Recipe
from surefoot.tasks.task import Task

GOOD = 1.05
CONFIDENCE = 0.90
FRESH_SEEDS = tuple(range(700_001, 700_011))
# After so many of the seeds a setting whose mean is above the best one's by this factor is not looked at further: four
# standard errors of what is seen on the noisiest task, so that no good one is lost.
SCREENS = ((1, 1.6), (3, 1.2))
# Recipes that no fleet trains: the contestant's own plain loop does.
OWN_LOOPS = {"prodigy": "benchmarks.contestants.prodigy", "schedulefree": "benchmarks.contestants.schedule_free"}


def paired_upper_bound(losses: Sequence[float], best: Sequence[float], *, confidence: float = CONFIDENCE) -> float:
    """Return the one-sided upper confidence bound of mean(losses) / mean(best), both on the same seeds.

    It is the largest ratio r that a one-sided paired t test of mean(losses - r * best) = 0 does not reject, the upper
    root of

        (x - r y)² = t²/n (s_xx - 2 r s_xy + r² s_yy)

    with means x and y and sample covariances s. Where a seed diverged, or ``best`` cannot be told from zero, it is
    infinite.

    Reference:
        Fieller (1954), Some problems in interval estimation.
    """
    pairs = np.array([losses, best], dtype=np.float64)
    if not np.isfinite(pairs).all():
        return math.inf
    count = pairs.shape[1]
    x, y = pairs.mean(axis=1)
    (s_xx, s_xy), (_, s_yy) = np.cov(pairs) * stats.t.ppf(confidence, count - 1) ** 2 / count
    a, b, c = y * y - s_yy, x * y - s_xy, x * x - s_xx
    if a <= 0 or y <= 0:
        return math.inf
    return float((b + math.sqrt(max(0.0, b * b - a * c))) / a)


def train(task: Task, recipes: Sequence[Recipe], seeds: Sequence[int], plan: Plan) -> NDArray[np.float64]:
    """Return final validation losses ``[recipes, seeds]``, infinite where training diverged."""
    columns = []
    for seed in seeds if recipes else ():
        fleet = launch(task, recipes, seed=seed, plan=plan)
        fleet.train(task.total_steps)
        columns.append(fleet.evaluate("valid").loss.numpy())
    found = np.array(columns, dtype=np.float64).reshape(len(columns), len(recipes)).T
    return np.where(np.isfinite(found), found, np.inf)


@dataclass(slots=True)
class Judge:
    """Judges settings of one task; what was judged once is remembered.

    Attributes:
        task: What is trained.
        plan: How.
        best: The losses of the grid's best setting on the fresh seeds.
        known: The losses of every recipe judged so far; fewer than ten where a screen stopped it.
    """

    task: Task
    plan: Plan
    best: Sequence[float]
    known: dict[str, list[float]] = field(default_factory=dict)

    def good(self, recipe: str) -> bool:
        """Tell whether a recipe that was judged is good."""
        return self.bound(recipe) <= GOOD

    def bound(self, recipe: str) -> float:
        """Return the upper bound of a judged recipe; infinite where a screen stopped it."""
        found = self.known[recipe]
        return paired_upper_bound(found, self.best) if len(found) == len(FRESH_SEEDS) else math.inf

    def judge(self, recipes: Iterable[str], *, screens: Sequence[tuple[int, float]] = SCREENS) -> None:
        """Train recipes on the fresh seeds, as far as the screens let them."""
        alive = [recipe for recipe in dict.fromkeys(recipes) if recipe not in self.known]
        self.known |= {recipe: [] for recipe in alive}
        done = 0
        for seeds, most in (*screens, (len(FRESH_SEEDS), math.inf)):
            for recipe, more in zip(alive, self._train(alive, FRESH_SEEDS[done:seeds]), strict=True):
                self.known[recipe] += more
            limit = most * float(np.mean(self.best[:seeds]))
            alive = [recipe for recipe in alive if np.mean(self.known[recipe]) <= limit]
            done = seeds

    def _train(self, recipes: Sequence[str], seeds: Sequence[int]) -> list[list[float]]:
        in_fleet = [recipe for recipe in recipes if recipe not in OWN_LOOPS]
        found = dict(
            zip(in_fleet, train(self.task, [*map(Recipe.parse, in_fleet)], seeds, self.plan).tolist(), strict=True)
        )
        for recipe in recipes:
            if recipe in OWN_LOOPS:
                own = import_module(OWN_LOOPS[recipe])
                found[recipe] = [own.train(self.task, seed=seed) for seed in seeds]
        return [found[recipe] for recipe in recipes]
