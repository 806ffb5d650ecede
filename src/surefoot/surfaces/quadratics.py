"""Quadratic surfaces with axes along the coordinates, for which the theory is exact."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from surefoot.core.errors import RecipeError
from surefoot.surfaces.surface import Noise, Point, Surface

# Largest condition number of a ravine. Chosen: with a larger one, descent takes more steps than a figure can show.
MAX_CONDITION = 1e4


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
    """The parabola without noise."""

    name: ClassVar[str] = "bowl"
    about: ClassVar[str] = "One parameter, one curvature: every claim about learning rate and momentum is exact here."


@dataclass(frozen=True, slots=True)
class NoisyBowl(Parabola):
    """The parabola with noise as mini-batches have it."""

    name: ClassVar[str] = "noisy-bowl"
    about: ClassVar[str] = (
        "The bowl with mini-batch noise: descent does not come to rest, and fewer learning rates are stable."
    )
    noise: ClassVar[Noise] = Noise(gradient=0.3, curvature=0.3)


@dataclass(frozen=True, slots=True)
class Ravine(Surface):
    """f(x, y) = (x² / condition + y²) / 2: steep across, flat along.

    The largest curvature is 1 for every condition number, so that the stability limit is the same.

    Attributes:
        condition: Ratio of the curvatures, from 1 to 10⁴.

    Raises:
        RecipeError: If the condition number is out of bounds.
    """

    name: ClassVar[str] = "ravine"
    about: ClassVar[str] = "Steep across and flat along: a rate that is stable across is slow along."
    start: ClassVar[Point] = (-2.6, 1.1)
    box: ClassVar[tuple[tuple[float, float], ...]] = ((-3.2, 3.2), (-2.0, 2.0))
    quadratic: ClassVar[bool] = True
    condition: float = 20.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.condition) and 1.0 <= self.condition <= MAX_CONDITION):
            raise RecipeError(f"a ravine's condition number is from 1 to {MAX_CONDITION:g}; given {self.condition:g}.")

    def value(self, points: Tensor) -> Tensor:
        """Return the loss."""
        return (points.square() * self._diagonal(points)).sum(-1) / 2.0

    def gradient(self, points: Tensor) -> Tensor:
        """Return the gradient: each coordinate times its curvature."""
        return points * self._diagonal(points)

    @property
    def minima(self) -> tuple[Point, ...]:
        """The origin."""
        return ((0.0, 0.0),)

    @property
    def hessian(self) -> tuple[tuple[float, ...], ...]:
        """Diagonal, with the two curvatures."""
        return ((1.0 / self.condition, 0.0), (0.0, 1.0))

    def _diagonal(self, points: Tensor) -> Tensor:
        return torch.tensor([1.0 / self.condition, 1.0], dtype=points.dtype)
