"""Iteration matrices against torch's optimizers, on a quadratic in float64."""

import numpy as np
import pytest
from tests.unit.theory.torch_sgd import CURVATURE, positions_by_torch

from surefoot.core.errors import RecipeError
from surefoot.theory.linear_method import adam, heavy_ball, nesterov

METHODS = {"heavy_ball": heavy_ball, "nesterov": nesterov}


def positions_by_theory(method, steps):
    """Return the positions by powers of the iteration matrix; torch's first velocity is the first gradient."""
    state, values = np.array([0.0, 1.0]), [1.0]
    for _ in range(steps):
        state = method.matrix(CURVATURE) @ state
        values.append(float(state[1]))
    return np.array(values)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("lr", [0.01, 0.3, 0.6, 0.9])
def test_the_iteration_matrix_is_what_torch_does(name, momentum, lr):
    real = positions_by_torch(lr, momentum, nesterov=name == "nesterov" and momentum > 0, steps=40)
    theory = positions_by_theory(METHODS[name](lr, momentum), 40)
    assert theory == pytest.approx(real, rel=1e-10, abs=1e-10)


def test_adam_with_a_constant_second_moment_follows_its_iteration_matrix():
    lr, beta1, preconditioner = 0.3, 0.9, 2.0
    velocity, w, state = 0.0, 1.0, np.array([0.0, 1.0])
    for _ in range(50):
        velocity = beta1 * velocity + (1 - beta1) * CURVATURE * w
        w -= lr / preconditioner * velocity
        state = adam(lr, beta1, preconditioner=preconditioner).matrix(CURVATURE) @ state
    assert state == pytest.approx([velocity, w], rel=1e-12)


@pytest.mark.parametrize("make", [heavy_ball, nesterov, adam])
def test_settings_out_of_bounds_are_refused(make):
    with pytest.raises(RecipeError, match=r"momentum must be .* given 1\.5; the learning rate .* given -1"):
        make([0.1, -1.0], [1.5, 0.5])
    with pytest.raises(RecipeError, match="given nan"):
        make(0.1, float("nan"))


def test_a_preconditioner_of_0_is_refused():
    with pytest.raises(RecipeError, match="preconditioner must be above 0"):
        adam(0.1, 0.9, preconditioner=0.0)
