"""Full-batch descent on a quadratic: its largest stable learning rate, and its best learning rate and momentum.

The convention is PyTorch's, ``v = momentum * v + grad``, ``w = w - lr * v``: the velocity does not contain the learning
rate. Along an eigenvector of the Hessian with eigenvalue ``sharpness`` the methods are linear recurrences of second
order; at the limit a root of the characteristic polynomial reaches -1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.core.errors import RecipeError
from surefoot.theory.linear_method import Array, momentum_faults

FloatOrArray = TypeVar("FloatOrArray", float, NDArray[np.float64])

# Learning rate times sharpness at which a step of gradient descent ends as high as it began: the edge of stability
# (Cohen et al., 2021, arXiv:2103.00065).
EDGE_OF_STABILITY = 2.0


def heavy_ball_limit(sharpness: FloatOrArray, *, momentum: float) -> FloatOrArray:
    """Return the largest stable learning rate of full-batch heavy-ball descent on a quadratic.

        lr < 2 (1 + momentum) / sharpness

    Without momentum it is gradient descent's, 2 / sharpness.

    Args:
        sharpness: Top eigenvalue of the Hessian, > 0; a number or an array of any shape.
        momentum: Momentum, in [0, 1).

    Returns:
        Limit of the learning rate, shape of ``sharpness``.

    Raises:
        RecipeError: If momentum is outside [0, 1), or a sharpness is not above 0.

    Reference:
        Polyak (1964); Cohen et al. (2021), arXiv:2103.00065, appendix B.

    Example:
        >>> heavy_ball_limit(2.0, momentum=0.5)
        1.5
    """
    require_stability_arguments(sharpness, momentum)
    return 2.0 * (1.0 + momentum) / sharpness


def nesterov_limit(sharpness: FloatOrArray, *, momentum: float) -> FloatOrArray:
    """Return the largest stable learning rate of full-batch Nesterov descent on a quadratic.

        lr < 2 (1 + momentum) / ((1 + 2 momentum) sharpness)

    In PyTorch's form, ``w = w - lr * (grad + momentum * v)``. It decreases with momentum, to 4 / (3 sharpness) as
    momentum approaches 1.

    Args:
        sharpness: Top eigenvalue of the Hessian, > 0; a number or an array of any shape.
        momentum: Momentum, in [0, 1).

    Returns:
        Limit of the learning rate, shape of ``sharpness``.

    Raises:
        RecipeError: If momentum is outside [0, 1), or a sharpness is not above 0.

    Reference:
        Cohen et al. (2021), arXiv:2103.00065, appendix B.

    Example:
        >>> nesterov_limit(2.0, momentum=0.5)
        0.75
    """
    require_stability_arguments(sharpness, momentum)
    return 2.0 * (1.0 + momentum) / ((1.0 + 2.0 * momentum) * sharpness)


def adam_limit(sharpness: FloatOrArray, *, beta1: float) -> FloatOrArray:
    """Return the largest stable learning rate of full-batch Adam on a quadratic, with a constant second moment.

        lr < 2 (1 + beta1) / ((1 - beta1) sharpness)

    Adam is a heavy ball whose velocity adds 1 - beta1 times the gradient. With beta1 = 0.9 the limit is 38 / sharpness.

    Args:
        sharpness: Top eigenvalue of the *preconditioned* Hessian P⁻¹H, > 0; P has the square root of the second
            moment on its diagonal; a number or an array of any shape.
        beta1: Decay rate of the first moment, in [0, 1).

    Returns:
        Limit of the learning rate, shape of ``sharpness``.

    Raises:
        RecipeError: If beta1 is outside [0, 1), or a sharpness is not above 0.

    Reference:
        Cohen et al. (2022), Adaptive gradient methods at the edge of stability, arXiv:2207.14484.

    Example:
        >>> round(adam_limit(1.0, beta1=0.9), 6)
        38.0
    """
    return heavy_ball_limit(sharpness, momentum=beta1) / (1.0 - beta1)


def require_stability_arguments(sharpness: float | NDArray[np.float64], momentum: float) -> None:
    """Raise an error unless the arguments of a stability limit are within bounds.

    Raises:
        RecipeError: If momentum is outside [0, 1), or a sharpness is not above 0.
    """
    faults = [*momentum_faults(momentum)]
    if not bool(np.all(np.asarray(sharpness) > 0.0)):
        faults.append(f"the sharpness must be above 0; given {sharpness}")
    if faults:
        raise RecipeError("a stability limit: " + "; ".join(faults) + ".")


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
