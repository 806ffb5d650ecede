"""Stability limits against torch's optimizer on a quadratic: just below them it converges, just above it diverges."""

import numpy as np
import pytest
import torch

from surefoot.core.errors import RecipeError
from surefoot.theory.stability import heavy_ball_limit, nesterov_limit

SHARPNESS = 3.0
# 1 % off the limit the error changes by a factor of 100 in 200 steps at most.
STEPS = 500


def distance_after(lr, momentum, *, nesterov):
    w = torch.ones(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=lr, momentum=momentum, nesterov=nesterov)
    for _ in range(STEPS):
        optimizer.zero_grad()
        (SHARPNESS / 2 * w**2).sum().backward()
        optimizer.step()
    return float(w.detach().abs())


@pytest.mark.parametrize("momentum", [0.1, 0.5, 0.9])
@pytest.mark.parametrize(("limit", "nesterov"), [(heavy_ball_limit, False), (nesterov_limit, True)])
def test_descent_is_stable_below_the_limit_and_not_above(limit, nesterov, momentum):
    lr = limit(SHARPNESS, momentum=momentum)
    assert distance_after(0.99 * lr, momentum, nesterov=nesterov) < 1e-2
    assert distance_after(1.01 * lr, momentum, nesterov=nesterov) > 1e2


def test_without_momentum_the_limit_is_that_of_gradient_descent():
    for limit in (heavy_ball_limit, nesterov_limit):
        assert limit(SHARPNESS, momentum=0.0) == pytest.approx(2 / SHARPNESS)


def test_arrays_are_computed_element_by_element():
    many = np.array([1.0, 2.0, 4.0])
    for limit in (heavy_ball_limit, nesterov_limit):
        assert limit(many, momentum=0.9).tolist() == pytest.approx([limit(one, momentum=0.9) for one in many.tolist()])


@pytest.mark.parametrize("limit", [heavy_ball_limit, nesterov_limit])
@pytest.mark.parametrize(
    ("sharpness", "momentum"), [(0.0, 0.9), (-1.0, 0.9), (float("nan"), 0.9), (1.0, 1.0), (1.0, -0.1)]
)
def test_arguments_out_of_bounds_are_refused(limit, sharpness, momentum):
    with pytest.raises(RecipeError, match="given"):
        limit(sharpness, momentum=momentum)


def test_both_errors_are_reported_at_once():
    with pytest.raises(RecipeError, match=r"momentum must be .* given 2.*sharpness must be above 0; given 0"):
        heavy_ball_limit(0.0, momentum=2.0)
