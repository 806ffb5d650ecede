"""Chooses the plane of weight space that a slice shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from surefoot.core.errors import TaskError
from surefoot.curvature.hessian import EigenvalueUnavailable
from surefoot.curvature.mean_loss import MeanLoss
from surefoot.loss_slices.directions import WeightPlane, hessian_directions, principal_directions, random_directions
from surefoot.loss_slices.result import SliceAlong
from surefoot.loss_slices.trajectory import Trajectory

# Along the Hessian the plane extends so far that the quadratic model has risen by this share of what the training
# gained. Chosen.
VISIBLE_RISE_SHARE = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class PlaneChoice:
    """A plane and how it was chosen.

    Attributes:
        plane: The plane.
        axis_values: One number for each axis, see :class:`LossSlice`.
        description: One sentence that says how the plane was chosen.
        min_extent: The figure extends at least this far from the origin along both axes.
    """

    plane: WeightPlane
    axis_values: tuple[float, float] | None
    description: str
    min_extent: float


def choose_plane(along: SliceAlong, trajectories: Sequence[Trajectory], loss: MeanLoss, *, seed: int) -> PlaneChoice:
    """Return a plane through trained weights.

    Args:
        along: How to choose its directions.
        trajectories: Trajectories of the trainings; planes other than ``pca`` go through the end of the first.
        loss: The mean loss; the weights of its model are overwritten.
        seed: Seed of random directions, and of the start of the eigenvalue iteration.

    Raises:
        TaskError: If the network has no such directions.
    """
    if along == "pca":
        return _principal_plane(trajectories)
    end = trajectories[0].weights[-1]
    loss.set_parameters(end)
    return (
        _random_plane(end, loss, seed=seed) if along == "random" else _hessian_plane(trajectories[0], loss, seed=seed)
    )


def _principal_plane(trajectories: Sequence[Trajectory]) -> PlaneChoice:
    weights = torch.cat([each.weights for each in trajectories])
    axes, shares = principal_directions(weights)
    first = trajectories[0].weights
    movement = (first[-1] - first[0]) @ axes.T
    # The first training moves to the right and up.
    axes = axes * torch.where(movement < 0, -1.0, 1.0).to(axes)[:, None]
    return PlaneChoice(
        WeightPlane(weights.mean(0), axes),
        shares,
        "The two directions in which the weights of all trainings spread most.",
        0.0,
    )


def _random_plane(end: torch.Tensor, loss: MeanLoss, *, seed: int) -> PlaneChoice:
    axes = random_directions(loss.params, torch.Generator().manual_seed(seed))
    if not axes.any(1).all():
        raise TaskError(
            "random directions need a weight of two or more dimensions; the network has none.",
            hint='use along="pca".',
        )
    return PlaneChoice(WeightPlane(end, axes), None, "Random directions, with the norms of the network's filters.", 1.0)


def _hessian_plane(trajectory: Trajectory, loss: MeanLoss, *, seed: int) -> PlaneChoice:
    end = trajectory.weights[-1]
    try:
        axes, eigenvalues = hessian_directions(loss, seed=seed)
    except EigenvalueUnavailable as error:
        raise TaskError(
            f"the directions of the Hessian cannot be computed: {error}.", hint='use along="pca".'
        ) from error
    gain = max(float(trajectory.losses[0] - trajectory.losses[-1]), 0.0)
    # The first axis has the smaller eigenvalue.
    extent = 0.1 * float(end.norm())
    if eigenvalues[0] > 0 and gain:
        extent = math.sqrt(2.0 * VISIBLE_RISE_SHARE * gain / eigenvalues[0])
    return PlaneChoice(
        WeightPlane(end, axes),
        eigenvalues,
        "The two directions of largest curvature at the end of the first training.",
        extent,
    )
