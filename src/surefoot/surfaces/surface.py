"""What a landscape is: a loss of one or two parameters, with its gradient.

What mini-batches do to a gradient: they err by some amount, and they see another curvature every time.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
import torch
from torch import Tensor

from surefoot.core.errors import RecipeError

Point: TypeAlias = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Noise:
    """A gradient g becomes ``(1 + curvature * a) g + gradient * b`` with a and b fresh standard normal numbers.

    Every coordinate has its own. On a bowl along the axes this is exactly the noisy quadratic of
    :mod:`surefoot.theory.noisy_quadratic`, whose curvature noise is ``curvature`` times the curvature.

    Attributes:
        gradient: Standard deviation of what is added.
        curvature: Standard deviation of the factor.

    Raises:
        RecipeError: If one is negative or not finite.
    """

    gradient: float = 0.0
    curvature: float = 0.0

    def __post_init__(self) -> None:
        given = self.gradient, self.curvature
        if not all(math.isfinite(each) and each >= 0.0 for each in given):
            raise RecipeError(f"noise must be a finite number, at least 0; given {given[0]:g} and {given[1]:g}.")

    def __bool__(self) -> bool:
        return self.gradient > 0.0 or self.curvature > 0.0


class Surface(ABC):
    """A loss on the line or the plane, with its gradient.

    A kind of surface is a frozen dataclass; points are ``[..., D]``, D being 1 or 2.

    Attributes:
        quadratic: Whether it is a bowl along its axes, so that the quadratic model is no model but exact.
        noise: What its gradients suffer unless somebody says otherwise.
    """

    __slots__ = ()
    quadratic: ClassVar[bool] = False
    noise: ClassVar[Noise] = Noise()

    @property
    @abstractmethod
    def name(self) -> str:
        """As in links and queries."""

    @property
    @abstractmethod
    def about(self) -> str:
        """What it shows, a sentence."""

    @property
    @abstractmethod
    def start(self) -> Point:
        """Where a ball is let loose unless somebody says otherwise ``[D]``."""

    @property
    @abstractmethod
    def box(self) -> tuple[tuple[float, float], ...]:
        """The part worth looking at: (low, high) of every dimension."""

    @abstractmethod
    def value(self, points: Tensor) -> Tensor:
        """Return the loss at ``[..., D]``, shape ``[...]``."""

    @abstractmethod
    def gradient(self, points: Tensor) -> Tensor:
        """Return the gradient at ``[..., D]``, the same shape."""

    @property
    @abstractmethod
    def minima(self) -> tuple[Point, ...]:
        """Local minima, a lowest one first; of infinitely many, that one."""

    @property
    @abstractmethod
    def hessian(self) -> tuple[tuple[float, ...], ...]:
        """The Hessian at the first of the minima ``[D, D]``."""

    def basin(self, points: Tensor) -> Tensor:
        """Return a number for the region that each point lies in, ``[...]``; a ball that leaves its own has escaped.

        One region is all there is, unless a kind of surface says more.
        """
        return torch.zeros(points.shape[:-1], dtype=torch.int64)

    @property
    def dimensions(self) -> int:
        """D."""
        return len(self.start)

    @property
    def lowest(self) -> float:
        """The loss at the first of the minima."""
        return float(self.value(torch.tensor(self.minima[0], dtype=torch.float64)))

    @property
    def curvatures(self) -> tuple[float, ...]:
        """The Hessian's eigenvalues at the first of the minima, ascending."""
        return tuple(np.linalg.eigvalsh(np.array(self.hessian)).tolist())


def nearest(points: Tensor, places: tuple[Point, ...]) -> Tensor:
    """Return which of some places is nearest to each point ``[..., D]``, as its number ``[...]``.

    Example:
        >>> nearest(torch.tensor([[0.0], [0.9]]), ((-1.0,), (1.5,)))
        tensor([0, 1])
    """
    away = points[..., None, :] - torch.tensor(places, dtype=points.dtype)
    return away.square().sum(-1).argmin(-1)
