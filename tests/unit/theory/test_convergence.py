"""Convergence rates and regions against torch's optimizers, on a quadratic in float64."""

from functools import partial

import numpy as np
import pytest
from tests.unit.theory.torch_sgd import CURVATURE, positions_by_torch

from surefoot.core.errors import RecipeError
from surefoot.theory.convergence import ConvergenceRegion, convergence_rate, convergence_region, steps_to_tolerance
from surefoot.theory.linear_method import adam, heavy_ball, nesterov
from surefoot.theory.stable_and_best_rates import adam_limit, heavy_ball_limit, nesterov_limit


@pytest.mark.parametrize("make", [heavy_ball, nesterov, partial(adam, preconditioner=0.5)])
def test_the_convergence_rate_is_the_spectral_radius(make):
    lr, momentum = np.meshgrid(np.geomspace(1e-3, 10, 30), np.linspace(0, 0.99, 30))
    method = make(lr, momentum)
    radius = np.abs(np.linalg.eigvals(method.matrix(CURVATURE))).max(-1)
    # At a double root eigenvalues are known to half the digits only.
    assert convergence_rate(method, CURVATURE) == pytest.approx(radius, abs=1e-6)


@pytest.mark.parametrize(
    ("make", "limit"),
    [
        (heavy_ball, heavy_ball_limit),
        (nesterov, nesterov_limit),
        (adam, lambda sharpness, momentum: adam_limit(sharpness, beta1=momentum)),
    ],
)
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9, 0.99])
def test_the_convergence_rate_is_1_at_the_stability_limit(make, limit, momentum):
    edge = limit(CURVATURE, momentum=momentum)
    assert float(convergence_rate(make(edge, momentum), CURVATURE)) == pytest.approx(1.0, abs=1e-10)
    assert (
        convergence_region(make([0.999 * edge, 1.001 * edge], momentum), CURVATURE).tolist()[1]
        == ConvergenceRegion.DIVERGENT
    )
    assert float(convergence_rate(make(0.999 * edge, momentum), CURVATURE)) < 1.0


@pytest.mark.parametrize("nesterov_momentum", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.8, 0.95])
@pytest.mark.parametrize("share", [0.02, 0.2, 0.6, 0.9, 1.1])
def test_the_region_is_what_torch_does(nesterov_momentum, momentum, share):
    nesterov_momentum = nesterov_momentum and momentum > 0
    make, limit = (nesterov, nesterov_limit) if nesterov_momentum else (heavy_ball, heavy_ball_limit)
    lr = share * limit(CURVATURE, momentum=momentum)
    curve = positions_by_torch(lr, momentum, nesterov=nesterov_momentum, steps=600)
    late = curve[(np.abs(curve) > 1e-250) & (np.abs(curve) < 1e250)][20:]
    if abs(curve[-1]) > 1:
        expected = ConvergenceRegion.DIVERGENT
    elif (np.sign(late) != np.sign(late[0])).any():
        expected = ConvergenceRegion.OSCILLATING
    else:
        expected = ConvergenceRegion.MONOTONE
    assert convergence_region(make(lr, momentum), CURVATURE) == expected


def test_the_steps_to_a_tolerance_are_those_that_torch_takes():
    factor = float(convergence_rate(heavy_ball(0.01, 0.0), CURVATURE))
    curve = np.abs(positions_by_torch(0.01, 0.0, nesterov=False, steps=300))
    assert int(np.argmax(curve <= 1e-3)) == int(np.ceil(float(steps_to_tolerance(1e-3, factor))))
    assert steps_to_tolerance(0.5, [0.0, 1.0, 1.2]).tolist() == [0.0, np.inf, np.inf]


def test_a_tolerance_out_of_bounds_is_refused():
    with pytest.raises(RecipeError, match="between 0 and 1; given 2"):
        steps_to_tolerance(2.0, [0.9])
