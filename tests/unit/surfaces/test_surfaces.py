"""Every surface against automatic differentiation, and against minima from the literature."""

import math

import numpy as np
import pytest
import torch

from surefoot.core.errors import RecipeError
from surefoot.surfaces import SURFACES, surface_named

ALL_SURFACES = [surface_named(name) for name in SURFACES]


def random_points(surface, count=200):
    low, high = torch.tensor(surface.box, dtype=torch.float64).T
    drawn = torch.rand(count, surface.dimensions, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return low + drawn * (high - low)


@pytest.mark.parametrize("surface", ALL_SURFACES, ids=lambda each: each.name)
def test_the_gradient_is_that_of_automatic_differentiation(surface):
    x = random_points(surface).requires_grad_()
    (expected,) = torch.autograd.grad(surface.value(x).sum(), x)
    torch.testing.assert_close(surface.gradient(x.detach()), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("surface", ALL_SURFACES, ids=lambda each: each.name)
def test_at_a_minimum_the_gradient_is_0_and_the_loss_is_lower_than_around_it(surface):
    for minimum in surface.minima:
        point = torch.tensor(minimum, dtype=torch.float64)
        assert surface.gradient(point).abs().max() < 1e-9
        angles = torch.linspace(0.0, 2.0 * math.pi, 9, dtype=torch.float64)
        ring = torch.stack([angles.cos(), angles.sin()], -1)[:, : surface.dimensions]
        ring = ring[ring.norm(dim=1) > 0.1]
        assert (surface.value(point + 1e-3 * ring) > surface.value(point)).all()
    assert surface.value(random_points(surface, 5000)).min() >= surface.lowest - 1e-12


@pytest.mark.parametrize("surface", ALL_SURFACES, ids=lambda each: each.name)
def test_the_hessian_is_that_of_automatic_differentiation(surface):
    minimum = torch.tensor(surface.minima[0], dtype=torch.float64)
    expected = torch.autograd.functional.hessian(surface.value, minimum).numpy()
    np.testing.assert_allclose(np.array(surface.hessian), expected, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(surface.curvatures, np.linalg.eigvalsh(expected), rtol=1e-8)


@pytest.mark.parametrize("surface", ALL_SURFACES, ids=lambda each: each.name)
def test_the_start_is_inside_the_box_and_not_at_a_minimum(surface):
    assert all(low < x < high for x, (low, high) in zip(surface.start, surface.box, strict=True))
    start = torch.tensor(surface.start, dtype=torch.float64)
    assert surface.value(start) > surface.lowest


def test_losses_are_those_from_the_literature():
    def loss_at(name, *point):
        return float(surface_named(name).value(torch.tensor(point, dtype=torch.float64)))

    assert loss_at("rosenbrock", -1.2, 1.0) == pytest.approx(24.2)
    assert loss_at("himmelblau", 0.0, 0.0) == 170.0
    assert loss_at("himmelblau", -0.270845, -0.923039) == pytest.approx(181.617, abs=1e-3)  # its local maximum
    assert loss_at("beale", 0.0, 0.0) == pytest.approx(14.203125)
    assert loss_at("rastrigin", 1.0, 1.0) == pytest.approx(2.0)
    assert loss_at("saddle", 0.0, 0.0) == 0.25


def test_the_shallow_well_is_shallower():
    well = surface_named("double-well")
    deep, shallow = torch.tensor(well.minima, dtype=torch.float64)
    assert well.value(deep) < well.value(shallow) < well.value(torch.zeros(1, dtype=torch.float64)) + 0.1
    assert well.basin(torch.stack([deep, shallow])).tolist() == [0, 1]


def test_a_ravine_has_the_requested_condition_number():
    low, high = surface_named("ravine", condition=50).curvatures
    assert high == 1.0
    assert high / low == pytest.approx(50.0)


@pytest.mark.parametrize("condition", [0.5, -1.0, math.nan, math.inf, 1e9])
def test_a_condition_number_out_of_bounds_is_refused(condition):
    with pytest.raises(RecipeError, match="from 1 to 10000"):
        surface_named("ravine", condition=condition)


def test_an_unknown_surface_is_refused_with_the_nearest_name():
    with pytest.raises(RecipeError, match="did you mean rosenbrock"):
        surface_named("rosenbrok")
