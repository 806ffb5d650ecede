"""Trains the recipes of an experiment on every seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.core.errors import TaskError
from surefoot.core.progress import Progress
from surefoot.fleet.evaluation import evaluate_members
from surefoot.fleet.launch import launch
from surefoot.fleet.training import Runner
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.task import Task


@dataclass(slots=True)
class Trainer:
    """Trains fleets, one for each seed, and keeps the account.

    Attributes:
        seeds: Of the fleets.
        runner: Trains.
        step_samples: Samples of the step that a config-step is counted in.
        config_steps: What was done so far.
    """

    seeds: Sequence[int]
    runner: Runner
    step_samples: int
    config_steps: float = 0.0

    @property
    def progress(self) -> Progress:
        """Receives what happens."""
        return self.runner.progress

    def courses(
        self, task: Task, recipes: Sequence[Recipe], *, seeds: int | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the losses at every step ``[K, seeds, steps]`` and the validation losses at the end ``[K, seeds]``.

        Raises:
            TaskError: If a loss is below 0: shares and factors of it mean nothing.
        """
        losses, valid = [], []
        for seed in self.seeds[:seeds]:
            fleet = launch(task, recipes, seed=seed, plan=self.runner.plan)
            losses.append(self.runner.train(fleet, task.total_steps).numpy().T)
            valid.append(evaluate_members(fleet, "valid").loss.cpu().numpy())
        found = np.stack(losses, axis=1)
        self.config_steps += found.size * task.step_samples / self.step_samples
        if (found < 0).any():
            raise TaskError(
                f"task {task.name!r}: a training loss is below 0; claims are judged by factors of the loss.",
                hint="add a constant to the loss, so that 0 is its lowest value.",
            )
        return found, np.stack(valid, axis=1).astype(np.float64)
