"""The result of ``surefoot.slice_loss``: the loss on a plane as a smooth surface, and projected trajectories."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import RectBivariateSpline
from torch import Tensor

from surefoot.core.formatting import format_duration, format_measurement, format_percent
from surefoot.core.result_summary import Summarised, Summary
from surefoot.core.value_types import Json, finite_or_none
from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.surfaces.surface import Point, Surface

Array: TypeAlias = NDArray[np.float64]
SliceAlong: TypeAlias = Literal["pca", "hessian", "random", "coordinates"]

# The minimum is searched for on a grid with this number of points along each axis, and then on finer grids around the
# lowest point of the last one, so many in all.
MINIMUM_SEARCH_POINTS, MINIMUM_SEARCH_ZOOMS = 200, 4
# Orders of the derivatives along x and y that make up the gradient.
GRADIENT_ORDERS = (1, 0), (0, 1)
# The key of the command that draws a slice, among the commands that repeat each claim.
SLICE_COMMAND = "slice"


@dataclass(frozen=True, eq=False)
class SlicedLoss(Surface):
    """A cubic spline through losses on a grid; outside of the grid it continues with the slope at its edge.

    Recipes can descend it like any other surface: ``surefoot.descend(slice.surface, recipes, steps=100)``. That is
    descent *within the plane*, with gradients without noise. The trainings themselves may leave the plane:
    :class:`LossSlice` has their projections.

    Attributes:
        task: Name of the task.
        description: One sentence that says how the plane was chosen.
        x: Positions of the grid's columns, ascending, at least 4, shape ``[X]``.
        y: Positions of the grid's rows, ascending, at least 4, shape ``[Y]``.
        grid: Losses at the points of the grid, finite, shape ``[Y, X]``.
        start_point: The default start of a descent.

    Example:
        >>> x = np.linspace(-1.0, 1.0, 9)
        >>> bowl = SlicedLoss("bowl", "A bowl.", x, x, x[:, None] ** 2 + x**2, start_point=(0.5, 0.0))
        >>> bowl.value(torch.tensor([[0.3, 0.4]])).round(decimals=6).tolist()
        [0.25]
    """

    task: str
    description: str
    x: Array
    y: Array
    grid: Array
    start_point: Point

    @property
    def name(self) -> str:
        """Name of the task, and that its loss is sliced."""
        return f"{self.task}, sliced"

    @property
    def about(self) -> str:
        """One sentence that says how the plane was chosen."""
        return self.description

    @property
    def start(self) -> Point:
        """The default start of a descent."""
        return self.start_point

    @property
    def box(self) -> tuple[tuple[float, float], ...]:
        """Bounds of the grid along x and y."""
        return (float(self.x[0]), float(self.x[-1])), (float(self.y[0]), float(self.y[-1]))

    @cached_property
    def _spline(self) -> RectBivariateSpline:
        return RectBivariateSpline(self.x, self.y, self.grid.T, s=0)

    def value(self, points: Tensor) -> Tensor:
        """Return the loss, shape ``[...]``."""
        inside, beyond = self._clip_to_box(points)
        slopes = np.stack([self._derivative(inside, order) for order in GRADIENT_ORDERS], axis=-1)
        loss = self._derivative(inside) + (beyond * slopes).sum(-1)
        return torch.from_numpy(loss).to(points).reshape(points.shape[:-1])

    def gradient(self, points: Tensor) -> Tensor:
        """Return the gradient of the loss, shape ``[..., 2]``."""
        inside, beyond = self._clip_to_box(points)
        mixed = self._derivative(inside, (1, 1))
        along_x = self._derivative(inside, GRADIENT_ORDERS[0]) + mixed * np.where(beyond[:, 0] == 0, beyond[:, 1], 0.0)
        along_y = self._derivative(inside, GRADIENT_ORDERS[1]) + mixed * np.where(beyond[:, 1] == 0, beyond[:, 0], 0.0)
        return torch.from_numpy(np.stack([along_x, along_y], axis=-1)).to(points).reshape(points.shape)

    @cached_property
    def minima(self) -> tuple[Point, ...]:
        """The lowest point of the box, found by a grid search that zooms in."""
        low, high = np.array(self.box).T
        for _ in range(MINIMUM_SEARCH_ZOOMS):
            x, y = np.linspace(low, high, MINIMUM_SEARCH_POINTS).T
            column, row = np.unravel_index(self._spline(x, y).argmin(), (MINIMUM_SEARCH_POINTS, MINIMUM_SEARCH_POINTS))
            lowest = np.array([x[column], y[row]])
            cell = np.array([x[1] - x[0], y[1] - y[0]])
            low, high = np.maximum(low, lowest - cell), np.minimum(high, lowest + cell)
        return ((float(lowest[0]), float(lowest[1])),)

    @property
    def hessian(self) -> tuple[tuple[float, ...], ...]:
        """Hessian of the spline at the lowest point."""
        lowest = np.array(self.minima)
        along_x, mixed, along_y = (float(self._derivative(lowest, order)[0]) for order in ((2, 0), (1, 1), (0, 2)))
        return (along_x, mixed), (mixed, along_y)

    def _clip_to_box(self, points: Tensor) -> tuple[Array, Array]:
        """Return the nearest points of the box ``[N, 2]``, and the offsets from them to the points ``[N, 2]``."""
        flat = points.detach().double().reshape(-1, 2).cpu().numpy()
        low, high = np.array(self.box).T
        inside = np.clip(flat, low, high)
        return inside, flat - inside

    def _derivative(self, points: Array, order: tuple[int, int] = (0, 0)) -> Array:
        """Return a derivative of the spline at points of the box ``[N, 2]``; NaN at a point that is NaN."""
        without_nan = np.nan_to_num(points)
        values = self._spline.ev(without_nan[:, 0], without_nan[:, 1], dx=order[0], dy=order[1])
        return np.where(np.isnan(points).any(axis=1), np.nan, values)


@dataclass(frozen=True, slots=True, eq=False)
class ProjectedTrajectory:
    """The trajectory of a training, projected onto the plane, with the losses that it really had.

    It has T of the training's steps. Left out are those with a loss above three times the loss at the start, or NaN.

    Attributes:
        recipe: Recipe of the training.
        steps: Number of steps taken at each point, ascending from 0, shape ``[T]``.
        points: Nearest points of the plane, shape ``[T, 2]``.
        losses: Losses of the training's own weights, on the same sample as those of the plane, shape ``[T]``.
        distances: Distances of these weights from the plane, shape ``[T]``.
        share_in_plane: Share of the squared distance from the first to the last weights that lies within the plane,
            0 to 1.
        end_loss: Loss after the last step, on the same sample; infinite if it is NaN.
        left_at: Step from which on the training is left out; ``None`` if its last step is shown.
        diverged_at: First step with a loss that is NaN or infinite, or ``None``.
    """

    recipe: Recipe
    steps: NDArray[np.int64]
    points: Array
    losses: Array
    distances: Array
    share_in_plane: float
    end_loss: float
    left_at: int | None
    diverged_at: int | None

    def to_json(self) -> dict[str, Json]:
        """Return the trajectory as JSON."""
        return {
            "recipe": str(self.recipe),
            "steps": self.steps.tolist(),
            "points": self.points.tolist(),
            "losses": self.losses.tolist(),
            "distances": self.distances.tolist(),
            "share_in_plane": self.share_in_plane,
            "end_loss": finite_or_none(self.end_loss),
            "left_at": self.left_at,
            "diverged_at": self.diverged_at,
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LossSlice(Summarised):
    """Result of :func:`surefoot.slice_loss`.

    Attributes:
        task: Name of the task or surface.
        along: How the directions of the plane were chosen; ``coordinates`` on a surface.
        surface: The loss on the plane.
        trajectories: Trajectories of the trainings, projected onto the plane.
        axis_values: One number for each axis: the share of the variance of all weights along it, or the Hessian's
            eigenvalue; ``None`` for random directions.
        error: Largest interpolation error of the surface at the centres of some cells, as a share of the range of its
            losses; ``None`` if the loss is NaN at all of them.
        non_finite_points: Number of grid points where the loss is NaN or infinite; there the surface has the highest
            loss of all others.
        samples: Number of training samples that losses are means over; 0 on a surface.
        seed: Seed of initialisation, data order and directions.
        config_steps, seconds: Cost of trainings and losses; three evaluations of a batch count as a step.
        plan: How the trainings ran; ``None`` on a surface, which needs no fleet.
    """

    task: str
    along: SliceAlong
    surface: SlicedLoss
    trajectories: tuple[ProjectedTrajectory, ...]
    axis_values: tuple[float, float] | None
    error: float | None
    non_finite_points: int
    samples: int
    seed: int
    config_steps: int
    seconds: float
    plan: Plan | None

    @property
    def recipe(self) -> Recipe | None:
        """The recipe whose training ended with the lowest loss; ``None`` if all diverged."""
        best = min(self.trajectories, key=lambda each: each.end_loss)
        return best.recipe if math.isfinite(best.end_loss) else None

    def summary(self) -> Summary:
        """Return the final loss of each training, and how much of its movement lies in the plane."""
        trainings = [
            (
                str(each.recipe),
                f"loss {format_measurement(each.end_loss)}"
                + (f", {format_percent(each.share_in_plane)} in the plane" if self.along != "coordinates" else ""),
            )
            for each in self.trajectories
        ]
        cost = f"{self.config_steps:,} config-steps, {format_duration(self.seconds)}"
        return Summary.of(f"slice of {self.task} along {self.along}", [*trainings, ("cost", cost)])

    def to_json(self) -> dict[str, Json]:
        """Return the result as the JSON object that the command prints."""
        return {
            "schema": 2,
            "task": self.task,
            "recipe": None if self.recipe is None else str(self.recipe),
            "along": self.along,
            "axis_values": None if self.axis_values is None else list(self.axis_values),
            "x": self.surface.x.tolist(),
            "y": self.surface.y.tolist(),
            "losses": self.surface.grid.tolist(),
            "trajectories": [trajectory.to_json() for trajectory in self.trajectories],
            "error": self.error,
            "non_finite_points": self.non_finite_points,
            "samples": self.samples,
            "seed": self.seed,
            "config_steps": self.config_steps,
            "seconds": self.seconds,
            "plan": None if self.plan is None else self.plan.to_json(),
        }
