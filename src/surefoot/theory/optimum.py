"""Which learning rate and momentum are best on a quadratic, and what they have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from surefoot.core.errors import RecipeError
from surefoot.theory.linear_method import Array
from surefoot.theory.stability import Number


@dataclass(frozen=True, slots=True)
class Optimum:
    """The best setting of a method.

    Attributes:
        lr: Learning rate.
        momentum: Momentum.
        rate: Factor by which the error shrinks a step.
    """

    lr: float
    momentum: float
    rate: float


def polyak_optimum(largest: float, smallest: float) -> Optimum:
    """Return the heavy ball's best learning rate and momentum on a quadratic.

        lr = (2 / (√L + √μ))²,  momentum = ((√κ - 1) / (√κ + 1))²,  rate = (√κ - 1) / (√κ + 1),  κ = L / μ

    Args:
        largest: The Hessian's largest eigenvalue L.
        smallest: Its smallest μ, above 0.

    Raises:
        RecipeError: If not 0 < smallest <= largest.

    Reference:
        Polyak (1964), Some methods of speeding up the convergence of iteration methods.

    Example:
        >>> round(polyak_optimum(100.0, 1.0).momentum, 6)  # (9 / 11)²
        0.669421
    """
    _require_ordered(largest, smallest)
    long, short = np.sqrt(largest), np.sqrt(smallest)
    shrink = float((long - short) / (long + short))
    return Optimum(float((2.0 / (long + short)) ** 2), shrink**2, shrink)


def descent_optimum(largest: float, smallest: float) -> Optimum:
    """Return the best learning rate without momentum on a quadratic.

        lr = 2 / (L + μ),  rate = (κ - 1) / (κ + 1),  κ = L / μ

    Args:
        largest: The Hessian's largest eigenvalue L.
        smallest: Its smallest μ, above 0.

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
    """Return the momentum above which the heavy ball oscillates along an eigenvector; at it, it converges fastest.

        (1 - √(lr * curvature))²    as long as lr * curvature < 1

    Above that the heavy ball oscillates without momentum as well: 0.

    Args:
        lr: At least 0.
        curvature: The Hessian's eigenvalue, at least 0; broadcast with ``lr``.

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


def effective_rate(lr: Number, momentum: float) -> Number:
    """Return what a constant gradient moves a parameter by in the long run, a step: ``lr / (1 - momentum)``.

    Args:
        lr: Learning rate; a number or an array of any shape.
        momentum: In [0, 1).

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
