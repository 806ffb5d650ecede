"""An optimizer on a quadratic: a linear recurrence that the gradient pushes.

Along an eigenvector of the Hessian the state is x = (velocity, position), and one step of any method with a velocity is

    x' = carry x + push g        with the gradient g = curvature * position + noise

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
# From the learning rate to the method at that rate.
AtRate: TypeAlias = Callable[[ArrayLike], "LinearMethod"]


@dataclass(frozen=True, slots=True, eq=False)
class LinearMethod:
    """An optimizer with a velocity, at settings of shape ``[...]``.

    Attributes:
        carry: What becomes of the state without a gradient ``[..., 2, 2]``.
        push: What a gradient of 1 adds to it ``[..., 2]``.
    """

    carry: Array
    push: Array

    def matrix(self, curvature: ArrayLike) -> Array:
        """Return the iteration matrix on a quadratic of some curvature: ``carry + curvature * push e_positionᵀ``.

        Args:
            curvature: The Hessian's eigenvalue; broadcast with the settings.

        Returns:
            ``[..., 2, 2]``, acting on (velocity, position).

        Example:
            >>> heavy_ball(0.1, 0.9).matrix(2.0).round(3).tolist()
            [[0.9, 2.0], [-0.09, 0.8]]
        """
        pushed = np.asarray(curvature, dtype=np.float64)[..., None] * self.push
        matrix = np.broadcast_to(self.carry, (*pushed.shape[:-1], 2, 2)).copy()
        matrix[..., :, 1] += pushed
        return matrix


def heavy_ball(lr: ArrayLike, momentum: ArrayLike) -> LinearMethod:
    """Return SGD with momentum: ``v = momentum * v + g``, ``w = w - lr * v``.

    Without momentum it is gradient descent.

    Args:
        lr: At least 0.
        momentum: In [0, 1); broadcast with ``lr``.

    Raises:
        RecipeError: If one is out of its bounds.

    Reference:
        Polyak (1964), Some methods of speeding up the convergence of iteration methods.
    """
    lr, momentum = _settings(lr, momentum)
    return _method(lr, momentum, intake=1.0, by_velocity=momentum, by_gradient=1.0)


def nesterov(lr: ArrayLike, momentum: ArrayLike) -> LinearMethod:
    """Return SGD with Nesterov momentum, in PyTorch's form: ``v = momentum * v + g``, ``w = w - lr (g + momentum v)``.

    Args:
        lr: At least 0.
        momentum: In [0, 1); broadcast with ``lr``.

    Raises:
        RecipeError: If one is out of its bounds.

    Reference:
        Sutskever et al. (2013), On the importance of initialization and momentum in deep learning.
    """
    lr, momentum = _settings(lr, momentum)
    return _method(lr, momentum, intake=1.0, by_velocity=momentum**2, by_gradient=1.0 + momentum)


def adam(lr: ArrayLike, beta1: ArrayLike, *, preconditioner: ArrayLike = 1.0) -> LinearMethod:
    """Return Adam long after its start, with a second moment that stands still: ``m = β1 m + (1 - β1) g``,
    ``w = w - lr / preconditioner * m``.

    Args:
        lr: At least 0.
        beta1: In [0, 1); broadcast with ``lr``.
        preconditioner: The root of the second moment along the eigenvector, above 0.

    Raises:
        RecipeError: If one is out of its bounds.

    Reference:
        Cohen et al. (2022), Adaptive gradient methods at the edge of stability, arXiv:2207.14484.
    """
    if not np.all(np.asarray(preconditioner) > 0.0):
        raise RecipeError(f"a preconditioner must be above 0; given {np.min(preconditioner):g}.")
    lr, beta1 = _settings(np.asarray(lr, dtype=np.float64) / np.asarray(preconditioner), beta1)
    return _method(lr, beta1, intake=1.0 - beta1, by_velocity=beta1, by_gradient=1.0 - beta1)


def _method(
    lr: Array, momentum: Array, *, intake: float | Array, by_velocity: Array, by_gradient: float | Array
) -> LinearMethod:
    """Return the method v' = momentum v + intake g, w' = w - lr (by_velocity v + by_gradient g)."""
    zero, one = np.zeros_like(lr), np.ones_like(lr)
    carry = np.stack([np.stack([momentum, zero], -1), np.stack([-lr * by_velocity, one], -1)], -2)
    return LinearMethod(carry, np.stack([intake * one, -lr * by_gradient], -1))


def _settings(lr: ArrayLike, momentum: ArrayLike) -> tuple[Array, Array]:
    lr, momentum = np.broadcast_arrays(np.asarray(lr, dtype=np.float64), np.asarray(momentum, dtype=np.float64))
    faults = [*momentum_faults(momentum), *_faults(lr, lr >= 0.0, "the learning rate must be at least 0")]
    if faults:
        raise RecipeError("a method on a quadratic: " + "; ".join(faults) + ".")
    return lr, momentum


def momentum_faults(momentum: ArrayLike) -> Iterator[str]:
    """Yield what is wrong with momenta, naming the first that is."""
    momentum = np.asarray(momentum, dtype=np.float64)
    yield from _faults(momentum, (momentum >= 0.0) & (momentum < 1.0), "momentum must be at least 0 and below 1")


def _faults(values: Array, allowed: NDArray[np.bool_], rule: str) -> Iterator[str]:
    """Yield the rule with the first value that it does not allow; what is not a number is never allowed."""
    if not np.all(allowed):
        yield f"{rule}; given {float(values[~allowed].flat[0])}"
