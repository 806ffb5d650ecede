"""Confirmation: the best few on fresh seeds, with the default recipe beside them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from surefoot.fleet import launch
from surefoot.recipe import Recipe
from surefoot.studies import Measurement
from surefoot.tasks.task import Task
from surefoot.tuning.journal import CONFIRM, Journal
from surefoot.tuning.measure import measure_all
from surefoot.tuning.runner import Runner


def confirm(task: Task, recipes: Sequence[Recipe], *, seeds: Sequence[int], runner: Runner, journal: Journal) -> None:
    """Train every recipe in full on every seed.

    One fleet a seed, so that all recipes share its initialisation and its batches: comparisons are paired. The test
    data, where the task has them, are looked at here for the first time.
    """
    for seed in seeds:
        stage = f"{CONFIRM}/{seed}"
        journal.measure(stage, partial(_train, stage, task, recipes, seed=seed, runner=runner, journal=journal))


def _train(
    stage: str, task: Task, recipes: Sequence[Recipe], *, seed: int, runner: Runner, journal: Journal
) -> tuple[list[Measurement], int]:
    fresh = partial(launch, task, recipes, seed=seed, plan=runner.plan)
    fleet = journal.train(stage, fresh, task.total_steps, task=task, runner=runner)
    places = range(len(recipes))
    found = measure_all(fleet, places, places, stage=stage, test=task.test is not None)
    return found, task.total_steps * len(recipes)
