"""What a worker of Ray does: a module of its own, for workers import it by name."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from ray import tune

from benchmarks.contestants.plain_loop import sgd_loop
from benchmarks.entries import ENTRIES
from surefoot.tasks.task import Task

REPORTS = 9
ROOT = Path(__file__).parents[2]


@lru_cache
def task_of(name: str) -> Task:
    """Return a task; a worker reads it once for all its trials."""
    os.chdir(ROOT)
    return ENTRIES[name].load()


def train(config: dict) -> None:
    """Train one setting, reporting the validation loss on the way."""
    task = task_of(config["task"])
    loop = sgd_loop(task, lr=config["lr"], momentum=config["momentum"], seed=config["seed"])
    for report in range(1, REPORTS + 1):
        loop.train_to(round(task.total_steps * report / REPORTS))
        tune.report({"loss": loop.valid_loss()})
