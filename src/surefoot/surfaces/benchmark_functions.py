"""Test functions of optimization: curved valleys, a saddle and several minima; a double well, a plateau and a cliff."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import softplus

from surefoot.surfaces.surface import Point, Surface, nearest_minimum


@dataclass(frozen=True, slots=True)
class Saddle(Surface):
    """f(x, y) = x² / 2 + (y² - 1)² / 4: the origin attracts along x and repels along y."""

    name: ClassVar[str] = "saddle"
    about: ClassVar[str] = "It attracts towards a point that is not a minimum: momentum and noise leave it sooner."
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
        """(0, 1) and (0, -1), equally low."""
        return ((0.0, 1.0), (0.0, -1.0))

    @property
    def hessian(self) -> tuple[tuple[float, ...], ...]:
        """Diagonal: 1 and 2."""
        return ((1.0, 0.0), (0.0, 2.0))

    def basin(self, points: Tensor) -> Tensor:
        """Return 0 in the strip around the saddle, 1 and 2 in the valleys."""
        y = points[..., 1]
        return (y > self.strip).long() + 2 * (y < -self.strip).long()


@dataclass(frozen=True, slots=True)
class Rosenbrock(Surface):
    """f(x, y) = (1 - x)² + 100 (y - x²)².

    Reference:
        Rosenbrock (1960), An automatic method for finding the greatest or least value of a function.
    """

    name: ClassVar[str] = "rosenbrock"
    about: ClassVar[str] = "A curved ravine: it is easy to enter, and long to follow."
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
    about: ClassVar[str] = "Flat regions between steep walls at the corners: no learning rate suits both."
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


@dataclass(frozen=True, slots=True)
class Himmelblau(Surface):
    """f(x, y) = (x² + y - 11)² + (x + y² - 7)²: four minima, all 0.

    Reference:
        Himmelblau (1972), Applied Nonlinear Programming.
    """

    name: ClassVar[str] = "himmelblau"
    about: ClassVar[str] = "Four minima of equal depth: the learning rate decides which one is reached."
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
        """Four; all but the first are roots of a polynomial, given to twelve digits."""
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
        """Return the index of the nearest minimum."""
        return nearest_minimum(points, self.minima)


@dataclass(frozen=True, slots=True)
class Rastrigin(Surface):
    """f(x, y) = 20 + Σ (x² - 10 cos 2πx): a dimple around every integer point.

    Reference:
        Rastrigin (1974), Systems of extremal control.
    """

    name: ClassVar[str] = "rastrigin"
    about: ClassVar[str] = "A dimple around every integer point: with small steps descent stays in the nearest."
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
        """The lowest minimum, at the origin."""
        return ((0.0, 0.0),)

    @property
    def hessian(self) -> tuple[tuple[float, ...], ...]:
        """2 + 40 π² in every direction."""
        curvature = 2.0 + 40.0 * math.pi**2
        return ((curvature, 0.0), (0.0, curvature))

    def basin(self, points: Tensor) -> Tensor:
        """Return an integer for the nearest integer point."""
        rounded = torch.nan_to_num(points).clamp(-1000.0, 1000.0).round().long() + 1000
        return rounded[..., 0] * 2001 + rounded[..., 1]


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
