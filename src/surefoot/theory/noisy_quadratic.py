"""Optimization of a noisy quadratic, a model of mini-batch training, by its second moments.

Every step has its own curvature, and noise in its gradient,

    g_t = h_t w + n_t,    mean h_t = curvature,  sd h_t = curvature_noise,  mean n_t = 0,  sd n_t = gradient_noise

all independent. With the state x = (velocity, position) of a linear method, the matrix E[x xᵀ] changes in a step to

    E[x xᵀ]' = A E[x xᵀ] Aᵀ + curvature_noise² E[w²] p pᵀ + gradient_noise² p pᵀ

with the iteration matrix A at the mean curvature and the method's gradient input p. This map of the three second
moments is linear and exact: it decides whether the expected loss is stable, for any distribution of the noise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from surefoot.core.errors import RecipeError
from surefoot.theory.linear_method import Array, LinearMethod, MethodAtRate

# Indices of the three second moments: E[v²] of the velocity, E[v w] of velocity and position, E[w²] of the position.
VELOCITY, CROSS, POSITION = range(3)
# The limit is searched for between these multiples of 2 / curvature, on a logarithmic grid with this number of points.
LIMIT_SEARCH_LOWEST, LIMIT_SEARCH_HIGHEST, LIMIT_SEARCH_POINTS = 1e-9, 1e3, 600


def second_moment_operator(method: LinearMethod, curvature: ArrayLike, curvature_noise: ArrayLike = 0.0) -> Array:
    """Return the matrix that maps (E[v²], E[v w], E[w²]) to their values a step later, without gradient noise.

    Args:
        method: The optimizer, at settings of shape ``[...]``.
        curvature: Mean curvature; broadcast with the settings.
        curvature_noise: Its standard deviation from step to step, at least 0; broadcast as well.

    Returns:
        The matrix, shape ``[..., 3, 3]``.

    Raises:
        RecipeError: If the noise is negative.

    Reference:
        Jain et al. (2018), Accelerating stochastic gradient descent, arXiv:1704.08227; Wu, Ma & E (2018),
        How SGD selects the global minima, for SGD without momentum.
    """
    noise = _noise(curvature_noise)
    matrix = method.matrix(curvature)
    a, b, c, d = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 0], matrix[..., 1, 1]
    rows = [[a * a, 2 * a * b, b * b], [a * c, a * d + b * c, b * d], [c * c, 2 * c * d, d * d]]
    from_noise = noise[..., None] ** 2 * _input_moments(method)
    operator = np.stack([np.stack(np.broadcast_arrays(*row), -1) for row in rows], -2)
    operator = np.broadcast_to(
        operator, (*np.broadcast_shapes(operator.shape[:-2], from_noise.shape[:-1]), 3, 3)
    ).copy()
    operator[..., :, POSITION] += from_noise
    return operator


def second_moment_rate(method: LinearMethod, curvature: ArrayLike, curvature_noise: ArrayLike = 0.0) -> Array:
    """Return the factor by which the second moments grow per step in the long run; below 1 they are stable.

    Without noise it is the square of :func:`surefoot.theory.convergence.convergence_rate`.

    Args:
        method: The optimizer, at settings of shape ``[...]``.
        curvature: Mean curvature; broadcast with the settings.
        curvature_noise: Its standard deviation; broadcast as well.

    Example:
        >>> from surefoot.theory.linear_method import heavy_ball
        >>> float(second_moment_rate(heavy_ball(1.0, 0.0), 1.0, 0.5))  # E[(1 - lr h)²]
        0.25
    """
    operator = second_moment_operator(method, curvature, curvature_noise)
    moduli: Array = np.abs(np.linalg.eigvals(operator)).max(-1)
    return moduli


def noisy_limit(method_at: MethodAtRate, curvature: float, curvature_noise: float = 0.0) -> float:
    """Return the largest learning rate with which the expected loss of a noisy quadratic stays bounded.

    For gradient descent it is 2 curvature / (curvature² + curvature_noise²); with momentum there is no closed form.

    Args:
        method_at: Returns the method with a learning rate, as ``partial(heavy_ball, momentum=0.9)``.
        curvature: Mean curvature, above 0.
        curvature_noise: Its standard deviation from step to step, at least 0.

    Raises:
        RecipeError: If the curvature is not above 0, the noise is negative, or the limit lies outside of 1e-9 to 1e3
            times 2 / curvature.

    Example:
        >>> from functools import partial
        >>> from surefoot.theory.linear_method import heavy_ball
        >>> [round(noisy_limit(partial(heavy_ball, momentum=0.9), 1.0, sd), 3) for sd in (0.0, 0.3, 3.0)]
        [3.8, 1.402, 0.022]
    """
    from scipy.optimize import brentq  # noqa: PLC0415  (importing it takes a third of a second)

    if not curvature > 0.0:
        raise RecipeError(f"the curvature must be above 0; given {curvature:g}.")

    def excess(lr: float) -> float:
        return float(second_moment_rate(method_at(lr), curvature, curvature_noise)) - 1.0

    rates = np.geomspace(LIMIT_SEARCH_LOWEST, LIMIT_SEARCH_HIGHEST, LIMIT_SEARCH_POINTS) * 2.0 / curvature
    unstable = np.flatnonzero(second_moment_rate(method_at(rates), curvature, curvature_noise) >= 1.0)
    if len(unstable) == 0 or unstable[0] == 0:
        raise RecipeError(
            f"the noisy quadratic has no stability limit between learning rates {rates[0]:.3g} and {rates[-1]:.3g}.",
            hint="the noise of the curvature has the unit of the curvature.",
        )
    first_unstable = int(unstable[0])
    return float(brentq(excess, rates[first_unstable - 1], rates[first_unstable], xtol=1e-300, rtol=1e-12))


def stationary_moments(
    method: LinearMethod, curvature: ArrayLike, *, gradient_noise: ArrayLike, curvature_noise: ArrayLike = 0.0
) -> Array:
    """Return (E[v²], E[v w], E[w²]) in the stationary state, where noise and descent balance.

    Args:
        method: The optimizer, at settings of shape ``[...]``.
        curvature: Mean curvature; broadcast with the settings.
        gradient_noise: Standard deviation of the gradient's noise, at least 0; broadcast as well.
        curvature_noise: Standard deviation of the curvature from step to step.

    Returns:
        The second moments, shape ``[..., 3]``; infinite where they grow without bound.

    Raises:
        RecipeError: If a noise is negative.

    Reference:
        For the heavy ball without curvature noise E[w²] = lr s² (1 + m) / (c (1 - m) (2 (1 + m) - lr c)): Gitman et
        al. (2019), Understanding the role of momentum in stochastic gradient methods, arXiv:1910.13962.

    Example:
        >>> from surefoot.theory.linear_method import heavy_ball
        >>> stationary_moments(heavy_ball(0.5, 0.0), 1.0, gradient_noise=1.0)[POSITION].round(4).item()  # lr / (2 - lr)
        0.3333
    """
    operator = second_moment_operator(method, curvature, curvature_noise)
    added = _noise(gradient_noise)[..., None] ** 2 * _input_moments(method)
    added = np.broadcast_to(added, np.broadcast_shapes(added.shape, operator.shape[:-1]))
    stable = np.abs(np.linalg.eigvals(operator)).max(-1) < 1.0
    # Where the method is unstable the solution is meaningless, and the matrix may be singular: use the identity there.
    solvable = np.where(stable[..., None, None], np.eye(3) - operator, np.eye(3))
    moments = np.linalg.solve(solvable, added[..., None])[..., 0]
    return np.where(stable[..., None], moments, np.inf)


def _noise(standard_deviation: ArrayLike) -> Array:
    noise = np.asarray(standard_deviation, dtype=np.float64)
    if not np.all(noise >= 0.0):
        raise RecipeError(f"noise must be at least 0; given {np.min(noise):g}.")
    return noise


def _input_moments(method: LinearMethod) -> Array:
    """Return the second moments that a gradient of variance 1 adds."""
    velocity, position = method.gradient_input[..., 0], method.gradient_input[..., 1]
    return np.stack([velocity**2, velocity * position, position**2], -1)
