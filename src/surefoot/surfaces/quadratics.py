"""Bowls along their axes: where the theory is exact."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from surefoot.core.errors import RecipeError
from surefoot.surfaces.surface import Noise, Point, Surface

# Beyond this a ball would not arrive within any number of steps that can be looked at.
LARGEST_CONDITION = 1e4


class Parabola(Surface):
    """f(x) = x² / 2: one curvature, 1."""

    __slots__ = ()
    start: ClassVar[Point] = (2.4,)
    box: ClassVar[tuple[tuple[float, float], ...]] = ((-3.0, 3.0),)
    quadratic: ClassVar[bool] = True

    def value(self, points: Tensor) -> Tensor:
        """Return x² / 2."""
        return points[..., 0].square() / 2.0

    def gradient(self, points: Tensor) -> Tensor:
        """Return x."""
        return points.clone()

    @property
    def minima(self) -> tuple[Point, ...]:
        """The origin."""
        return ((0.0,),)

    @property
    def hessian(self) -> tuple[tuple[float, ...], ...]:
        """1."""
        return ((1.0,),)


@dataclass(frozen=True, slots=True)
class Bowl(Parabola):
    """The parabola as it is."""

    name: ClassVar[str] = "bowl"
    about: ClassVar[str] = "One parameter, one curvature: every claim about learning rate and momentum is exact here."


@dataclass(frozen=True, slots=True)
class NoisyBowl(Parabola):
    """The parabola seen through mini-batches."""

    name: ClassVar[str] = "noisy-bowl"
    about: ClassVar[str] = "The bowl as mini-batches see it: the ball never comes to rest, and less is stable."
    noise: ClassVar[Noise] = Noise(gradient=0.3, curvature=0.3)


@dataclass(frozen=True, slots=True)
class Ravine(Surface):
    """f(x, y) = (x² / condition + y²) / 2: steep across, flat along.

    The steepest curvature is 1 whatever the condition number is, so that the limit of stability stays where it is.

    Attributes:
        condition: Ratio of the curvatures, from 1 to 10⁴.

    Raises:
        RecipeError: If it is out of its bounds.
    """

    name: ClassVar[str] = "ravine"
    about: ClassVar[str] = "Steep across and flat along: what the steep side allows is too little for the flat one."
    start: ClassVar[Point] = (-2.6, 1.1)
    box: ClassVar[tuple[tuple[float, float], ...]] = ((-3.2, 3.2), (-2.0, 2.0))
    quadratic: ClassVar[bool] = True
    condition: float = 20.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.condition) and 1.0 <= self.condition <= LARGEST_CONDITION):
            raise RecipeError(
                f"a ravine's condition number is from 1 to {LARGEST_CONDITION:g}; given {self.condition:g}."
            )

    def value(self, points: Tensor) -> Tensor:
        """Return the loss."""
        return (points.square() * self._diagonal(points)).sum(-1) / 2.0

    def gradient(self, points: Tensor) -> Tensor:
        """Return each coordinate times its curvature."""
        return points * self._diagonal(points)

    @property
    def minima(self) -> tuple[Point, ...]:
        """The origin."""
        return ((0.0, 0.0),)

    @property
    def hessian(self) -> tuple[tuple[float, ...], ...]:
        """Diagonal."""
        return ((1.0 / self.condition, 0.0), (0.0, 1.0))

    def _diagonal(self, points: Tensor) -> Tensor:
        return torch.tensor([1.0 / self.condition, 1.0], dtype=points.dtype)
