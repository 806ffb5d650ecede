"""What the survey measured: training losses of many recipes, on the same seeds.

Trains the recipes of an experiment on every seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from surefoot.core.errors import TaskError
from surefoot.core.progress import Progress
from surefoot.explanation.curve import CEILING, end_losses, running_mean, standing
from surefoot.fleet.evaluation import evaluate_members
from surefoot.fleet.launch import launch
from surefoot.fleet.training import Runner
from surefoot.recipe.names import family_of
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.cosine import Cosine
from surefoot.schedules.exponential import Exponential
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.step_decay import StepDecay
from surefoot.surfaces.surface import Surface
from surefoot.tasks.task import Task

Array: TypeAlias = NDArray[np.float64]
Optimizer: TypeAlias = Literal["sgd", "adam", "rmsprop"]
Decay: TypeAlias = Literal["constant", "step", "exponential", "cosine"]
Batch: TypeAlias = Literal["full", "small"]

# Rates are quarter decades apart, and so are the momenta's 1 - momentum by halves: what has the same learning rate, and
# what has the same lr / (1 - momentum), stands on one grid.
STEPS_A_DECADE = 4
RESOLUTION = 10.0 ** (1 / STEPS_A_DECADE)
MOMENTA = (0.0, 0.684, 0.9, 0.968, 0.99)
USUAL_MOMENTUM = 0.9
DECAYS: dict[Decay, type[Schedule]] = {"step": StepDecay, "exponential": Exponential, "cosine": Cosine}


@dataclass(frozen=True, slots=True)
class Kind:
    """What the trainings of a sweep have in common; they differ in their learning rate.

    Attributes:
        optimizer: Its name.
        momentum: SGD's momentum, or beta1; 0 where there is none.
        decay: The learning rate's schedule.

    Example:
        >>> Kind().recipe(0.1).lr.highest, str(Kind(decay="cosine").recipe(0.1)), Kind("adam").name
        (0.1, 'sgd(lr=cosine(0.1), momentum=0.9)', 'adam')
    """

    optimizer: Optimizer = "sgd"
    momentum: float = USUAL_MOMENTUM
    decay: Decay = "constant"

    def recipe(self, lr: float) -> Recipe:
        """Return the recipe at a learning rate."""
        rate = lr if self.decay == "constant" else DECAYS[self.decay](lr)  # type: ignore[call-arg]  # all have a peak
        if self.optimizer != "sgd":
            return Recipe.of(self.optimizer, lr=rate)
        return Recipe.of("sgd", lr=rate, momentum=self.momentum)

    @property
    def name(self) -> str:
        """What people call it."""
        if self.optimizer != "sgd":
            return self.optimizer
        return f"momentum {self.momentum:g}" if self.decay == "constant" else self.decay

    def effective(self, lr: Array) -> Array:
        """Return learning rates as lr / (1 - momentum), where the optimizer sums its gradients."""
        return np.array([family_of(self.optimizer).effective(float(rate), self.momentum) for rate in lr])


@dataclass(frozen=True, eq=False)
class Sweep:
    """Trainings of one kind at several learning rates.

    Attributes:
        kind: What they have in common.
        rates: Learning rates, ascending ``[R]``.
        losses: Training loss at every step ``[R, seeds, steps]``, not finite after divergence.
        valid: Validation loss at the end ``[R, seeds]``.
        still: Training loss of standing still, on the same batches ``[seeds, steps]``.
    """

    kind: Kind
    rates: Array
    losses: Array
    valid: Array
    still: Array

    @cached_property
    def start(self) -> Array:
        """Mean training loss of standing still ``[seeds]``."""
        return np.asarray(self.still.mean(axis=-1))

    @cached_property
    def courses(self) -> Array:
        """Running means of the training loss, over those of standing still ``[R, seeds, steps]``.

        On the same batches: that one is harder than another shows in both and cancels.
        """
        with np.errstate(over="ignore"):  # what is beyond all numbers is out of sight
            shares = running_mean(standing(self.losses / self.start[:, None]))
        return np.minimum(shares / running_mean(self.still / self.start[:, None]), CEILING)

    @cached_property
    def ends(self) -> Array:
        """Where they end, over the loss of standing still ``[R, seeds]``: 1 is nothing learnt."""
        return end_losses(self.courses)

    @cached_property
    def valid_ends(self) -> Array:
        """Validation losses at the end, over the training loss of standing still, likewise at most 1 ``[R, seeds]``."""
        return end_losses(standing(self.valid / self.start)[..., None])

    def diverged(self, place: int) -> int:
        """Return on how many seeds the training at one rate left the numbers."""
        return int((~np.isfinite(self.losses[place])).any(axis=-1).sum())


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """Up to which learning rate training is stable.

    Attributes:
        batch: Whether all samples are one batch, or an eighth of them.
        momentum: SGD's.
        samples: In a batch.
        rates: Largest stable rate on each seed ``[seeds]``.
        reached: On how many seeds training broke at all within the rates tried.
    """

    batch: Batch
    momentum: float
    samples: int
    rates: Array
    reached: int


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """All that was measured.

    Attributes:
        task: The task's name.
        steps: Length of every training.
        seeds: How many.
        sweeps: One for each kind that was asked for.
        default: The default recipe, as a sweep of one rate.
        limits: Stable ranges, if they were asked for.
        limit_steps: Length of the trainings that they were found with.
        first_seed: The first of the seeds; the others follow it.
        surface: The landscape that was surveyed, ``None`` where it was a network.
    """

    task: str
    steps: int
    seeds: int
    sweeps: tuple[Sweep, ...]
    default: Sweep
    limits: tuple[Limits, ...] = ()
    limit_steps: int = 0
    first_seed: int = 0
    surface: Surface | None = None

    @property
    def seed_numbers(self) -> range:
        """The seeds."""
        return range(self.first_seed, self.first_seed + self.seeds)

    def sweep(self, kind: Kind) -> Sweep:
        """Return the sweep of a kind.

        Raises:
            KeyError: If it was not trained.
        """
        for sweep in self.sweeps:
            if sweep.kind == kind:
                return sweep
        raise KeyError(kind)

    def plane(self, momenta: Sequence[float] = MOMENTA) -> list[Sweep]:
        """Return SGD's sweeps at constant rates, one for each momentum."""
        return [self.sweep(Kind(momentum=momentum)) for momentum in momenta]

    def limit(self, batch: Batch, momentum: float) -> Limits:
        """Return a stable range."""
        return next(each for each in self.limits if (each.batch, each.momentum) == (batch, momentum))


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
