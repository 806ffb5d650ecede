"""Confirmation: the best few on fresh seeds, with the default recipe beside them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from surefoot.fleet import LocalFleet, launch
from surefoot.fleet.runner import Runner
from surefoot.recipe import Recipe
from surefoot.tasks.task import Task
from surefoot.trainers import SharpnessProbe
from surefoot.tuning.journal import CONFIRM, Journal
from surefoot.tuning.looks import look, marks
from surefoot.tuning.measure import measure_all


def confirm(task: Task, recipes: Sequence[Recipe], *, seeds: Sequence[int], runner: Runner, journal: Journal) -> None:
    """Train every recipe in full on every seed.

    One fleet a seed, so that all recipes share its initialisation and its batches: comparisons are paired. Fleets train
    side by side, as many as the plan has members at once, for which there is memory. On its way each training is looked
    at now and then, which changes nothing in it (:mod:`surefoot.tuning.looks`). The test data, where the task has
    them, are looked at here for the first time.
    """
    left = [seed for seed in seeds if journal.recall(_stage(seed)) is None]
    at_once = max(1, runner.plan.width * runner.plan.processes // len(recipes))
    for first in range(0, len(left), at_once):
        _train(task, recipes, left[first : first + at_once], runner=runner, journal=journal)


def _train(task: Task, recipes: Sequence[Recipe], seeds: Sequence[int], *, runner: Runner, journal: Journal) -> None:
    begin = time.perf_counter()
    fresh = {_stage(seed): partial(launch, task, recipes, seed=seed, plan=runner.plan) for seed in seeds}
    seen: defaultdict[tuple[str, int], list[SharpnessProbe]] = defaultdict(list)

    def look_at(fleets: Mapping[str, LocalFleet]) -> None:
        for stage, fleet in fleets.items():
            for place, found in look(fleet).items():
                seen[stage, place].append(found)

    halts = dict.fromkeys(marks(task.total_steps), look_at)
    fleets = journal.train_together(fresh, task.total_steps, task=task, runner=runner, halts=halts)
    places = range(len(recipes))
    for stage, fleet in fleets.items():
        measured = measure_all(fleet, places, places, stage=stage, test=task.test is not None)
        found = [
            replace(row, outcome=replace(row.outcome, probes=tuple(seen[stage, place])))
            for place, row in enumerate(measured)
        ]
        seconds = (time.perf_counter() - begin) / len(seeds)
        journal.record(stage, found, config_steps=task.total_steps * len(recipes), seconds=seconds)


def _stage(seed: int) -> str:
    return f"{CONFIRM}/{seed}"
