"""A slice of a real loss as a landscape: a smooth surface through the losses on a grid.

What a slice of a loss shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import RectBivariateSpline
from torch import Tensor

from surefoot.core.values import Json, finite_or_none
from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.surfaces.surface import Point, Surface

# Where the lowest place is looked for: points along each axis, and how often amid the cells around the lowest of them.
FINE, ZOOMS = 200, 4
# Orders of the derivatives along x and y.
SLOPES = (1, 0), (0, 1)


@dataclass(frozen=True, eq=False)
class SlicedLoss(Surface):
    """The cubic spline through losses on a grid; beyond the grid it goes on with the slope of its edge.

    Balls roll down it as down any other surface: ``surefoot.descend(slice.surface, recipes, steps=100)``. That is
    descent *within the plane*, by gradients without noise; where trainings went, which may leave it, is beside it in a
    :class:`LossSlice`.

    Attributes:
        task: Whose loss it is.
        told: What was sliced, a sentence.
        x: Places of the grid's columns, ascending, at least 4 ``[X]``.
        y: Of its rows ``[Y]``.
        grid: Losses there, finite ``[Y, X]``.
        start: Where a ball is let loose unless somebody says otherwise.

    Example:
        >>> place = np.linspace(-1.0, 1.0, 9)
        >>> bowl = SlicedLoss("bowl", "A bowl.", place, place, place[:, None] ** 2 + place**2, begin=(0.5, 0.0))
        >>> bowl.value(torch.tensor([[0.3, 0.4]])).round(decimals=6).tolist()
        [0.25]
    """

    task: str
    told: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    grid: NDArray[np.float64]
    begin: Point

    @property
    def name(self) -> str:
        """The task's."""
        return f"{self.task}, sliced"

    @property
    def about(self) -> str:
        """What was sliced."""
        return self.told

    @property
    def start(self) -> Point:
        """Where a ball is let loose unless somebody says otherwise."""
        return self.begin

    @property
    def box(self) -> tuple[tuple[float, float], ...]:
        """The grid's."""
        return (float(self.x[0]), float(self.x[-1])), (float(self.y[0]), float(self.y[-1]))

    @cached_property
    def _spline(self) -> RectBivariateSpline:
        return RectBivariateSpline(self.x, self.y, self.grid.T, s=0)

    def value(self, points: Tensor) -> Tensor:
        """Return the loss ``[...]``."""
        inside, beyond = self._parted(points)
        slopes = np.stack([self._derived(inside, order) for order in SLOPES], axis=-1)
        loss = self._derived(inside) + (beyond * slopes).sum(-1)
        return torch.from_numpy(loss).to(points).reshape(points.shape[:-1])

    def gradient(self, points: Tensor) -> Tensor:
        """Return its gradient ``[..., 2]``."""
        inside, beyond = self._parted(points)
        twist = self._derived(inside, (1, 1))
        across = self._derived(inside, SLOPES[0]) + twist * np.where(beyond[:, 0] == 0, beyond[:, 1], 0.0)
        along = self._derived(inside, SLOPES[1]) + twist * np.where(beyond[:, 1] == 0, beyond[:, 0], 0.0)
        return torch.from_numpy(np.stack([across, along], axis=-1)).to(points).reshape(points.shape)

    @cached_property
    def minima(self) -> tuple[Point, ...]:
        """The lowest place of the grid's box: looked for among points, then among points around that one, and again."""
        low, high = np.array(self.box).T
        for _ in range(ZOOMS):
            x, y = np.linspace(low, high, FINE).T
            column, row = np.unravel_index(self._spline(x, y).argmin(), (FINE, FINE))
            around = np.array([x[column], y[row]])
            cell = np.array([x[1] - x[0], y[1] - y[0]])
            low, high = np.maximum(low, around - cell), np.minimum(high, around + cell)
        return ((float(around[0]), float(around[1])),)

    @property
    def hessian(self) -> tuple[tuple[float, ...], ...]:
        """That of the spline at the lowest place."""
        place = np.array(self.minima)
        across, twist, along = (float(self._derived(place, order)[0]) for order in ((2, 0), (1, 1), (0, 2)))
        return (across, twist), (twist, along)

    def _parted(self, points: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the nearest places of the box ``[N, 2]``, and how far beyond it the points are."""
        flat = points.detach().double().reshape(-1, 2).cpu().numpy()
        low, high = np.array(self.box).T
        inside = np.clip(flat, low, high)
        return inside, flat - inside

    def _derived(self, inside: NDArray[np.float64], order: tuple[int, int] = (0, 0)) -> NDArray[np.float64]:
        known = np.nan_to_num(inside)  # what is no number anywhere is none here either
        found = self._spline.ev(known[:, 0], known[:, 1], dx=order[0], dy=order[1])
        return np.where(np.isnan(inside).any(axis=1), np.nan, found)


# By this name a report asks what repeats a slice; claims have theirs.
SLICE = "slice"
Along: TypeAlias = Literal["ways", "hessian", "random"]


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """The way of a training past the plane: its shadow, and what it really was.

    Where its loss was above three times the start's, or no number, it is out of the picture, and not among the T.

    Attributes:
        recipe: Trained by it.
        steps: Steps taken, ascending from 0 ``[T]``.
        places: The nearest places of the plane ``[T, 2]``.
        losses: Of the training's own weights, on the same sample as the plane's ``[T]``.
        away: How far these were from the plane ``[T]``.
        within: Which part of the squared distance from its first weights to its last lies within the plane, 0 to 1.
        end_loss: On the same sample after the last step; infinite where it is no number.
        left_at: Step from which on it was out of the picture, ``None`` where its end is in it.
        diverged_at: Step of its first loss that was no number, or ``None``.
    """

    recipe: Recipe
    steps: NDArray[np.int64]
    places: NDArray[np.float64]
    losses: NDArray[np.float64]
    away: NDArray[np.float64]
    within: float
    end_loss: float
    left_at: int | None
    diverged_at: int | None

    def to_json(self) -> dict[str, Json]:
        """Return it as JSON."""
        return {
            "recipe": str(self.recipe),
            "steps": self.steps.tolist(),
            "places": self.places.tolist(),
            "losses": self.losses.tolist(),
            "away": self.away.tolist(),
            "within": self.within,
            "end_loss": finite_or_none(self.end_loss),
            "left_at": self.left_at,
            "diverged_at": self.diverged_at,
        }


@dataclass(frozen=True, slots=True, eq=False)
class LossSlice:
    """What :func:`surefoot.slice_loss` found.

    Attributes:
        task: The task's name.
        along: How the plane was laid.
        surface: The losses on it, as a landscape.
        ways: Of the trainings, by their shadows on it.
        told: One number for each axis: the share of the ways' spread along it, or the Hessian's eigenvalue; none where
            the directions are random.
        error: By how much the landscape errs amid the cells of its grid: the most over some of them, as a share of the
            range of the losses; ``None`` where they have no numbers.
        unknown: Points of the grid whose loss is no number; the landscape is there as high as it is anywhere.
        samples: Of the training data, that losses are means over.
        seed: Of initialisation, data order and directions.
        config_steps, seconds: What it cost; three evaluations of a batch count as a step.
        plan: How the trainings were run.
    """

    task: str
    along: Along
    surface: SlicedLoss
    ways: tuple[Way, ...]
    told: tuple[float, float] | None
    error: float | None
    unknown: int
    samples: int
    seed: int
    config_steps: int
    seconds: float
    plan: Plan

    def to_json(self) -> dict[str, Json]:
        """Return the result as the JSON object that the command prints."""
        return {
            "schema": 1,
            "task": self.task,
            "along": self.along,
            "told": None if self.told is None else list(self.told),
            "x": self.surface.x.tolist(),
            "y": self.surface.y.tolist(),
            "losses": self.surface.grid.tolist(),
            "ways": [way.to_json() for way in self.ways],
            "error": self.error,
            "unknown": self.unknown,
            "samples": self.samples,
            "seed": self.seed,
            "config_steps": self.config_steps,
            "seconds": self.seconds,
            "plan": self.plan.to_json(),
        }
