"""Records the weights of trainings on the way, and the positions of descents."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surefoot.curvature.mean_loss import MeanLoss
from surefoot.fleet.create_and_save_fleet import create_fleet
from surefoot.fleet.training import InterruptibleTraining
from surefoot.loss_slices.directions import WeightPlane
from surefoot.loss_slices.result import ProjectedTrajectory
from surefoot.recipe.recipe import Recipe
from surefoot.surfaces.descent import Descent
from surefoot.tasks.start_from_checkpoint import load_full_state
from surefoot.tasks.task import Task

# Weights are recorded at this number of steps of a training, and at fewer if all trainings together would keep more
# float32 values than the last: a quarter of a gigabyte.
MAX_RECORDED_STEPS, MIN_RECORDED_STEPS, MAX_RECORDED_VALUES = 60, 8, 1 << 26
# Weights with a loss above this many times the loss at the start are left out. Chosen: they would stretch the picture.
MAX_LOSS_FACTOR = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Trajectory:
    """The recorded weights of one training, as far as their loss is not too high to show.

    Attributes:
        recipe: Recipe of the training.
        steps: Number of steps taken, ascending from 0, shape ``[T]``.
        weights: Weights after these steps, shape ``[T, P]``.
        losses: Losses of these weights on the sample, shape ``[T]``.
        end_loss: Loss after the last step, on the sample; infinite if it is NaN.
        left_at: Step from which on the training is left out; ``None`` if its last step is included.
        diverged_at: First step with a loss that is NaN or infinite, or ``None``.
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
        """Whether the recorded weights differ from each other."""
        return bool((self.weights != self.weights[0]).any())

    def project(self, plane: WeightPlane) -> ProjectedTrajectory:
        """Return the trajectory projected onto a plane."""
        projections = [plane.project(weights) for weights in self.weights]
        squared_length = float((self.weights[-1] - self.weights[0]).double().square().sum())
        difference = torch.as_tensor(projections[-1][0] - projections[0][0]).to(plane.axes)
        squared_length_in_plane = float((difference @ plane.axes).double().square().sum())
        return ProjectedTrajectory(
            recipe=self.recipe,
            steps=self.steps,
            points=np.array([point for point, _ in projections]),
            losses=self.losses,
            distances=np.array([distance for _, distance in projections]),
            share_in_plane=min(1.0, squared_length_in_plane / squared_length) if squared_length else 1.0,
            end_loss=self.end_loss,
            left_at=self.left_at,
            diverged_at=self.diverged_at,
        )


def recorded_steps(steps: int, *, weights: int) -> list[int]:
    """Return after how many steps weights are recorded: more often at the beginning, where they move most.

    Args:
        steps: Number of steps of the training.
        weights: Number of weights of all trainings together.

    Example:
        >>> recorded_steps(100, weights=1 << 23)
        [0, 2, 6, 14, 25, 39, 56, 77, 100]
    """
    count = max(MIN_RECORDED_STEPS, min(MAX_RECORDED_STEPS, MAX_RECORDED_VALUES // max(1, weights)))
    shares = np.linspace(0.0, 1.0, count + 1) ** 2
    return [*map(int, np.unique(np.round(steps * shares)))]


def train_trajectories(
    task: Task, recipes: Sequence[Recipe], *, loss: MeanLoss, seed: int, training: InterruptibleTraining
) -> tuple[Trajectory, ...]:
    """Train recipes as one fleet and return their trajectories.

    Args:
        task: What is trained.
        recipes: One recipe for each training.
        loss: The mean loss over the sample; the weights of its model are overwritten.
        seed: Seed of initialisation and data order.
        training: Trains the fleet.

    Raises:
        Interrupted: If asked to stop.
    """
    fleet = create_fleet(task, recipes, seed=seed, plan=training.plan)
    members = range(len(recipes))
    steps = recorded_steps(task.total_steps, weights=len(recipes) * loss.size)
    weights: list[list[Tensor]] = [[] for _ in members]
    losses: list[list[float]] = [[] for _ in members]
    for last_step, step in zip([0, *steps], steps, strict=False):
        training.train(fleet, step - last_step)
        for member in members:
            load_full_state(loss.model, fleet.state_dict(member))
            weights[member].append(loss.parameter_vector())
            losses[member].append(loss.value())
    diverged_at = [int(step) for step in fleet.diverged_at]
    return tuple(
        _trajectory(
            recipe,
            steps,
            weights=torch.stack(weights[member]),
            losses=losses[member],
            diverged_at=diverged_at[member] if diverged_at[member] >= 0 else None,
        )
        for member, recipe in enumerate(recipes)
    )


def descent_trajectories(descent: Descent) -> tuple[Trajectory, ...]:
    """Return the trajectories of a descent on a surface, whose weights are the positions."""
    steps = recorded_steps(descent.steps, weights=descent.positions.shape[-1])
    trajectories = []
    for recipe, positions, losses in zip(descent.recipes, descent.positions, descent.losses, strict=True):
        non_finite = np.flatnonzero(~np.isfinite(losses))
        trajectories.append(
            _trajectory(
                recipe,
                steps,
                weights=torch.from_numpy(positions[steps]),
                losses=losses[steps].tolist(),
                diverged_at=int(non_finite[0]) if non_finite.size else None,
            )
        )
    return tuple(trajectories)


def _trajectory(
    recipe: Recipe, steps: list[int], *, weights: Tensor, losses: list[float], diverged_at: int | None
) -> Trajectory:
    """Return a trajectory without the weights whose loss is too high."""
    highest = losses[0] + (MAX_LOSS_FACTOR - 1.0) * abs(losses[0])
    included = [index for index, loss in enumerate(losses) if index == 0 or loss <= highest]
    first_left_out = included[-1] + 1
    return Trajectory(
        recipe=recipe,
        steps=np.array(steps)[included],
        weights=weights[included],
        losses=np.array(losses)[included],
        end_loss=losses[-1] if math.isfinite(losses[-1]) else math.inf,
        left_at=steps[first_left_out] if first_left_out < len(steps) else None,
        diverged_at=diverged_at,
    )
