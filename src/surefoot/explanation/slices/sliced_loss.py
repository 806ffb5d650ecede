"""A slice of a real loss as a landscape: a smooth surface through the losses on a grid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import RectBivariateSpline
from torch import Tensor

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
