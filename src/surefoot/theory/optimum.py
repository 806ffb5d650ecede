"""The best learning rate and momentum on a quadratic, and the effective rate that combines them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from surefoot.core.errors import RecipeError
from surefoot.theory.linear_method import Array
from surefoot.theory.stability import FloatOrArray


@dataclass(frozen=True, slots=True)
class Optimum:
    """The best setting of an optimizer on a quadratic.

    Attributes:
        lr: Learning rate.
        momentum: Momentum.
        rate: Convergence rate: the factor by which the error shrinks per step.
    """

    lr: float
    momentum: float
    rate: float


def polyak_optimum(largest: float, smallest: float) -> Optimum:
    """Return the heavy ball's best learning rate and momentum on a quadratic.

        lr = (2 / (√L + √μ))²,  momentum = ((√κ - 1) / (√κ + 1))²,  rate = (√κ - 1) / (√κ + 1),  κ = L / μ

    Args:
        largest: Largest eigenvalue L of the Hessian.
        smallest: Smallest eigenvalue μ of the Hessian, above 0.

    Raises:
        RecipeError: If not 0 < smallest <= largest.

    Reference:
        Polyak (1964), Some methods of speeding up the convergence of iteration methods.

    Example:
        >>> round(polyak_optimum(100.0, 1.0).momentum, 6)  # (9 / 11)²
        0.669421
    """
    _require_ordered(largest, smallest)
    root_largest, root_smallest = np.sqrt(largest), np.sqrt(smallest)
    rate = float((root_largest - root_smallest) / (root_largest + root_smallest))
    return Optimum(float((2.0 / (root_largest + root_smallest)) ** 2), rate**2, rate)


def descent_optimum(largest: float, smallest: float) -> Optimum:
    """Return the best learning rate without momentum on a quadratic.

        lr = 2 / (L + μ),  rate = (κ - 1) / (κ + 1),  κ = L / μ

    Args:
        largest: Largest eigenvalue L of the Hessian.
        smallest: Smallest eigenvalue μ of the Hessian, above 0.

    Raises:
        RecipeError: If not 0 < smallest <= largest.

    Reference:
        Nesterov (2004), Introductory lectures on convex optimization, theorem 2.1.15.

    Example:
        >>> descent_optimum(3.0, 1.0)
        Optimum(lr=0.5, momentum=0.0, rate=0.5)
    """
    _require_ordered(largest, smallest)
    return Optimum(2.0 / (largest + smallest), 0.0, (largest - smallest) / (largest + smallest))


def critical_momentum(lr: ArrayLike, curvature: ArrayLike) -> Array:
    """Return the momentum with which the heavy ball converges fastest along an eigenvector; above it, it oscillates.

        (1 - √(lr * curvature))²    if lr * curvature < 1, otherwise 0

    Args:
        lr: Learning rate, at least 0.
        curvature: Eigenvalue of the Hessian, at least 0; broadcast with ``lr``.

    Raises:
        RecipeError: If their product is negative.

    Reference:
        Goh (2017), Why momentum really works, doi:10.23915/distill.00006.

    Example:
        >>> critical_momentum([0.01, 0.25, 4.0], 1.0).round(3).tolist()
        [0.81, 0.25, 0.0]
    """
    product = np.asarray(lr, dtype=np.float64) * np.asarray(curvature, dtype=np.float64)
    if not np.all(product >= 0.0):
        raise RecipeError(f"lr * curvature must be at least 0; given {np.min(product):g}.")
    return (1.0 - np.sqrt(np.minimum(product, 1.0))) ** 2


def effective_rate(lr: FloatOrArray, momentum: float) -> FloatOrArray:
    """Return the effective rate ``lr / (1 - momentum)``: a step in the long run, per unit of a constant gradient.

    Args:
        lr: Learning rate; a number or an array of any shape.
        momentum: Momentum, in [0, 1).

    Example:
        >>> round(effective_rate(0.01, 0.9), 6)
        0.1
    """
    return lr / (1.0 - momentum)


def _require_ordered(largest: float, smallest: float) -> None:
    if not 0.0 < smallest <= largest:
        raise RecipeError(
            f"eigenvalues must be 0 < smallest <= largest; given smallest {smallest:g}, largest {largest:g}."
        )
