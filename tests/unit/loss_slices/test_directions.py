"""Directions against NumPy's decompositions of the matrices that they never make."""

import numpy as np
import pytest
import torch
from torch import nn

from surefoot.curvature.mean_loss import MeanLoss
from surefoot.loss_slices.directions import WeightPlane, hessian_directions, principal_directions, random_directions
from surefoot.tasks.task import Task

RANDOM = np.random.default_rng(0)


def test_principal_directions_are_those_of_a_singular_value_decomposition():
    weights = RANDOM.normal(size=(12, 40)) * np.linspace(3.0, 0.1, 40)
    _, values, vectors = np.linalg.svd(weights - weights.mean(0), full_matrices=False)
    axes, shares = principal_directions(torch.from_numpy(weights))
    assert shares == pytest.approx(values[:2] ** 2 / (values**2).sum(), rel=1e-9)
    assert np.abs(vectors[:2] @ axes.numpy().T) == pytest.approx(np.eye(2), abs=1e-7)


@pytest.mark.parametrize("weights", [[[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [2.0, 2.0, 2.0]], [[1.0, 2.0]] * 3])
def test_for_weights_on_a_line_or_point_the_second_direction_is_orthogonal_to_the_first(weights):
    axes, shares = principal_directions(torch.tensor(weights))
    assert axes @ axes.T == pytest.approx(np.eye(2), abs=1e-6)
    assert shares[1] == pytest.approx(0.0, abs=1e-9)


def test_hessian_directions_of_a_regression_are_its_eigenvectors():
    inputs = torch.from_numpy(RANDOM.normal(size=(30, 15)) * np.linspace(0.5, 3.0, 15)).float()
    data = inputs, torch.zeros(30, 1)
    model = lambda: nn.Linear(15, 1, bias=False)  # noqa: E731
    task = Task("line", model, nn.functional.mse_loss, data, data, batch_size=30, steps=1)
    values, vectors = np.linalg.eigh(2 / 30 * (inputs.T @ inputs).double().numpy())
    axes, eigenvalues = hessian_directions(MeanLoss(task, task.new_model(), [data], sizes=[30]), seed=0)
    assert eigenvalues == pytest.approx(values[[-2, -1]], rel=0.02)  # the largest last
    assert np.abs(vectors[:, [-2, -1]].T @ axes.numpy().T) == pytest.approx(np.eye(2), abs=0.15)


def test_random_directions_have_the_norms_of_the_filters_and_leave_biases():
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Linear(4, 5))
    params = [*network.parameters()]
    axes = random_directions(params, torch.Generator().manual_seed(0))
    assert not torch.equal(*axes)
    for axis in axes:
        for drawn, param in zip(axis.split([each.numel() for each in params]), params, strict=True):
            expected = param.flatten(1).norm(dim=1) if param.dim() > 1 else torch.zeros(len(param))
            lengths = drawn.view(len(param), -1).norm(dim=1)
            assert lengths.tolist() == pytest.approx(expected.tolist(), rel=1e-5)


def test_a_projection_onto_oblique_axes_is_the_least_squares_solution():
    axes, origin, weights = RANDOM.normal(size=(2, 9)), RANDOM.normal(size=9), RANDOM.normal(size=9)
    point, distance = WeightPlane(torch.from_numpy(origin), torch.from_numpy(axes)).project(torch.from_numpy(weights))
    expected, squares, *_ = np.linalg.lstsq(axes.T, weights - origin)
    assert point == pytest.approx(expected)
    assert distance == pytest.approx(squares[0] ** 0.5)
