"""Optimal settings against a search on a fine grid."""

import numpy as np
import pytest
import torch
from tests.unit.theory.torch_sgd import CURVATURE

from surefoot.core.errors import RecipeError
from surefoot.theory.convergence import ConvergenceRegion, convergence_rate, convergence_region
from surefoot.theory.linear_method import heavy_ball
from surefoot.theory.optimum import critical_momentum, descent_optimum, effective_rate, polyak_optimum


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


def test_arguments_out_of_bounds_are_refused():
    with pytest.raises(RecipeError, match="given smallest 2, largest 1"):
        polyak_optimum(1.0, 2.0)
    with pytest.raises(RecipeError, match="at least 0; given -1"):
        critical_momentum([-1.0, 1.0], 1.0)
