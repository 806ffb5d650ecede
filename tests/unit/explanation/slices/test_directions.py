"""Directions against NumPy's decompositions of the matrices that they never make."""

import numpy as np
import pytest
import torch
from torch import nn

from surefoot.curvature.mean_loss import MeanLoss
from surefoot.loss_slices.directions import Plane, bending_directions, random_directions, spread_directions
from surefoot.tasks.task import Task

LUCK = np.random.default_rng(0)


def test_the_spread_is_that_of_a_singular_value_decomposition():
    places = LUCK.normal(size=(12, 40)) * np.linspace(3.0, 0.1, 40)
    _, values, vectors = np.linalg.svd(places - places.mean(0), full_matrices=False)
    axes, shares = spread_directions(torch.from_numpy(places))
    assert shares == pytest.approx(values[:2] ** 2 / (values**2).sum(), rel=1e-9)
    assert np.abs(vectors[:2] @ axes.numpy().T) == pytest.approx(np.eye(2), abs=1e-7)


@pytest.mark.parametrize("places", [[[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [2.0, 2.0, 2.0]], [[1.0, 2.0]] * 3])
def test_on_a_line_or_a_point_the_second_direction_is_across_the_first(places):
    axes, shares = spread_directions(torch.tensor(places))
    assert axes @ axes.T == pytest.approx(np.eye(2), abs=1e-6)
    assert shares[1] == pytest.approx(0.0, abs=1e-9)


def test_the_loss_bends_along_the_eigenvectors_of_a_regression():
    inputs = torch.from_numpy(LUCK.normal(size=(30, 15)) * np.linspace(0.5, 3.0, 15)).float()
    data = inputs, torch.zeros(30, 1)
    model = lambda: nn.Linear(15, 1, bias=False)  # noqa: E731
    task = Task("line", model, nn.functional.mse_loss, data, data, batch_size=30, steps=1)
    values, vectors = np.linalg.eigh(2 / 30 * (inputs.T @ inputs).double().numpy())
    axes, bends = bending_directions(MeanLoss(task, task.new_model(), [data], sizes=[30]), seed=0)
    assert bends == pytest.approx(values[[-2, -1]], rel=0.02)  # the flatter first
    assert np.abs(vectors[:, [-2, -1]].T @ axes.numpy().T) == pytest.approx(np.eye(2), abs=0.15)


def test_random_directions_have_filters_as_long_as_the_network_s_and_leave_biases():
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Linear(4, 5))
    params = [*network.parameters()]
    axes = random_directions(params, torch.Generator().manual_seed(0))
    assert not torch.equal(*axes)
    for axis in axes:
        for drawn, param in zip(axis.split([each.numel() for each in params]), params, strict=True):
            wanted = param.flatten(1).norm(dim=1) if param.dim() > 1 else torch.zeros(len(param))
            lengths = drawn.view(len(param), -1).norm(dim=1)
            assert lengths.tolist() == pytest.approx(wanted.tolist(), rel=1e-5)


def test_a_shadow_is_the_least_squares_place_on_axes_that_are_not_across():
    axes, origin, weights = LUCK.normal(size=(2, 9)), LUCK.normal(size=9), LUCK.normal(size=9)
    place, away = Plane(torch.from_numpy(origin), torch.from_numpy(axes)).shadow(torch.from_numpy(weights))
    wanted, squares, *_ = np.linalg.lstsq(axes.T, weights - origin)
    assert place == pytest.approx(wanted)
    assert away == pytest.approx(squares[0] ** 0.5)
