"""Trainings, and where their weights were on the way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surefoot.curvature.mean_loss import MeanLoss
from surefoot.fleet.launch import launch
from surefoot.fleet.training import Runner
from surefoot.loss_slices.directions import Plane
from surefoot.loss_slices.result import Way
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.checkpoint import load_whole_state
from surefoot.tasks.task import Task

# Weights are kept at so many steps of a training, or at as few as leave all that is kept below so many numbers.
MOST_MARKS, FEWEST_MARKS, MOST_NUMBERS = 60, 8, 1 << 26
# A training whose loss is above this many times its start is out of the picture.
CEILING = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """One training's weights on its way, where they are in the picture.

    Attributes:
        recipe: Trained by it.
        steps: Steps taken, ascending from 0 ``[T]``.
        weights: ``[T, P]``.
        losses: On the sample ``[T]``.
        end_loss: On the sample after the last step; infinite where it is no number.
        left_at: Step from which on it was out of the picture, ``None`` where its end is in it.
        diverged_at: Step of its first loss that was no number, or ``None``.
    """

    recipe: Recipe
    steps: NDArray[np.int64]
    weights: Tensor
    losses: NDArray[np.float64]
    end_loss: float
    left_at: int | None
    diverged_at: int | None

    @property
    def moved(self) -> bool:
        """Whether there is a way to see."""
        return bool((self.weights != self.weights[0]).any())

    def beside(self, plane: Plane) -> Way:
        """Return its way past a plane."""
        shadows = [plane.shadow(weights) for weights in self.weights]
        whole = float((self.weights[-1] - self.weights[0]).double().square().sum())
        apart = shadows[-1][0] - shadows[0][0]
        inside = float((torch.as_tensor(apart).to(plane.axes) @ plane.axes).double().square().sum())
        return Way(
            recipe=self.recipe,
            steps=self.steps,
            places=np.array([place for place, _ in shadows]),
            losses=self.losses,
            away=np.array([away for _, away in shadows]),
            within=min(1.0, inside / whole) if whole else 1.0,
            end_loss=self.end_loss,
            left_at=self.left_at,
            diverged_at=self.diverged_at,
        )


def marks(steps: int, *, numbers: int) -> list[int]:
    """Return after how many steps weights are kept: the closer the earlier, as the first steps go furthest.

    Args:
        steps: Of the whole training.
        numbers: Weights of all trainings together.

    Example:
        >>> marks(100, numbers=1 << 23)
        [0, 2, 6, 14, 25, 39, 56, 77, 100]
    """
    count = max(FEWEST_MARKS, min(MOST_MARKS, MOST_NUMBERS // max(1, numbers)))
    places = np.linspace(0.0, 1.0, count + 1) ** 2
    return [*map(int, np.unique(np.round(steps * places)))]


def passages(
    task: Task, recipes: Sequence[Recipe], loss: MeanLoss, *, seed: int, runner: Runner
) -> tuple[Passage, ...]:
    """Train recipes side by side and return their passages.

    Args:
        task: What is trained.
        recipes: One for each training.
        loss: On the sample; its model is lent to the trainings' weights.
        seed: Of initialisation and data order.
        runner: Trains.

    Raises:
        Interrupted: If asked to stop.
    """
    fleet = launch(task, recipes, seed=seed, plan=runner.plan)
    places = range(len(recipes))
    steps = marks(task.total_steps, numbers=len(recipes) * loss.size)
    weights: list[list[Tensor]] = [[] for _ in places]
    losses: list[list[float]] = [[] for _ in places]
    for before, step in zip([0, *steps], steps, strict=False):
        runner.train(fleet, step - before)
        for place in places:
            load_whole_state(loss.model, fleet.state_dict(place))
            weights[place].append(loss.place())
            losses[place].append(loss.value())
    diverged = [int(each) for each in fleet.diverged_at]
    return tuple(
        _passage(recipe, steps, torch.stack(weights[place]), losses[place], diverged[place])
        for place, recipe in enumerate(recipes)
    )


def _passage(recipe: Recipe, steps: list[int], weights: Tensor, losses: list[float], diverged_at: int) -> Passage:
    highest = losses[0] + (CEILING - 1.0) * abs(losses[0])
    seen = [place for place, loss in enumerate(losses) if place == 0 or loss <= highest]
    last = seen[-1] + 1
    return Passage(
        recipe,
        np.array(steps)[seen],
        weights[seen],
        np.array(losses)[seen],
        losses[-1] if math.isfinite(losses[-1]) else math.inf,
        steps[last] if last < len(steps) else None,
        diverged_at if diverged_at >= 0 else None,
    )
