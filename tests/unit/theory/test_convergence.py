"""Rates and regions against torch's own optimizers, run on a quadratic in float64."""

from functools import partial

import numpy as np
import pytest
import torch

from surefoot.core.errors import RecipeError
from surefoot.theory.convergence import Region, rate, region, steps_to
from surefoot.theory.linear_method import adam, heavy_ball, nesterov
from surefoot.theory.optimum import critical_momentum, descent_optimum, effective_rate, polyak_optimum
from surefoot.theory.stability import adam_limit, heavy_ball_limit, nesterov_limit

CURVATURE = 3.0
METHODS = {"heavy_ball": heavy_ball, "nesterov": nesterov}


def positions(lr, momentum, *, nesterov, steps, curvature=CURVATURE):
    w = torch.ones(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=lr, momentum=momentum, nesterov=nesterov)
    found = [1.0]
    for _ in range(steps):
        optimizer.zero_grad()
        (curvature / 2 * w**2).sum().backward()
        optimizer.step()
        found.append(float(w.detach()))
    return np.array(found)


def by_theory(method, steps):
    """The same course by powers of the iteration matrix; torch's first velocity is the first gradient."""
    state, found = np.array([0.0, 1.0]), [1.0]
    for _ in range(steps):
        state = method.matrix(CURVATURE) @ state
        found.append(float(state[1]))
    return np.array(found)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("lr", [0.01, 0.3, 0.6, 0.9])
def test_the_iteration_matrix_is_what_torch_does(name, momentum, lr):
    real = positions(lr, momentum, nesterov=name == "nesterov" and momentum > 0, steps=40)
    theory = by_theory(METHODS[name](lr, momentum), 40)
    assert theory == pytest.approx(real, rel=1e-10, abs=1e-10)


def test_adam_with_a_second_moment_that_stands_still_is_its_iteration_matrix():
    lr, beta1, size = 0.3, 0.9, 2.0
    velocity, w, state = 0.0, 1.0, np.array([0.0, 1.0])
    for _ in range(50):
        velocity = beta1 * velocity + (1 - beta1) * CURVATURE * w
        w -= lr / size * velocity
        state = adam(lr, beta1, preconditioner=size).matrix(CURVATURE) @ state
    assert state == pytest.approx([velocity, w], rel=1e-12)


@pytest.mark.parametrize("make", [heavy_ball, nesterov, partial(adam, preconditioner=0.5)])
def test_the_rate_is_the_spectral_radius(make):
    lr, momentum = np.meshgrid(np.geomspace(1e-3, 10, 30), np.linspace(0, 0.99, 30))
    method = make(lr, momentum)
    radius = np.abs(np.linalg.eigvals(method.matrix(CURVATURE))).max(-1)
    # At a double root eigenvalues are known to half the digits only.
    assert rate(method, CURVATURE) == pytest.approx(radius, abs=1e-6)


@pytest.mark.parametrize(
    ("make", "limit"),
    [
        (heavy_ball, heavy_ball_limit),
        (nesterov, nesterov_limit),
        (adam, lambda sharpness, momentum: adam_limit(sharpness, beta1=momentum)),
    ],
)
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9, 0.99])
def test_the_rate_is_one_at_the_limit_of_stability(make, limit, momentum):
    edge = limit(CURVATURE, momentum=momentum)
    assert float(rate(make(edge, momentum), CURVATURE)) == pytest.approx(1.0, abs=1e-10)
    assert region(make([0.999 * edge, 1.001 * edge], momentum), CURVATURE).tolist()[1] == Region.DIVERGENT
    assert float(rate(make(0.999 * edge, momentum), CURVATURE)) < 1.0


