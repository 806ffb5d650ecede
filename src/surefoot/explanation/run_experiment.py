"""Trains the recipes of a survey on every seed.

Conducts the survey: looks for the usable rates, then trains all that the claims need.

A landscape as what a survey is made of: balls take the place of trainings, starts that of seeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from surefoot.core.errors import BudgetError
from surefoot.core.progress import Interrupted, Progress, Stop
from surefoot.explanation.experiment import STEPS_A_DECADE, Kind, Limits, Optimizer, Survey, Sweep
from surefoot.explanation.range_test import effective_limit, ramp_recipe, read_ramp
from surefoot.explanation.stable_range import LIMIT_STEPS, stable_config_steps
from surefoot.recipe.names import family_of
from surefoot.recipe.recipe import DEFAULT_RECIPE, Recipe
from surefoot.surfaces.descent import descend
from surefoot.surfaces.surface import Surface

RAMP_STEPS = 100
PLAIN, USUAL, ADAM, RMSPROP = Kind(momentum=0.0), Kind(), Kind("adam", 0.9), Kind("rmsprop", 0.0)
RAMPED = (PLAIN, USUAL, ADAM, RMSPROP)
# Rates tried of each kind, quarter decades apart, and how far beyond the ramp's limit the highest lies, in such steps:
# so far that training breaks, where it does.
PLANE_RATES, ADAPTIVE_RATES, DECAY_RATES = 17, 14, 9
BEYOND: dict[Optimizer, int] = {"sgd": 2, "adam": 1, "rmsprop": 4}
STILL = Recipe.of("sgd", lr=0.0, momentum=0.0)
# Fewer steps show no course, more add nothing to what the claims say.
FEWEST_STEPS, MOST_STEPS = 40, 400


class Subject(Protocol):
    """What is surveyed: a task, or a landscape."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def total_steps(self) -> int:
        """Length of a training."""

    def with_length(self, *, steps: int) -> Self:
        """Return it with trainings of another length."""


Surveyed_contra = TypeVar("Surveyed_contra", bound=Subject, contravariant=True)


