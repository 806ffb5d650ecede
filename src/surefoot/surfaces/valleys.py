"""Curved valleys that tests of optimizers have used for decades: Rosenbrock's and Beale's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from surefoot.surfaces.surface import Point, Surface


@dataclass(frozen=True, slots=True)
class Rosenbrock(Surface):
    """f(x, y) = (1 - x)² + 100 (y - x²)².

    Reference:
        Rosenbrock (1960), An automatic method for finding the greatest or least value of a function.
    """

    name: ClassVar[str] = "rosenbrock"
    about: ClassVar[str] = "A bent ravine: into it is easy, along it is long."
    start: ClassVar[Point] = (-1.2, 1.0)
    box: ClassVar[tuple[tuple[float, float], ...]] = ((-2.0, 2.0), (-0.8, 2.2))

    def value(self, points: Tensor) -> Tensor:
        """Return the loss."""
        x, y = points.unbind(-1)
        return (1.0 - x).square() + 100.0 * (y - x.square()).square()

    def gradient(self, points: Tensor) -> Tensor:
        """Return (-2 (1 - x) - 400 x (y - x²), 200 (y - x²))."""
        x, y = points.unbind(-1)
        above = y - x.square()
        return torch.stack([-2.0 * (1.0 - x) - 400.0 * x * above, 200.0 * above], -1)

    @property
    def minima(self) -> tuple[Point, ...]:
        """(1, 1)."""
        return ((1.0, 1.0),)

    @property
    def hessian(self) -> tuple[tuple[float, ...], ...]:
        """Its eigenvalues are 1001.6 and 0.4."""
        return ((802.0, -400.0), (-400.0, 200.0))


@dataclass(frozen=True, slots=True)
class Beale(Surface):
    """f(x, y) = Σ (c - x (1 - yᵏ))² over (c, k) of (1.5, 1), (2.25, 2), (2.625, 3).

    Reference:
        Beale (1958), On an iterative method for finding a local minimum of a function of more than one variable.
    """

    name: ClassVar[str] = "beale"
    about: ClassVar[str] = "Flat floors between steep walls at the corners: one rate suits neither."
    start: ClassVar[Point] = (1.0, 1.5)
    box: ClassVar[tuple[tuple[float, float], ...]] = ((-1.0, 4.5), (-1.2, 2.2))
    terms: ClassVar[tuple[tuple[float, int], ...]] = ((1.5, 1), (2.25, 2), (2.625, 3))

    def value(self, points: Tensor) -> Tensor:
        """Return the loss."""
        x, y = points.unbind(-1)
        return torch.stack([(c - x * (1.0 - y**k)).square() for c, k in self.terms]).sum(0)

    def gradient(self, points: Tensor) -> Tensor:
        """Return Σ 2 (c - x (1 - yᵏ)) (yᵏ - 1, k x yᵏ⁻¹)."""
        x, y = points.unbind(-1)
        parts = [
            2.0 * (c - x * (1.0 - y**k))[..., None] * torch.stack([y**k - 1.0, k * x * y ** (k - 1)], -1)
            for c, k in self.terms
        ]
        return torch.stack(parts).sum(0)

    @property
    def minima(self) -> tuple[Point, ...]:
        """(3, 1/2)."""
        return ((3.0, 0.5),)

    @property
    def hessian(self) -> tuple[tuple[float, ...], ...]:
        """2 JᵀJ, the residuals being 0 there."""
        return ((3.15625, -11.4375), (-11.4375, 46.125))
