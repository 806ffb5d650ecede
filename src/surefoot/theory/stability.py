"""The largest stable learning rate of full-batch descent on a quadratic.

The convention is PyTorch's, ``v = momentum * v + grad``, ``w = w - lr * v``: the velocity does not contain the learning
rate. Along an eigenvector of the Hessian with eigenvalue ``sharpness`` the methods are linear recurrences of second
order; at the limit a root of the characteristic polynomial reaches -1.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from surefoot.core.errors import RecipeError
from surefoot.theory.linear_method import momentum_faults

FloatOrArray = TypeVar("FloatOrArray", float, NDArray[np.float64])


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
