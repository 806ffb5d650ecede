"""Stability limits against torch's optimizer on a quadratic: just below them it converges, just above it diverges."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.unit.theory.torch_sgd import CURVATURE

from surefoot.core.errors import RecipeError
from surefoot.theory.convergence import ConvergenceRegion, convergence_rate, convergence_region
from surefoot.theory.linear_method import heavy_ball
from surefoot.theory.stable_and_best_rates import (
    critical_momentum,
    descent_optimum,
    effective_rate,
    heavy_ball_limit,
    nesterov_limit,
    polyak_optimum,
)

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


def test_at_the_critical_momentum_the_heavy_ball_is_fastest_and_above_it_it_oscillates():
    lr = 0.05
    critical = float(critical_momentum(lr, CURVATURE))
    momenta = np.linspace(0, 0.999, 2000)
    fastest = momenta[int(np.argmin(convergence_rate(heavy_ball(lr, momenta), CURVATURE)))]
    assert fastest == pytest.approx(critical, abs=1e-3)
    below, above = convergence_region(heavy_ball(lr, [critical - 1e-4, critical + 1e-4]), CURVATURE)
    assert (below, above) == (ConvergenceRegion.MONOTONE, ConvergenceRegion.OSCILLATING)


def test_polyaks_optimum_is_the_best_of_a_fine_grid():
    largest, smallest = 50.0, 2.0
    best = polyak_optimum(largest, smallest)
    lr, momentum = np.meshgrid(best.lr * np.linspace(0.5, 1.5, 301), np.linspace(0, 0.95, 301))
    worst = np.maximum(*(convergence_rate(heavy_ball(lr, momentum), curvature) for curvature in (largest, smallest)))
    assert best.rate <= worst.min() + 1e-12
    # At a double root rounding of 1e-16 shows as 1e-8.
    achieved = max(float(convergence_rate(heavy_ball(best.lr, best.momentum), each)) for each in (largest, smallest))
    assert achieved == pytest.approx(best.rate, abs=1e-7)


def test_the_best_rate_without_momentum_is_the_best_of_a_fine_grid():
    largest, smallest = 50.0, 2.0
    best = descent_optimum(largest, smallest)
    rates = best.lr * np.linspace(0.5, 1.5, 1001)
    worst = np.maximum(*(convergence_rate(heavy_ball(rates, 0.0), curvature) for curvature in (largest, smallest)))
    assert worst.min() == pytest.approx(best.rate, abs=1e-12)
    assert rates[worst.argmin()] == pytest.approx(best.lr, rel=1e-3)


def test_a_constant_gradient_moves_by_the_effective_rate():
    w = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.02, momentum=0.75)
    for _ in range(200):
        before = float(w.detach())
        optimizer.zero_grad()
        w.sum().backward()
        optimizer.step()
    assert before - float(w.detach()) == pytest.approx(float(effective_rate(0.02, 0.75)), rel=1e-12)


def test_optima_of_arguments_out_of_bounds_are_refused():
    with pytest.raises(RecipeError, match="given smallest 2, largest 1"):
        polyak_optimum(1.0, 2.0)
    with pytest.raises(RecipeError, match="at least 0; given -1"):
        critical_momentum([-1.0, 1.0], 1.0)
