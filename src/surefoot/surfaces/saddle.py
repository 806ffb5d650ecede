"""A saddle between two valleys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from surefoot.surfaces.surface import Point, Surface


@dataclass(frozen=True, slots=True)
class Saddle(Surface):
    """f(x, y) = x² / 2 + (y² - 1)² / 4: the origin draws along x and lets go along y."""

    name: ClassVar[str] = "saddle"
    about: ClassVar[str] = "It draws towards a point that is no minimum: momentum and noise get away sooner."
    start: ClassVar[Point] = (-2.2, 0.01)
    box: ClassVar[tuple[tuple[float, float], ...]] = ((-2.8, 2.8), (-1.75, 1.75))
    strip: ClassVar[float] = 0.5

    def value(self, points: Tensor) -> Tensor:
        """Return the loss."""
        x, y = points.unbind(-1)
        return x.square() / 2.0 + (y.square() - 1.0).square() / 4.0

    def gradient(self, points: Tensor) -> Tensor:
        """Return (x, y³ - y)."""
        x, y = points.unbind(-1)
        return torch.stack([x, y**3 - y], -1)

    @property
    def minima(self) -> tuple[Point, ...]:
        """(0, 1) and (0, -1), as low as one another."""
        return ((0.0, 1.0), (0.0, -1.0))

    @property
    def hessian(self) -> tuple[tuple[float, ...], ...]:
        """Diagonal: 1 and 2."""
        return ((1.0, 0.0), (0.0, 2.0))

    def basin(self, points: Tensor) -> Tensor:
        """Return 0 on the strip about the saddle, 1 and 2 in the valleys."""
        y = points[..., 1]
        return (y > self.strip).long() + 2 * (y < -self.strip).long()
