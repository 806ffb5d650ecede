"""Runs of contestants on tasks, kept as data, and the judgement of what they recommend."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.regret import grid
from benchmarks.regret.contestants import Contestant, searched
from benchmarks.regret.judge import Judge
from benchmarks.regret.searches import Recommendation
from surefoot.tasks.task import Task


def runs_path(folder: Path = grid.FOLDER) -> Path:
    return folder / "runs.json"


def missing(
    runs: Sequence[dict[str, Any]], name: str, contestants: Sequence[Contestant], draws: int, *, most: float
) -> list[tuple[Contestant, int]]:
    """Return the contestants and draws of a task that have no run which went as far."""
    done = {(run["contestant"], run["draw"]) for run in runs if run["task"] == name and run["most"] >= most}
    return [(each, draw) for draw in range(draws) for each in contestants if (each.name, draw) not in done]


def run_task(name: str, task: Task, waiting: Sequence[tuple[Contestant, int]], *, most: float) -> list[dict[str, Any]]:
    """Run some contestants on a task; return a row for each."""
    rows = []
    together = [(each, draw) for each, draw in waiting if each.searches]
    if together:
        begin = time.perf_counter()
        found = searched(task, [(each.name, draw) for each, draw in together], most=most)
        share = (time.perf_counter() - begin) / len(together)
        rows += [
            _row(name, each, draw, own, most=most, seconds=share)
            for (each, draw), own in zip(together, found, strict=True)
        ]
    for each, draw in waiting:
        if each.once is not None:
            begin = time.perf_counter()
            own = each.once(task, draw, most)
            rows.append(_row(name, each, draw, own, most=most, seconds=time.perf_counter() - begin))
    return rows


def _row(
    name: str, each: Contestant, draw: int, found: Sequence[Recommendation], *, most: float, seconds: float
) -> dict[str, Any]:
    return {
        "task": name,
        "contestant": each.name,
        "draw": draw,
        "most": most,
        "seconds": round(seconds, 2),
        "recommendations": [[point.cost, point.recipe, point.steps] for point in found],
    }


def judge_task(name: str, task: Task, runs: Sequence[dict[str, Any]]) -> Judge:
    """Judge all recommendations for a task that were not judged before."""
    judge = Judge.load(name, grid.truth_of(grid.load(name)).cell.fresh)
    settings = {
        (recipe, steps)
        for run in runs
        if run["task"] == name
        for _, recipe, steps in run["recommendations"]
        if recipe is not None
    }
    waiting = sorted(settings - judge.known.keys())
    if waiting:
        judge.judge(task, grid.plan_of(task), waiting)
        judge.save()
    return judge
