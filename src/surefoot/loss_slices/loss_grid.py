"""Evaluates a loss on the grid of a plane, and how exact the surface through these losses is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from surefoot.core.errors import TaskError
from surefoot.core.progress import Interrupted, Progress, StopCondition
from surefoot.loss_slices.result import ProjectedTrajectory, SlicedLoss

Array: TypeAlias = NDArray[np.float64]

# Width over height of the plane, in points of the grid and in length, so that the figure shows angles as they are.
ASPECT_RATIO = 7 / 4
# Margin around the trajectories on each side, as a share of their extent.
MARGIN_SHARE = 0.2
# Number of cells at whose centres the interpolation error is measured.
ERROR_SAMPLES = 16


@dataclass(slots=True, eq=False)
class LossEvaluator:
    """Evaluates the loss at points of a plane, and counts the evaluations.

    Attributes:
        loss_at: Returns the loss at (x, y).
        progress: Receives the config-steps.
        stop: Called before every evaluation; when it returns true, :class:`Interrupted` is raised.
        cost: Cost of an evaluation in config-steps.
        evaluations: Number of evaluations so far.
    """

    loss_at: Callable[[float, float], float]
    progress: Progress
    stop: StopCondition
    cost: float
    evaluations: int = 0

    def evaluate(self, x: float, y: float) -> float:
        """Return the loss at a point of the plane.

        Raises:
            Interrupted: If asked to stop.
        """
        if self.stop():
            raise Interrupted
        config_steps = round(self.evaluations * self.cost)
        self.evaluations += 1
        self.progress.advance(round(self.evaluations * self.cost) - config_steps)
        return self.loss_at(x, y)

    def interpolation_error(self, surface: SlicedLoss, *, seed: int) -> float | None:
        """Return the largest error of a surface at the centres of some cells, as a share of the range of its losses.

        It is ``None`` if the loss is NaN or infinite at all of them.
        """
        random = np.random.default_rng(seed)
        x, y = (
            _cell_centres(axis, random.integers(len(axis) - 1, size=ERROR_SAMPLES)) for axis in (surface.x, surface.y)
        )
        losses = np.array([self.evaluate(float(across), float(up)) for across, up in zip(x, y, strict=True)])
        interpolated = surface.value(torch.from_numpy(np.stack([x, y], axis=-1))).numpy()
        finite, loss_range = np.isfinite(losses), float(np.ptp(surface.grid))
        if not finite.any():
            return None
        return float(np.abs(losses - interpolated)[finite].max()) / loss_range if loss_range else 0.0


def _cell_centres(axis: Array, cells: NDArray[np.int64]) -> Array:
    return (axis[cells] + axis[cells + 1]) / 2


def evaluate_on_grid(
    task_name: str,
    description: str,
    *,
    trajectories: Sequence[ProjectedTrajectory],
    evaluator: LossEvaluator,
    points: int,
    min_extent: float = 0.0,
) -> tuple[SlicedLoss, int]:
    """Return the surface through the losses on a grid, and the number of losses that are NaN or infinite.

    Args:
        task_name: Name of the task or surface.
        description: One sentence that says how the plane was chosen.
        trajectories: Projected trajectories; the grid covers them with a margin.
        evaluator: Evaluates the loss.
        points: Number of columns of the grid.
        min_extent: The grid extends at least this far from the origin along both axes.

    Raises:
        TaskError: If the loss is NaN or infinite at every point.
        Interrupted: If asked to stop.
    """
    (left, right), (low, high) = _box(np.concatenate([each.points for each in trajectories]), min_extent)
    x, y = np.linspace(left, right, points), np.linspace(low, high, grid_rows(points))
    losses = np.array([[evaluator.evaluate(float(across), float(up)) for across in x] for up in y])
    finite = losses[np.isfinite(losses)]
    if not finite.size:
        raise TaskError(
            "the loss is NaN or infinite everywhere on this plane.",
            hint="with lower learning rates the plane is smaller.",
        )
    losses = np.where(np.isfinite(losses), losses, finite.max())
    start_x, start_y = trajectories[0].points[0].tolist()
    surface = SlicedLoss(task_name, description, x, y, losses, start_point=(start_x, start_y))
    return surface, losses.size - finite.size


def _box(points: Array, min_extent: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return bounds along x and y around some points, with a margin and the figure's aspect ratio.

    Args:
        points: Points of the plane, shape ``[N, 2]``.
        min_extent: The box extends at least this far from the origin along both axes.

    Example:
        >>> _box(np.array([[0.0, 0.0], [5.0, 1.0]]), 0.0)
        ((-1.0, 6.0), (-1.5, 2.5))
    """
    if min_extent:
        points = np.concatenate([points, np.array([[-min_extent, -min_extent], [min_extent, min_extent]])])
    centre, extent = (points.max(0) + points.min(0)) / 2, np.ptp(points, axis=0) * (1 + 2 * MARGIN_SHARE)
    height = max(extent[1], extent[0] / ASPECT_RATIO) or 1.0
    half = np.array([ASPECT_RATIO * height, height]) / 2
    (left, low), (right, high) = centre - half, centre + half
    return (float(left), float(right)), (float(low), float(high))


def grid_rows(points: int) -> int:
    """Return the number of rows of a grid with some columns."""
    return round(points / ASPECT_RATIO) + 1
