"""The landscape of a slice: cubic splines are exact on quadratics, and balls roll down them as down the closed form."""

import numpy as np
import pytest
import torch

from surefoot.loss_slices.result import SlicedLoss
from surefoot.plots.descended import descended
from surefoot.surfaces.descent import descend
from surefoot.surfaces.events import events
from surefoot.surfaces.quadratics import Ravine


def gridded(surface, shape=(21, 13)):
    (left, right), (low, high) = surface.box
    x, y = np.linspace(left, right, shape[0]), np.linspace(low, high, shape[1])
    losses = surface.value(torch.from_numpy(np.stack(np.meshgrid(x, y), axis=-1))).numpy()
    return SlicedLoss(surface.name, surface.about, x, y, losses, begin=surface.start)


def test_balls_roll_down_a_sliced_ravine_as_down_the_ravine():
    ravine = Ravine(7.0)
    recipes = ["sgd(lr=0.3, momentum=0.9)", "adam(lr=0.1)"]
    own, true = (descend(surface, recipes, steps=60) for surface in (gridded(ravine), ravine))
    assert own.positions == pytest.approx(true.positions, abs=1e-8)
    assert own.losses == pytest.approx(true.losses, abs=1e-8)
    assert gridded(ravine).minima[0] == pytest.approx((0.0, 0.0), abs=1e-6)
    assert np.array(gridded(ravine).hessian) == pytest.approx(np.array(ravine.hessian), abs=1e-8)
    assert [each.kind for each in events(own.surface, own)[0]] == [each.kind for each in events(ravine, true)[0]]
    assert descended(own).to_dict()["title"]["text"] == "ravine, sliced: 60 steps"


@pytest.mark.parametrize("place", [(0.3, -0.4), (5.0, 0.2), (-0.1, 4.0), (-6.0, -7.0)])
def test_the_gradient_is_the_slope_of_the_value_within_the_grid_and_beyond(place):
    x, y = np.linspace(-1.0, 1.0, 15), np.linspace(-2.0, 2.0, 17)
    rough = SlicedLoss("a", "b", x, y, np.sin(3 * x) * np.cos(y)[:, None] + x * y[:, None] ** 2, begin=(0.0, 0.0))
    point, step = torch.tensor(place, dtype=torch.float64), 1e-6
    sides = [
        (rough.value(point + step * side) - rough.value(point - step * side)) / (2 * step) for side in torch.eye(2)
    ]
    assert rough.gradient(point).tolist() == pytest.approx([float(side) for side in sides], abs=1e-6)


def test_a_ball_that_is_nowhere_stays_nowhere():
    surface = gridded(Ravine())
    assert torch.isnan(surface.value(torch.tensor([[float("nan"), 0.0]]))).all()
    assert surface.value(torch.zeros(3, 5, 2)).shape == (3, 5)


def test_the_lowest_place_may_lie_on_the_edge():
    x = np.linspace(0.0, 1.0, 9)
    slope = SlicedLoss("a", "b", x, x, x + 2 * x[:, None], begin=(1.0, 1.0))
    assert slope.minima == ((0.0, 0.0),)
    assert slope.lowest == pytest.approx(0.0, abs=1e-12)