@pytest.mark.parametrize("nesterov_momentum", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.8, 0.95])
@pytest.mark.parametrize("share", [0.02, 0.2, 0.6, 0.9, 1.1])
def test_regions_are_what_torch_does(nesterov_momentum, momentum, share):
    nesterov_momentum = nesterov_momentum and momentum > 0
    make, limit = (nesterov, nesterov_limit) if nesterov_momentum else (heavy_ball, heavy_ball_limit)
    lr = share * limit(CURVATURE, momentum=momentum)
    course = positions(lr, momentum, nesterov=nesterov_momentum, steps=600)
    late = course[(np.abs(course) > 1e-250) & (np.abs(course) < 1e250)][20:]
    if abs(course[-1]) > 1:
        expected = Region.DIVERGENT
    elif (np.sign(late) != np.sign(late[0])).any():
        expected = Region.OSCILLATING
    else:
        expected = Region.MONOTONE
    assert region(make(lr, momentum), CURVATURE) == expected


def test_at_the_critical_momentum_the_heavy_ball_is_fastest_and_above_it_it_oscillates():
    lr = 0.05
    critical = float(critical_momentum(lr, CURVATURE))
    around = np.linspace(0, 0.999, 2000)
    fastest = around[int(np.argmin(rate(heavy_ball(lr, around), CURVATURE)))]
    assert fastest == pytest.approx(critical, abs=1e-3)
    below, above = region(heavy_ball(lr, [critical - 1e-4, critical + 1e-4]), CURVATURE)
    assert (below, above) == (Region.MONOTONE, Region.OSCILLATING)


def test_polyaks_optimum_is_the_best_of_a_fine_grid():
    largest, smallest = 50.0, 2.0
    best = polyak_optimum(largest, smallest)
    lr, momentum = np.meshgrid(best.lr * np.linspace(0.5, 1.5, 301), np.linspace(0, 0.95, 301))
    worst = np.maximum(*(rate(heavy_ball(lr, momentum), curvature) for curvature in (largest, smallest)))
    assert best.rate <= worst.min() + 1e-12
    # At a double root rounding of 1e-16 shows as 1e-8.
    reached = max(float(rate(heavy_ball(best.lr, best.momentum), each)) for each in (largest, smallest))
    assert reached == pytest.approx(best.rate, abs=1e-7)


def test_the_best_rate_without_momentum_is_the_best_of_a_fine_grid():
    largest, smallest = 50.0, 2.0
    best = descent_optimum(largest, smallest)
    rates = best.lr * np.linspace(0.5, 1.5, 1001)
    worst = np.maximum(*(rate(heavy_ball(rates, 0.0), curvature) for curvature in (largest, smallest)))
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


def test_steps_to_a_tolerance_are_those_of_the_descent():
    factor = float(rate(heavy_ball(0.01, 0.0), CURVATURE))
    course = np.abs(positions(0.01, 0.0, nesterov=False, steps=300))
    assert int(np.argmax(course <= 1e-3)) == int(np.ceil(float(steps_to(1e-3, factor))))
    assert steps_to(0.5, [0.0, 1.0, 1.2]).tolist() == [0.0, np.inf, np.inf]


@pytest.mark.parametrize("make", [heavy_ball, nesterov, adam])
def test_settings_out_of_bounds_are_refused(make):
    with pytest.raises(RecipeError, match=r"momentum must be .* given 1\.5; the learning rate .* given -1"):
        make([0.1, -1.0], [1.5, 0.5])
    with pytest.raises(RecipeError, match="given nan"):
        make(0.1, float("nan"))


def test_what_has_no_optimum_is_refused():
    with pytest.raises(RecipeError, match="given smallest 2, largest 1"):
        polyak_optimum(1.0, 2.0)
    with pytest.raises(RecipeError, match="preconditioner must be above 0"):
        adam(0.1, 0.9, preconditioner=0.0)
    with pytest.raises(RecipeError, match="between 0 and 1; given 2"):
        steps_to(2.0, [0.9])
    with pytest.raises(RecipeError, match="at least 0; given -1"):
        critical_momentum([-1.0, 1.0], 1.0)
