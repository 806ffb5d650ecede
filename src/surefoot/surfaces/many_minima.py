"""Landscapes with several minima: which one is found depends on rate, momentum and luck."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from surefoot.surfaces.surface import Point, Surface, nearest


@dataclass(frozen=True, slots=True)
class Himmelblau(Surface):
    """f(x, y) = (x² + y - 11)² + (x + y² - 7)²: four minima, all 0.

    Reference:
        Himmelblau (1972), Applied Nonlinear Programming.
    """

    name: ClassVar[str] = "himmelblau"
    about: ClassVar[str] = "Four minima of equal depth: the rate decides which one it will be."
    start: ClassVar[Point] = (-0.5, -1.5)
    box: ClassVar[tuple[tuple[float, float], ...]] = ((-6.0, 6.0), (-5.0, 5.0))

    def value(self, points: Tensor) -> Tensor:
        """Return the loss."""
        x, y = points.unbind(-1)
        return (x.square() + y - 11.0).square() + (x + y.square() - 7.0).square()

    def gradient(self, points: Tensor) -> Tensor:
        """Return (4 x a + 2 b, 2 a + 4 y b) with a and b the two terms."""
        x, y = points.unbind(-1)
        a, b = x.square() + y - 11.0, x + y.square() - 7.0
        return torch.stack([4.0 * x * a + 2.0 * b, 2.0 * a + 4.0 * y * b], -1)

    @property
    def minima(self) -> tuple[Point, ...]:
        """Four; all but the first are roots of a polynomial, to twelve digits."""
        return (
            (3.0, 2.0),
            (-2.805118086953, 3.131312518250),
            (-3.779310253378, -3.283185991286),
            (3.584428340330, -1.848126526964),
        )

    @property
    def hessian(self) -> tuple[tuple[float, ...], ...]:
        """At (3, 2)."""
        return ((74.0, 20.0), (20.0, 34.0))

    def basin(self, points: Tensor) -> Tensor:
        """Return which minimum is nearest."""
        return nearest(points, self.minima)


@dataclass(frozen=True, slots=True)
class Rastrigin(Surface):
    """f(x, y) = 20 + Σ (x² - 10 cos 2πx): a dimple about every whole number.

    Reference:
        Rastrigin (1974), Systems of extremal control.
    """

    name: ClassVar[str] = "rastrigin"
    about: ClassVar[str] = "A dimple about every whole number: whoever goes carefully stays in the next one."
    start: ClassVar[Point] = (2.3, 1.7)
    box: ClassVar[tuple[tuple[float, float], ...]] = ((-4.0, 4.0), (-3.0, 3.0))

    def value(self, points: Tensor) -> Tensor:
        """Return the loss."""
        return (10.0 + points.square() - 10.0 * torch.cos(2.0 * math.pi * points)).sum(-1)

    def gradient(self, points: Tensor) -> Tensor:
        """Return 2 x + 20 π sin 2πx."""
        return 2.0 * points + 20.0 * math.pi * torch.sin(2.0 * math.pi * points)

    @property
    def minima(self) -> tuple[Point, ...]:
        """The lowest of them, at the origin."""
        return ((0.0, 0.0),)

    @property
    def hessian(self) -> tuple[tuple[float, ...], ...]:
        """2 + 40 π² in every direction."""
        curvature = 2.0 + 40.0 * math.pi**2
        return ((curvature, 0.0), (0.0, curvature))

    def basin(self, points: Tensor) -> Tensor:
        """Return a number for the nearest whole point."""
        whole = torch.nan_to_num(points).clamp(-1000.0, 1000.0).round().long() + 1000
        return whole[..., 0] * 2001 + whole[..., 1]
