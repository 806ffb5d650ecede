"""Non-quadratic surfaces of one parameter: a double well, a plateau and a cliff."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import softplus

from surefoot.surfaces.surface import Point, Surface


@dataclass(frozen=True, slots=True)
class DoubleWell(Surface):
    """f(x) = (x² - 1)² / 4 + 0.2 x: the right well is the shallow one.

    Its gradient x³ - x + 0.2 has three real roots, 2/√3 cos(arccos(-0.3 √3) / 3 - 2πk/3).
    """

    name: ClassVar[str] = "double-well"
    about: ClassVar[str] = "A shallow well before a deep one: with too little momentum descent stays in the first."
    start: ClassVar[Point] = (1.9,)
    box: ClassVar[tuple[tuple[float, float], ...]] = ((-2.1, 2.1),)
    tilt: ClassVar[float] = 0.2

    def value(self, points: Tensor) -> Tensor:
        """Return the loss."""
        x = points[..., 0]
        return (x.square() - 1.0).square() / 4.0 + self.tilt * x

    def gradient(self, points: Tensor) -> Tensor:
        """Return x³ - x + 0.2."""
        return points**3 - points + self.tilt

    @property
    def minima(self) -> tuple[Point, ...]:
        """The deep well, then the shallow one."""
        shallow, deep, _ = self._roots()
        return ((deep,), (shallow,))

    @property
    def hessian(self) -> tuple[tuple[float, ...], ...]:
        """3 x² - 1 in the deep well."""
        return ((3.0 * self.minima[0][0] ** 2 - 1.0,),)

    def basin(self, points: Tensor) -> Tensor:
        """Return 0 in the deep well and 1 in the shallow one, on either side of the ridge."""
        return (points[..., 0] > self._roots()[2]).long()

    def _roots(self) -> tuple[float, float, float]:
        """Return where the gradient is 0: the shallow well, the deep one, the ridge."""
        angle = math.acos(-self.tilt * 1.5 * math.sqrt(3.0)) / 3.0
        shallow, ridge, deep = (2.0 / math.sqrt(3.0) * math.cos(angle - 2.0 * math.pi * k / 3.0) for k in range(3))
        return shallow, deep, ridge


@dataclass(frozen=True, slots=True)
class Plateau(Surface):
    """f(x) = 1 - exp(-x² / 2): far away there is next to no gradient."""

    name: ClassVar[str] = "plateau"
    about: ClassVar[str] = "Far from the well there is next to no slope: only large steps or much momentum leave it."
    start: ClassVar[Point] = (3.0,)
    box: ClassVar[tuple[tuple[float, float], ...]] = ((-4.5, 4.5),)
    edge: ClassVar[float] = 2.0

    def value(self, points: Tensor) -> Tensor:
        """Return the loss."""
        return -torch.expm1(-points[..., 0].square() / 2.0)

    def gradient(self, points: Tensor) -> Tensor:
        """Return x exp(-x² / 2)."""
        # At infinity the product is NaN; the slope there is 0.
        return torch.nan_to_num(points * torch.exp(-points.square() / 2.0), nan=0.0)

    @property
    def minima(self) -> tuple[Point, ...]:
        """The origin."""
        return ((0.0,),)

    @property
    def hessian(self) -> tuple[tuple[float, ...], ...]:
        """1."""
        return ((1.0,),)

    def basin(self, points: Tensor) -> Tensor:
        """Return 0 in the well, and 1 and 2 on the plateau right and left of it."""
        x = points[..., 0]
        return (x > self.edge).long() + 2 * (x < -self.edge).long()


@dataclass(frozen=True, slots=True)
class Cliff(Surface):
    """f(x) = x² / 20 + softplus(20 (x - 1.5)) / 2: a gentle valley, and a wall of slope 10 on its right.

    Reference:
        Pascanu et al. (2013), On the difficulty of training recurrent neural networks, arXiv:1211.5063.
    """

    name: ClassVar[str] = "cliff"
    about: ClassVar[str] = "A gentle valley that ends at a wall: a step onto it goes far, unless gradients are clipped."
    start: ClassVar[Point] = (-3.5,)
    box: ClassVar[tuple[tuple[float, float], ...]] = ((-6.0, 2.2),)
    foot: ClassVar[float] = 1.5

    def value(self, points: Tensor) -> Tensor:
        """Return the loss."""
        x = points[..., 0]
        return x.square() / 20.0 + softplus(20.0 * (x - self.foot)) / 2.0

    def gradient(self, points: Tensor) -> Tensor:
        """Return x / 10 + 10 sigmoid(20 (x - 1.5))."""
        return points / 10.0 + 10.0 * torch.sigmoid(20.0 * (points - self.foot))

    @property
    def minima(self) -> tuple[Point, ...]:
        """The origin, to within 10⁻¹¹."""
        return ((-100.0 * math.exp(-20.0 * self.foot),),)

    @property
    def hessian(self) -> tuple[tuple[float, ...], ...]:
        """0.1, to within 10⁻¹¹."""
        return ((0.1 + 200.0 * math.exp(-20.0 * self.foot),),)
