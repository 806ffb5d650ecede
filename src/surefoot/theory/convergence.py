"""Convergence of an optimizer on a quadratic: its rate, whether it oscillates, and the number of steps it needs."""

from __future__ import annotations

from enum import IntEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.core.errors import RecipeError
from surefoot.theory.linear_method import Array, LinearMethod

Regions: TypeAlias = NDArray[np.int64]


class ConvergenceRegion(IntEnum):
    """Long-run behaviour of the error."""

    MONOTONE = 0
    OSCILLATING = 1
    DIVERGENT = 2


def convergence_rate(method: LinearMethod, curvature: ArrayLike) -> Array:
    """Return the factor by which the error shrinks per step in the long run: the iteration matrix's spectral radius.

    The roots of z² - t z + d = 0, with the trace t and the determinant d, are complex where t² < 4 d; there both have
    modulus √d: √momentum for the heavy ball. Elsewhere the larger modulus is (|t| + √(t² - 4 d)) / 2.

    Args:
        method: The optimizer, at settings of shape ``[...]``.
        curvature: Eigenvalue of the Hessian; broadcast with the settings.

    Returns:
        The factor, shape ``[...]``; at least 1 where the method does not converge.

    Reference:
        Goh (2017), Why momentum really works, doi:10.23915/distill.00006; O'Donoghue & Candès (2015),
        arXiv:1204.3982.

    Example:
        >>> from surefoot.theory.linear_method import heavy_ball
        >>> float(convergence_rate(heavy_ball(0.1, 0.81), 1.0))  # √momentum, however small lr is
        0.9
    """
    trace, determinant = _characteristic(method, curvature)
    discriminant = trace**2 - 4.0 * determinant
    real = (np.abs(trace) + np.sqrt(np.maximum(discriminant, 0.0))) / 2.0
    return np.where(discriminant < 0.0, np.sqrt(np.maximum(determinant, 0.0)), real)


def convergence_region(method: LinearMethod, curvature: ArrayLike) -> Regions:
    """Return the long-run behaviour of the error, as integers of :class:`ConvergenceRegion`.

    It is divergent also where the error stays constant, as with a learning rate of 0. It is oscillating where the roots
    are complex, and where the larger one is negative, as with a learning rate above half the limit of gradient descent.

    Args:
        method: The optimizer, at settings of shape ``[...]``.
        curvature: Eigenvalue of the Hessian; broadcast with the settings.

    Example:
        >>> from surefoot.theory.linear_method import heavy_ball
        >>> [ConvergenceRegion(int(each)).name for each in convergence_region(heavy_ball([0.5, 1.5, 2.5], 0.0), 1.0)]
        ['MONOTONE', 'OSCILLATING', 'DIVERGENT']
    """
    trace, determinant = _characteristic(method, curvature)
    oscillates = (trace**2 < 4.0 * determinant) | (trace < 0.0)
    if_convergent = np.where(oscillates, ConvergenceRegion.OSCILLATING, ConvergenceRegion.MONOTONE)
    return np.where(convergence_rate(method, curvature) >= 1.0, ConvergenceRegion.DIVERGENT, if_convergent).astype(
        np.int64
    )


def steps_to_tolerance(tolerance: float, rates: ArrayLike) -> Array:
    """Return the number of steps in which the error shrinks to a share of what it was, in the long run.

        log(tolerance) / log(rate)

    Args:
        tolerance: The share, in (0, 1).
        rates: Convergence rates, from :func:`convergence_rate`.

    Returns:
        Number of steps, not rounded, shape of ``rates``; infinite where the rate is 1 or more, 0 where it is 0.

    Raises:
        RecipeError: If the tolerance is not between 0 and 1.

    Example:
        >>> steps_to_tolerance(0.01, [0.1, 0.9, 1.0]).round(1).tolist()
        [2.0, 43.7, inf]
    """
    if not 0.0 < tolerance < 1.0:
        raise RecipeError(f"a tolerance must be between 0 and 1; given {tolerance:g}.")
    rates = np.asarray(rates, dtype=np.float64)
    with np.errstate(divide="ignore"):
        steps = np.log(tolerance) / np.log(np.clip(rates, 0.0, 1.0))
    return np.where(rates < 1.0, np.abs(steps), np.inf)


def _characteristic(method: LinearMethod, curvature: ArrayLike) -> tuple[Array, Array]:
    """Return trace and determinant of the iteration matrix."""
    matrix = method.matrix(curvature)
    trace = matrix[..., 0, 0] + matrix[..., 1, 1]
    return trace, matrix[..., 0, 0] * matrix[..., 1, 1] - matrix[..., 0, 1] * matrix[..., 1, 0]