class Surveyor(Protocol[Surveyed_contra]):
    """Who trains recipes, or rolls balls, on every seed."""

    @property
    def progress(self) -> Progress:
        """Receives what happens."""

    def courses(
        self, task: Surveyed_contra, recipes: Sequence[Recipe], *, seeds: int | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the losses at every step ``[K, seeds, steps]`` and those at the end ``[K, seeds]``."""


SubjectT = TypeVar("SubjectT", bound=Subject)


@dataclass(frozen=True, slots=True)
class Design:
    """What is to be trained.

    Attributes:
        kinds: The sweeps.
        ranges: Whether stable ranges are looked for.
        steps: Length of every training.
        seeds: How many of each.
    """

    kinds: tuple[Kind, ...]
    ranges: bool
    steps: int
    seeds: int

    @property
    def config_steps(self) -> int:
        """The members' steps of all of it, ramps and landmarks included."""
        trainings = sum(map(rates_of, self.kinds)) + 2
        ramps = RAMP_STEPS * len(RAMPED)
        return trainings * self.steps * self.seeds + ramps + self.ranges * stable_config_steps(self.seeds)


def design(task: Subject, kinds: Collection[Kind], *, ranges: bool, seeds: int, ceiling: float | None) -> Design:
    """Return what is to be trained: at most 400 steps, and fewer where the budget asks for it.

    Args:
        task: What is trained.
        kinds: The sweeps that are needed.
        ranges: Whether stable ranges are.
        seeds: How many.
        ceiling: On the members' steps.

    Raises:
        BudgetError: If that leaves fewer than 40 steps.
    """
    ordered = tuple(sorted(kinds, key=lambda kind: (kind.optimizer != "sgd", kind.decay, kind.momentum)))
    wanted = Design(ordered, ranges, min(task.total_steps, MOST_STEPS), seeds)
    if ceiling is None or wanted.config_steps <= ceiling:
        return wanted
    none = Design(ordered, ranges, 0, seeds).config_steps
    steps = math.floor((ceiling - none) / max(1, wanted.config_steps - none) * wanted.steps)
    if steps < min(FEWEST_STEPS, wanted.steps):
        needed = Design(ordered, ranges, min(FEWEST_STEPS, wanted.steps), seeds).config_steps / task.total_steps
        raise BudgetError(
            f"these experiments with {seeds} seeds need at least {needed:.3g}x; given "
            f"{ceiling / task.total_steps:.3g}x.",
            hint="fewer --seeds or one --claim cost less.",
        )
    return Design(ordered, ranges, steps, seeds)


def conduct(
    task: SubjectT,
    plan: Design,
    trainer: Surveyor[SubjectT],
    *,
    ranges: Callable[[SubjectT, float], tuple[Limits, ...]] | None,
) -> Survey:
    """Train all of it.

    Every kind has a fleet of its own on each seed: what one measures does not depend on which others are wanted.

    Args:
        task: What is trained.
        plan: What is to be trained.
        trainer: Trains.
        ranges: Finds the stable ranges, given about where training breaks without momentum; needed if they are wanted.

    Raises:
        Interrupted: If asked to stop.
        TaskError: If a loss is below 0.
    """
    listener = trainer.progress
    listener.stage("ramps", config_steps=RAMP_STEPS * len(RAMPED))
    limits = ramp_limits(task, trainer)
    task = task.with_length(steps=plan.steps)
    listener.stage("standing still, and the default", config_steps=2 * plan.steps * plan.seeds)
    losses, valid = trainer.courses(task, [STILL, DEFAULT_RECIPE])
    still = losses[0]
    lr = np.array([DEFAULT_RECIPE.lr.highest])
    default = Sweep(Kind(), lr, losses[1:], valid[1:], still)
    sweeps = []
    for kind in plan.kinds:
        listener.stage(kind.name, config_steps=rates_of(kind) * plan.steps * plan.seeds)
        rates = grid(limits, kind)
        losses, valid = trainer.courses(task, [kind.recipe(float(rate)) for rate in rates])
        sweeps.append(Sweep(kind, rates, losses, valid, still))
    found: tuple[Limits, ...] = ()
    if plan.ranges and ranges is not None:
        listener.stage("stable ranges", config_steps=stable_config_steps(plan.seeds))
        found = ranges(task, limits[PLAIN])
    return Survey(task.name, plan.steps, plan.seeds, tuple(sweeps), default, found, LIMIT_STEPS if found else 0)


def ramp_limits(task: SubjectT, trainer: Surveyor[SubjectT]) -> dict[Kind, float]:
    """Return about the learning rates at which training breaks, of the kinds that are ramped."""
    recipes = [ramp_recipe(kind.momentum, steps=RAMP_STEPS, optimizer=kind.optimizer) for kind in RAMPED]
    losses, _ = trainer.courses(task.with_length(steps=RAMP_STEPS), recipes, seeds=1)
    limits = {}
    for kind, recipe, course in zip(RAMPED, recipes, losses, strict=True):
        effective = effective_limit([read_ramp(recipe, course.T)])
        limits[kind] = family_of(kind.optimizer).lr(effective, kind.momentum)
    return limits


def grid(limits: Mapping[Kind, float], kind: Kind) -> NDArray[np.float64]:
    """Return the learning rates of a kind, ascending, on the grid of whole quarter decades.

    All momenta at constant rates have the same learning rates, that comparisons go along rows and columns.

    Args:
        limits: About where training breaks.
        kind: The trainings' kind.

    Example:
        >>> grid({PLAIN: 1.0, USUAL: 0.5}, Kind(momentum=0.5))[-3:].tolist()
        [1.0, 1.78, 3.16]
    """
    if kind.decay != "constant":
        limit = limits[USUAL]
    else:
        limit = max(limits[PLAIN], limits[USUAL]) if kind.optimizer == "sgd" else limits[kind]
    beyond = 0 if kind.decay != "constant" else BEYOND[kind.optimizer]
    highest = round(STEPS_A_DECADE * math.log10(limit)) + beyond
    exponents = np.arange(highest - rates_of(kind) + 1, highest + 1) / STEPS_A_DECADE
    return np.array([float(f"{10.0**exponent:.3g}") for exponent in exponents])


def rates_of(kind: Kind) -> int:
    """Return how many learning rates of a kind are tried."""
    return ADAPTIVE_RATES if kind.optimizer != "sgd" else DECAY_RATES if kind.decay != "constant" else PLANE_RATES


# Starts are drawn from this share of the picture around its middle: from its very edge balls would leave it at once.
CENTRAL = 0.8


@dataclass(frozen=True, slots=True)
class Landscape:
    """A surface, and how many steps are taken on it.

    Attributes:
        surface: Where.
        total_steps: Length of a descent.
    """

    surface: Surface
    total_steps: int

    @property
    def name(self) -> str:
        """The surface's."""
        return self.surface.name

    def with_length(self, *, steps: int) -> Landscape:
        """Return it with descents of another length."""
        return replace(self, total_steps=steps)


@dataclass(slots=True)
class Roller:
    """Lets balls roll from a start of each seed, and keeps the account.

    Attributes:
        seeds: Of the starts, and of the noise where there is some.
        progress: Receives what happens.
        stop: Asked before every start.
        config_steps: Steps of balls so far.
    """

    seeds: Sequence[int]
    progress: Progress
    stop: Stop
    config_steps: float = 0.0

    def courses(
        self, task: Landscape, recipes: Sequence[Recipe], *, seeds: int | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the losses above the lowest before each step ``[K, starts, steps]`` and at the end ``[K, starts]``.

        Raises:
            Interrupted: If asked to stop.
        """
        surface, steps = task.surface, task.total_steps
        losses = []
        for seed in self.seeds[:seeds]:
            if self.stop():
                raise Interrupted
            generator = torch.Generator().manual_seed(seed)
            start = start_on(surface, generator)
            way = descend(surface, recipes, steps=steps, start=start, generator=generator)
            # Where rounding goes below the lowest there is nothing left above it.
            losses.append(np.maximum(way.losses - surface.lowest, 0.0))
            self.progress.advance(len(recipes) * steps)
        found = np.stack(losses, axis=1)
        self.config_steps += found[..., 1:].size
        return found[..., :-1], found[..., -1]


def start_on(surface: Surface, generator: torch.Generator) -> tuple[float, ...]:
    """Return a random place in the middle of a surface's picture."""
    low, high = torch.tensor(surface.box, dtype=torch.float64).T
    share = 0.5 + CENTRAL * (torch.rand(len(low), dtype=torch.float64, generator=generator) - 0.5)
    return tuple((low + share * (high - low)).tolist())
