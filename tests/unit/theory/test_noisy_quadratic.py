"""The second moments against expectations over every path of coin tosses, which are exact, and published formulas."""

from functools import partial
from itertools import product

import numpy as np
import pytest

from surefoot.core.errors import RecipeError
from surefoot.theory.convergence import rate
from surefoot.theory.linear_method import adam, heavy_ball, nesterov
from surefoot.theory.noisy_quadratic import (
    POSITION,
    noisy_limit,
    second_moment_operator,
    second_moment_rate,
    stationary_moments,
)
from surefoot.theory.stability import heavy_ball_limit, nesterov_limit

CURVATURE, NOISE = 2.0, 1.5
METHODS = [heavy_ball(0.2, 0.9), nesterov(0.2, 0.8), adam(0.5, 0.9, preconditioner=0.7)]


def moments_over_all_paths(method, steps):
    """Curvature is its mean plus or minus its noise, each with a probability of a half."""
    total = np.zeros((2, 2))
    for signs in product((-1, 1), repeat=steps):
        state = np.array([0.3, 1.0])
        for sign in signs:
            state = method.matrix(CURVATURE + sign * NOISE) @ state
        total += np.outer(state, state)
    total /= 2**steps
    return np.array([total[0, 0], total[0, 1], total[1, 1]])


@pytest.mark.parametrize("method", METHODS)
def test_the_operator_is_the_expectation_over_all_paths(method):
    operator = second_moment_operator(method, CURVATURE, NOISE)
    found = np.linalg.matrix_power(operator, 8) @ np.array([0.09, 0.3, 1.0])
    assert found == pytest.approx(moments_over_all_paths(method, 8), rel=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_without_noise_second_moments_go_by_the_square_of_the_rate(method):
    assert second_moment_rate(method, CURVATURE) == pytest.approx(rate(method, CURVATURE) ** 2, rel=1e-7)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_without_noise_the_limit_is_that_of_stability(momentum):
    found = noisy_limit(partial(heavy_ball, momentum=momentum), CURVATURE)
    assert found == pytest.approx(heavy_ball_limit(CURVATURE, momentum=momentum), rel=1e-9)
    found = noisy_limit(partial(nesterov, momentum=momentum), CURVATURE)
    assert found == pytest.approx(nesterov_limit(CURVATURE, momentum=momentum), rel=1e-9)


@pytest.mark.parametrize("noise", [0.1, 1.0, 10.0])
def test_without_momentum_the_limit_is_the_closed_form(noise):
    found = noisy_limit(partial(heavy_ball, momentum=0.0), CURVATURE, noise)
    assert found == pytest.approx(2 * CURVATURE / (CURVATURE**2 + noise**2), rel=1e-9)


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
    found = stationary_moments(heavy_ball(lr, momentum), CURVATURE, gradient_noise=noise)[POSITION]
    expected = lr * noise**2 * (1 + momentum) / (CURVATURE * (1 - momentum) * (2 * (1 + momentum) - lr * CURVATURE))
    assert float(found) == pytest.approx(expected, rel=1e-10)


def test_the_balance_is_one_that_a_step_leaves_alone():
    method = nesterov(0.05, 0.9)
    found = stationary_moments(method, CURVATURE, gradient_noise=0.3, curvature_noise=0.5)
    push = method.push
    added = 0.3**2 * np.array([push[0] ** 2, push[0] * push[1], push[1] ** 2])
    assert second_moment_operator(method, CURVATURE, 0.5) @ found + added == pytest.approx(found, rel=1e-12)


def test_where_nothing_is_stable_the_moments_are_infinite():
    found = stationary_moments(heavy_ball([0.1, 3.0], 0.0), 1.0, gradient_noise=1.0)
    assert np.isfinite(found[0]).all()
    assert np.isinf(found[1]).all()


def test_noise_narrows_the_stable_range_with_momentum_more_than_without():
    shares = []
    for momentum in (0.0, 0.9):
        method = partial(heavy_ball, momentum=momentum)
        shares.append(noisy_limit(method, 1.0, 3.0) / noisy_limit(method, 1.0))
    assert shares[1] < shares[0]


@pytest.mark.parametrize(("curvature", "noise"), [(0.0, 0.0), (-1.0, 0.0), (1.0, -0.1), (float("nan"), 0.0)])
def test_what_has_no_limit_is_refused(curvature, noise):
    with pytest.raises(RecipeError, match="given"):
        noisy_limit(partial(heavy_ball, momentum=0.5), curvature, noise)


def test_negative_noise_is_refused():
    with pytest.raises(RecipeError, match="noise must be at least 0; given -1"):
        stationary_moments(heavy_ball(0.1, 0.5), 1.0, gradient_noise=-1.0)
