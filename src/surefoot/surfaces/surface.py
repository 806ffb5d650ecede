"""The base class of surfaces, losses of one or two parameters, and the noise of their gradients."""

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
    """Noise as mini-batches have it: a gradient g becomes ``(1 + curvature * a) g + gradient * b``.

    The numbers a and b are drawn from a standard normal distribution, anew for every step and coordinate. On a
    quadratic with axes along the coordinates this is exactly the noisy quadratic of
    :mod:`surefoot.theory.noisy_quadratic`, whose curvature noise is ``curvature`` times the curvature.

    Attributes:
        gradient: Standard deviation of what is added to the gradient.
        curvature: Standard deviation of the factor of the gradient.

    Raises:
        RecipeError: If a standard deviation is negative or not finite.
    """

    gradient: float = 0.0
    curvature: float = 0.0

    def __post_init__(self) -> None:
        if not all(math.isfinite(each) and each >= 0.0 for each in (self.gradient, self.curvature)):
            raise RecipeError(
                f"noise must be a finite number, at least 0; given {self.gradient:g} and {self.curvature:g}."
            )

    def __bool__(self) -> bool:
        return self.gradient > 0.0 or self.curvature > 0.0


class Surface(ABC):
    """A loss of one or two parameters, with its gradient.

    Subclasses are frozen dataclasses. Points have the shape ``[..., D]``, with D 1 or 2.

    Attributes:
        quadratic: Whether the loss is a quadratic with axes along the coordinates, for which the theory is exact.
        noise: Default noise of the gradients.
    """

    __slots__ = ()
    quadratic: ClassVar[bool] = False
    noise: ClassVar[Noise] = Noise()

    @property
    @abstractmethod
    def name(self) -> str:
        """Name in commands and links."""

    @property
    @abstractmethod
    def about(self) -> str:
        """One sentence that says what the surface shows."""

    @property
    @abstractmethod
    def start(self) -> Point:
        """The default start of a descent, D coordinates."""

    @property
    @abstractmethod
    def box(self) -> tuple[tuple[float, float], ...]:
        """The part that figures show: (low, high) of every dimension."""

    @abstractmethod
    def value(self, points: Tensor) -> Tensor:
        """Return the loss at ``[..., D]``, shape ``[...]``."""

    @abstractmethod
    def gradient(self, points: Tensor) -> Tensor:
        """Return the gradient at ``[..., D]``, the same shape."""

    @property
    @abstractmethod
    def minima(self) -> tuple[Point, ...]:
        """Local minima, the lowest first; if there are infinitely many, only that one."""

    @property
    @abstractmethod
    def hessian(self) -> tuple[tuple[float, ...], ...]:
        """The Hessian at the lowest minimum, ``[D, D]``."""

    def basin(self, points: Tensor) -> Tensor:
        """Return an integer for the basin of attraction that each point lies in, shape ``[...]``.

        A trajectory that leaves its basin has escaped. By default there is one basin.
        """
        return torch.zeros(points.shape[:-1], dtype=torch.int64)

    @property
    def dimensions(self) -> int:
        """Number of parameters, D."""
        return len(self.start)

    @property
    def lowest(self) -> float:
        """The lowest loss."""
        return float(self.value(torch.tensor(self.minima[0], dtype=torch.float64)))

    @property
    def curvatures(self) -> tuple[float, ...]:
        """Eigenvalues of the Hessian at the lowest minimum, ascending."""
        return tuple(np.linalg.eigvalsh(np.array(self.hessian)).tolist())


def nearest_minimum(points: Tensor, minima: tuple[Point, ...]) -> Tensor:
    """Return the index of the minimum that is nearest to each point ``[..., D]``, shape ``[...]``.

    Example:
        >>> nearest_minimum(torch.tensor([[0.0], [0.9]]), ((-1.0,), (1.5,)))
        tensor([0, 1])
    """
    offsets = points[..., None, :] - torch.tensor(minima, dtype=points.dtype)
    return offsets.square().sum(-1).argmin(-1)
