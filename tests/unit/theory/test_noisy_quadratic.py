"""Second moments against exact expectations over all sequences of coin tosses, and against published formulas."""

from functools import partial
from itertools import product

import numpy as np
import pytest

from surefoot.core.errors import RecipeError
from surefoot.theory.convergence import convergence_rate
from surefoot.theory.linear_method import adam, heavy_ball, nesterov
from surefoot.theory.noisy_quadratic import (
    POSITION,
    noisy_limit,
    second_moment_operator,
    second_moment_rate,
    stationary_moments,
)
from surefoot.theory.stable_and_best_rates import heavy_ball_limit, nesterov_limit

CURVATURE, NOISE = 2.0, 1.5
METHODS = [heavy_ball(0.2, 0.9), nesterov(0.2, 0.8), adam(0.5, 0.9, preconditioner=0.7)]


def moments_over_all_sequences(method, steps):
    """Return the second moments where the curvature is its mean plus or minus its noise, each with probability 1/2."""
    total = np.zeros((2, 2))
    for signs in product((-1, 1), repeat=steps):
        state = np.array([0.3, 1.0])
        for sign in signs:
            state = method.matrix(CURVATURE + sign * NOISE) @ state
        total += np.outer(state, state)
    total /= 2**steps
    return np.array([total[0, 0], total[0, 1], total[1, 1]])


@pytest.mark.parametrize("method", METHODS)
def test_the_operator_gives_the_expectation_over_all_sequences(method):
    operator = second_moment_operator(method, CURVATURE, NOISE)
    computed = np.linalg.matrix_power(operator, 8) @ np.array([0.09, 0.3, 1.0])
    assert computed == pytest.approx(moments_over_all_sequences(method, 8), rel=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_without_noise_second_moments_converge_at_the_square_of_the_rate(method):
    assert second_moment_rate(method, CURVATURE) == pytest.approx(convergence_rate(method, CURVATURE) ** 2, rel=1e-7)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_without_noise_the_limit_is_the_stability_limit(momentum):
    computed = noisy_limit(partial(heavy_ball, momentum=momentum), CURVATURE)
    assert computed == pytest.approx(heavy_ball_limit(CURVATURE, momentum=momentum), rel=1e-9)
    computed = noisy_limit(partial(nesterov, momentum=momentum), CURVATURE)
    assert computed == pytest.approx(nesterov_limit(CURVATURE, momentum=momentum), rel=1e-9)


@pytest.mark.parametrize("noise", [0.1, 1.0, 10.0])
def test_without_momentum_the_limit_is_the_closed_form(noise):
    computed = noisy_limit(partial(heavy_ball, momentum=0.0), CURVATURE, noise)
    assert computed == pytest.approx(2 * CURVATURE / (CURVATURE**2 + noise**2), rel=1e-9)


@pytest.mark.parametrize("make", [partial(heavy_ball, momentum=0.9), partial(adam, beta1=0.9, preconditioner=0.1)])
def test_beyond_the_limit_the_moments_grow(make):
    limit = noisy_limit(make, CURVATURE, NOISE)
    assert second_moment_rate(make([0.999 * limit, 1.001 * limit]), CURVATURE, NOISE) == pytest.approx(
        [1.0, 1.0], abs=0.01
    )
    below, above = second_moment_rate(make([0.999 * limit, 1.001 * limit]), CURVATURE, NOISE)
    assert below < 1.0 < above


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_the_noise_floor_of_the_heavy_ball_is_the_published_formula(momentum):
    lr, noise = 0.1, 0.7
    computed = stationary_moments(heavy_ball(lr, momentum), CURVATURE, gradient_noise=noise)[POSITION]
    expected = lr * noise**2 * (1 + momentum) / (CURVATURE * (1 - momentum) * (2 * (1 + momentum) - lr * CURVATURE))
    assert float(computed) == pytest.approx(expected, rel=1e-10)


def test_a_step_does_not_change_the_stationary_moments():
    method = nesterov(0.05, 0.9)
    computed = stationary_moments(method, CURVATURE, gradient_noise=0.3, curvature_noise=0.5)
    velocity, position = method.gradient_input
    added = 0.3**2 * np.array([velocity**2, velocity * position, position**2])
    assert second_moment_operator(method, CURVATURE, 0.5) @ computed + added == pytest.approx(computed, rel=1e-12)


def test_at_an_unstable_setting_the_moments_are_infinite():
    computed = stationary_moments(heavy_ball([0.1, 3.0], 0.0), 1.0, gradient_noise=1.0)
    assert np.isfinite(computed[0]).all()
    assert np.isinf(computed[1]).all()


def test_noise_narrows_the_stable_range_with_momentum_more_than_without():
    shares = []
    for momentum in (0.0, 0.9):
        method = partial(heavy_ball, momentum=momentum)
        shares.append(noisy_limit(method, 1.0, 3.0) / noisy_limit(method, 1.0))
    assert shares[1] < shares[0]


@pytest.mark.parametrize(("curvature", "noise"), [(0.0, 0.0), (-1.0, 0.0), (1.0, -0.1), (float("nan"), 0.0)])
def test_curvature_and_noise_out_of_bounds_are_refused(curvature, noise):
    with pytest.raises(RecipeError, match="given"):
        noisy_limit(partial(heavy_ball, momentum=0.5), curvature, noise)


def test_negative_noise_is_refused():
    with pytest.raises(RecipeError, match="noise must be at least 0; given -1"):
        stationary_moments(heavy_ball(0.1, 0.5), 1.0, gradient_noise=-1.0)
