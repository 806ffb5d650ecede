"""An optimizer on a quadratic is a linear recurrence with the gradient as its input.

Along an eigenvector of the Hessian the state is x = (velocity, position), and one step of any method with a velocity is

    x' = transition x + gradient_input g        with the gradient g = curvature * position + noise

The conventions are PyTorch's: ``v = momentum * v + grad``, ``w = w - lr * v``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.core.errors import RecipeError

Array: TypeAlias = NDArray[np.float64]
# Returns the method with a learning rate.
MethodAtRate: TypeAlias = Callable[[ArrayLike], "LinearMethod"]


@dataclass(frozen=True, slots=True, eq=False)
class LinearMethod:
    """An optimizer with a velocity, at settings of shape ``[...]``.

    Attributes:
        transition: Matrix that the state is multiplied by in a step without gradient, shape ``[..., 2, 2]``.
        gradient_input: Vector that a gradient of 1 adds to the state, shape ``[..., 2]``.
    """

    transition: Array
    gradient_input: Array

    def matrix(self, curvature: ArrayLike) -> Array:
        """Return the iteration matrix on a quadratic: ``transition + curvature * gradient_input e_positionᵀ``.

        Args:
            curvature: Eigenvalue of the Hessian; broadcast with the settings.

        Returns:
            Matrix that maps (velocity, position) to the next step, shape ``[..., 2, 2]``.

        Example:
            >>> heavy_ball(0.1, 0.9).matrix(2.0).round(3).tolist()
            [[0.9, 2.0], [-0.09, 0.8]]
        """
        feedback = np.asarray(curvature, dtype=np.float64)[..., None] * self.gradient_input
        matrix = np.broadcast_to(self.transition, (*feedback.shape[:-1], 2, 2)).copy()
        matrix[..., :, 1] += feedback
        return matrix


def heavy_ball(lr: ArrayLike, momentum: ArrayLike) -> LinearMethod:
    """Return SGD with momentum: ``v = momentum * v + g``, ``w = w - lr * v``.

    Without momentum it is gradient descent.

    Args:
        lr: Learning rate, at least 0.
        momentum: Momentum, in [0, 1); broadcast with ``lr``.

    Raises:
        RecipeError: If an argument is out of bounds.

    Reference:
        Polyak (1964), Some methods of speeding up the convergence of iteration methods.
    """
    lr, momentum = _settings(lr, momentum)
    return _method(lr, momentum, gradient_weight=1.0, velocity_step=momentum, gradient_step=1.0)


def nesterov(lr: ArrayLike, momentum: ArrayLike) -> LinearMethod:
    """Return SGD with Nesterov momentum, in PyTorch's form: ``v = momentum * v + g``, ``w = w - lr (g + momentum v)``.

    Args:
        lr: Learning rate, at least 0.
        momentum: Momentum, in [0, 1); broadcast with ``lr``.

    Raises:
        RecipeError: If an argument is out of bounds.

    Reference:
        Sutskever et al. (2013), On the importance of initialization and momentum in deep learning.
    """
    lr, momentum = _settings(lr, momentum)
    return _method(lr, momentum, gradient_weight=1.0, velocity_step=momentum**2, gradient_step=1.0 + momentum)


def adam(lr: ArrayLike, beta1: ArrayLike, *, preconditioner: ArrayLike = 1.0) -> LinearMethod:
    """Return Adam long after its start, with a constant second moment: ``m = β1 m + (1 - β1) g``,
    ``w = w - lr / preconditioner * m``.

    Args:
        lr: Learning rate, at least 0.
        beta1: Decay rate of the first moment, in [0, 1); broadcast with ``lr``.
        preconditioner: Square root of the second moment along the eigenvector, above 0.

    Raises:
        RecipeError: If an argument is out of bounds.

    Reference:
        Cohen et al. (2022), Adaptive gradient methods at the edge of stability, arXiv:2207.14484.
    """
    if not np.all(np.asarray(preconditioner) > 0.0):
        raise RecipeError(f"a preconditioner must be above 0; given {np.min(preconditioner):g}.")
    lr, beta1 = _settings(np.asarray(lr, dtype=np.float64) / np.asarray(preconditioner), beta1)
    return _method(lr, beta1, gradient_weight=1.0 - beta1, velocity_step=beta1, gradient_step=1.0 - beta1)


def _method(
    lr: Array, momentum: Array, *, gradient_weight: float | Array, velocity_step: Array, gradient_step: float | Array
) -> LinearMethod:
    """Return the method v' = momentum v + gradient_weight g, w' = w - lr (velocity_step v + gradient_step g)."""
    zero, one = np.zeros_like(lr), np.ones_like(lr)
    transition = np.stack([np.stack([momentum, zero], -1), np.stack([-lr * velocity_step, one], -1)], -2)
    return LinearMethod(transition, np.stack([gradient_weight * one, -lr * gradient_step], -1))


def _settings(lr: ArrayLike, momentum: ArrayLike) -> tuple[Array, Array]:
    lr, momentum = np.broadcast_arrays(np.asarray(lr, dtype=np.float64), np.asarray(momentum, dtype=np.float64))
    faults = [*momentum_faults(momentum), *_faults(lr, lr >= 0.0, "the learning rate must be at least 0")]
    if faults:
        raise RecipeError("a method on a quadratic: " + "; ".join(faults) + ".")
    return lr, momentum


def momentum_faults(momentum: ArrayLike) -> Iterator[str]:
    """Yield an error message if a momentum is out of bounds, with the first one that is."""
    momentum = np.asarray(momentum, dtype=np.float64)
    yield from _faults(momentum, (momentum >= 0.0) & (momentum < 1.0), "momentum must be at least 0 and below 1")


def _faults(values: Array, allowed: NDArray[np.bool_], rule: str) -> Iterator[str]:
    """Yield a rule with the first value that it does not allow; NaN is never allowed."""
    if not np.all(allowed):
        yield f"{rule}; given {float(values[~allowed].flat[0])}"
