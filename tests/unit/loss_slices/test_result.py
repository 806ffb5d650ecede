"""The surface of a slice: a cubic spline is exact for a quadratic, and so is descent on it."""

import numpy as np
import pytest
import torch

from surefoot.loss_slices.result import SlicedLoss
from surefoot.plots.loss_surfaces import descent_figure
from surefoot.surfaces.descent import descend
from surefoot.surfaces.quadratics import Ravine


def gridded(surface, shape=(21, 13)):
    (left, right), (low, high) = surface.box
    x, y = np.linspace(left, right, shape[0]), np.linspace(low, high, shape[1])
    losses = surface.value(torch.from_numpy(np.stack(np.meshgrid(x, y), axis=-1))).numpy()
    return SlicedLoss(surface.name, surface.about, x, y, losses, start_point=surface.start)


def test_descent_of_a_sliced_ravine_is_that_of_the_ravine():
    ravine = Ravine(7.0)
    recipes = ["sgd(lr=0.3, momentum=0.9)", "adam(lr=0.1)"]
    sliced, exact = (descend(surface, recipes, steps=60) for surface in (gridded(ravine), ravine))
    assert sliced.positions == pytest.approx(exact.positions, abs=1e-8)
    assert sliced.losses == pytest.approx(exact.losses, abs=1e-8)
    assert gridded(ravine).minima[0] == pytest.approx((0.0, 0.0), abs=1e-6)
    assert np.array(gridded(ravine).hessian) == pytest.approx(np.array(ravine.hessian), abs=1e-8)
    assert [each.kind for each in sliced.events[0]] == [each.kind for each in exact.events[0]]
    assert descent_figure(sliced).to_dict()["title"]["text"] == "ravine, sliced: 60 steps"


@pytest.mark.parametrize("position", [(0.3, -0.4), (5.0, 0.2), (-0.1, 4.0), (-6.0, -7.0)])
def test_the_gradient_is_that_of_the_value_inside_and_outside_of_the_grid(position):
    x, y = np.linspace(-1.0, 1.0, 15), np.linspace(-2.0, 2.0, 17)
    rough = SlicedLoss("a", "b", x, y, np.sin(3 * x) * np.cos(y)[:, None] + x * y[:, None] ** 2, start_point=(0.0, 0.0))
    point, step = torch.tensor(position, dtype=torch.float64), 1e-6
    differences = [
        float(rough.value(point + step * axis) - rough.value(point - step * axis)) / (2 * step) for axis in torch.eye(2)
    ]
    assert rough.gradient(point).tolist() == pytest.approx(differences, abs=1e-6)


def test_the_loss_at_nan_is_nan():
    surface = gridded(Ravine())
    assert torch.isnan(surface.value(torch.tensor([[float("nan"), 0.0]]))).all()
    assert surface.value(torch.zeros(3, 5, 2)).shape == (3, 5)


def test_the_minimum_may_be_on_the_edge():
    x = np.linspace(0.0, 1.0, 9)
    slope = SlicedLoss("a", "b", x, x, x + 2 * x[:, None], start_point=(1.0, 1.0))
    assert slope.minima == ((0.0, 0.0),)
    assert slope.lowest == pytest.approx(0.0, abs=1e-12)
