"""Runners of experiments: they train recipes on a task, or let them descend a surface, on every seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from surefoot.core.errors import TaskError
from surefoot.core.progress import Interrupted, Progress, StopCondition
from surefoot.fleet.create_and_save_fleet import create_fleet
from surefoot.fleet.evaluation import evaluate_members
from surefoot.fleet.training import InterruptibleTraining
from surefoot.recipe.recipe import Recipe
from surefoot.surfaces.descent import descend
from surefoot.surfaces.surface import Surface
from surefoot.tasks.task import Task

Array: TypeAlias = NDArray[np.float64]

# Starts on a surface are drawn from the middle of its box, this share of its width and height: from the very edge
# many recipes would leave the box with their first step. Chosen.
START_BOX_SHARE = 0.8


class Subject(Protocol):
    """What an experiment is run on: a task, or a surface."""

    @property
    def name(self) -> str:
        """Name of the task or surface."""

    @property
    def total_steps(self) -> int:
        """Number of steps of a training."""

    def with_length(self, *, steps: int) -> Self:
        """Return the subject with trainings of another length."""


SubjectT = TypeVar("SubjectT", bound=Subject)
SubjectT_contra = TypeVar("SubjectT_contra", bound=Subject, contravariant=True)


class ExperimentRunner(Protocol[SubjectT_contra]):
    """Measures the loss curves of recipes on every seed."""

    @property
    def progress(self) -> Progress:
        """Receives progress messages."""

    def loss_curves(
        self, subject: SubjectT_contra, recipes: Sequence[Recipe], *, seeds: int | None = None
    ) -> tuple[Array, Array]:
        """Return the losses at every step ``[K, seeds, steps]`` and the validation losses at the end ``[K, seeds]``.

        Args:
            subject: What is trained.
            recipes: The K recipes to train with.
            seeds: Number of seeds to use, the first ones; all of them by default.
        """


@dataclass(slots=True)
class TaskExperimentRunner:
    """Trains recipes on a task: one fleet for each seed.

    Attributes:
        seeds: Seeds of the fleets.
        training: Trains the fleets until it is asked to stop.
        step_samples: Number of samples in a step of the task itself; config-steps are counted in such steps.
        config_steps: Config-steps done so far.
    """

    seeds: Sequence[int]
    training: InterruptibleTraining
    step_samples: int
    config_steps: float = 0.0

    @property
    def progress(self) -> Progress:
        """Receives progress messages."""
        return self.training.progress

    def loss_curves(self, subject: Task, recipes: Sequence[Recipe], *, seeds: int | None = None) -> tuple[Array, Array]:
        """Return the losses at every step ``[K, seeds, steps]`` and the validation losses at the end ``[K, seeds]``.

        Raises:
            TaskError: If a loss is below 0: claims compare losses by their ratio.
            Interrupted: If asked to stop.
        """
        losses, valid = [], []
        for seed in self.seeds[:seeds]:
            fleet = create_fleet(subject, recipes, seed=seed, plan=self.training.plan)
            losses.append(self.training.train(fleet, subject.total_steps).numpy().T)
            valid.append(evaluate_members(fleet, "valid").loss.cpu().numpy())
        curves = np.stack(losses, axis=1)
        self.config_steps += curves.size * subject.step_samples / self.step_samples
        if (curves < 0).any():
            raise TaskError(
                f"task {subject.name!r}: a training loss is below 0; claims compare losses by their ratio.",
                hint="add a constant to the loss, so that 0 is its lowest value.",
            )
        return curves, np.stack(valid, axis=1).astype(np.float64)


@dataclass(frozen=True, slots=True)
class SurfaceSubject:
    """A surface, and the number of steps of a descent on it.

    Attributes:
        surface: The surface.
        total_steps: Number of steps of a descent.
    """

    surface: Surface
    total_steps: int

    @property
    def name(self) -> str:
        """Name of the surface."""
        return self.surface.name

    def with_length(self, *, steps: int) -> SurfaceSubject:
        """Return the surface with descents of another length."""
        return replace(self, total_steps=steps)


@dataclass(slots=True)
class SurfaceExperimentRunner:
    """Lets recipes descend a surface: from one random start for each seed.

    Attributes:
        seeds: Seeds of the starts, and of the surface's noise if it has any.
        progress: Receives progress messages.
        stop: Called before every start; the runner stops when it returns true.
        config_steps: Steps done so far, of all recipes together.
    """

    seeds: Sequence[int]
    progress: Progress
    stop: StopCondition
    config_steps: float = 0.0

    def loss_curves(
        self, subject: SurfaceSubject, recipes: Sequence[Recipe], *, seeds: int | None = None
    ) -> tuple[Array, Array]:
        """Return the losses before each step ``[K, seeds, steps]`` and after the last ``[K, seeds]``.

        Both are differences from the lowest loss of the surface.

        Raises:
            Interrupted: If asked to stop.
        """
        surface, steps = subject.surface, subject.total_steps
        losses = []
        for seed in self.seeds[:seeds]:
            if self.stop():
                raise Interrupted
            generator = torch.Generator().manual_seed(seed)
            start = random_start(surface, generator)
            descent = descend(surface, recipes, steps=steps, start=start, seed=generator)
            # Rounding may go below the lowest loss.
            losses.append(np.maximum(descent.losses - surface.lowest, 0.0))
            self.progress.advance(len(recipes) * steps)
        curves = np.stack(losses, axis=1)
        self.config_steps += curves[..., 1:].size
        return curves[..., :-1], curves[..., -1]


def random_start(surface: Surface, generator: torch.Generator) -> tuple[float, ...]:
    """Return a random point in the middle 80 % of a surface's box."""
    low, high = torch.tensor(surface.box, dtype=torch.float64).T
    share = 0.5 + START_BOX_SHARE * (torch.rand(len(low), dtype=torch.float64, generator=generator) - 0.5)
    return tuple((low + share * (high - low)).tolist())
