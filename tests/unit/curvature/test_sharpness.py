from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import nn

from surefoot.curvature.sharpness import (
    GradientSharpness,
    NoiseScale,
    batch_sharpness,
    gradient_sharpness,
    noise_scale,
    sharpness,
)
from surefoot.fleet.create_and_save_fleet import create_fleet
from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.task import Task

from .tasks_with_known_hessian import FEATURES, Square, data, full_hessian, linear, logistic, mlp, task

EXACT = {"tolerance": 1e-9, "max_gradients": 1000}


def largest_eigenvalue(matrix):
    return float(torch.linalg.eigvalsh(matrix)[-1])


@pytest.mark.parametrize(
    "network", [linear(), logistic(), mlp(), mlp(Square)], ids=["linear", "logistic", "tanh", "x^2"]
)
def test_sharpness_is_the_largest_eigenvalue_of_the_hessian(network):
    model = network.new_model()
    result = sharpness(network, state=model.state_dict(), **EXACT)
    assert result.value == pytest.approx(largest_eigenvalue(full_hessian(network, model)), rel=1e-6)
    assert result.residual < 1e-6
    assert (result.samples, result.method, result.reason) == (40, "double backward", None)


def test_by_default_it_is_measured_at_the_initialisation_of_a_fleet_with_that_seed():
    network = mlp()
    fleet = create_fleet(network, [Recipe.of("sgd")], seed=3, plan=Plan("serial", 1))
    model = network.new_model()
    nn.utils.vector_to_parameters(fleet.params[0], model.parameters())
    assert sharpness(network, seed=3, **EXACT).value == pytest.approx(
        largest_eigenvalue(full_hessian(network, model)), rel=1e-6
    )


def test_the_residual_bounds_the_error():
    network = mlp()
    model = network.new_model()
    result = sharpness(network, state=model.state_dict(), tolerance=0.1)
    eigenvalues = torch.linalg.eigvalsh(full_hessian(network, model)).numpy()
    assert np.abs(eigenvalues - result.value).min() <= result.residual * result.value * 1.01


def test_with_few_parameters_the_whole_hessian_is_computed():
    x = torch.tensor([[1.0, 0.0], [0.0, 3.0]], dtype=torch.float64)
    network = task(lambda: nn.Linear(2, 1, bias=False), nn.functional.mse_loss, (x, torch.zeros(2, 1)), batch_size=2)
    result = sharpness(network)
    assert result.value == pytest.approx(9.0)
    assert result.gradients == 4


def test_with_batch_norm_it_is_measured_on_full_batches_of_the_tasks_size():
    network = mlp(lambda: nn.BatchNorm1d(5), batch_size=40)
    model = network.new_model()
    expected = largest_eigenvalue(full_hessian(network, model.train()))
    assert sharpness(network, state=model.state_dict(), **EXACT).value == pytest.approx(expected, rel=1e-6)
    small = mlp(lambda: nn.BatchNorm1d(5), batch_size=16)
    result = sharpness(small, state=model.state_dict(), **EXACT)
    assert result.samples == 32
    assert result.value != pytest.approx(expected, rel=1e-3)


def test_the_model_and_the_random_generators_do_not_change():
    network = mlp(lambda: nn.BatchNorm1d(5), lambda: nn.Dropout(0.5))
    model = network.new_model().eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    draws = (torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate())
    one, two = sharpness(network, state=model.state_dict()), sharpness(network, state=model.state_dict())
    assert one == two
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not model.training
    assert torch.equal(torch.get_rng_state(), draws[0])
    assert (np.random.get_state()[1].tolist(), random.getstate()) == draws[1:]


def test_the_sharpness_of_a_linear_loss_is_0():
    flat = task(lambda: nn.Linear(FEATURES, 1), lambda output, _: output.mean(), data())
    assert sharpness(flat).value == 0.0


def test_with_a_loss_that_is_not_finite_there_is_a_reason_instead_of_a_value():
    broken = task(lambda: nn.Linear(FEATURES, 1), lambda output, _: output.sum().sqrt() * float("nan"), data())
    result = sharpness(broken)
    assert result.value is None
    assert "not finite" in result.reason


def test_the_maximum_cost_is_kept_and_named_in_the_reason():
    result = sharpness(mlp(), tolerance=1e-12, max_gradients=10)
    assert result.value is None
    assert result.gradients <= 10
    assert "10 gradients were not enough" in result.reason


def test_bf16_is_measured_in_float32():
    def network(precision):
        x = torch.randn(32, 4, generator=torch.Generator().manual_seed(0))
        model = lambda: nn.Linear(4, 3)  # noqa: E731
        target = torch.arange(32) % 3
        return Task("line", model, nn.functional.cross_entropy, (x, target), (x, target), batch_size=8, steps=1,
                    precision=precision)  # fmt: skip

    assert sharpness(network("bf16")).value == sharpness(network("fp32")).value


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory")])
def test_without_enough_memory_there_is_a_reason_instead_of_a_value(monkeypatch, error):
    def exhausted(*_):
        raise error

    monkeypatch.setattr("surefoot.curvature.hessian.Hessian.product", exhausted)
    result = sharpness(mlp())
    assert result.value is None
    assert "not enough memory" in result.reason


def test_the_noise_scale_is_unbiased():
    generator = torch.Generator().manual_seed(0)
    mean = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    spread = torch.tensor([2.0, 1.0, 3.0], dtype=torch.float64)
    batch, count, repeats = 8, 4, 4000
    result = []
    for _ in range(repeats):
        samples = mean + spread * torch.randn(count, batch, 3, generator=generator, dtype=torch.float64)
        result.append(noise_scale(samples.mean(1), batch_size=batch))
    signal, noise = (sum(getattr(each, name) for each in result) / repeats for name in ("signal", "noise"))
    assert signal == pytest.approx(float(mean.square().sum()), rel=0.03)
    assert noise == pytest.approx(float(spread.square().sum()), rel=0.03)


def test_the_noise_scale_is_infinite_where_noise_exceeds_the_signal():
    noisy = NoiseScale(signal=-0.1, noise=5.0)
    assert noisy.value == float("inf")
    assert noisy.share_of_noise(8) == 1.0
    assert NoiseScale(signal=0.0, noise=0.0).share_of_noise(8) == 0.0
    with pytest.raises(ValueError, match="at least 2 gradients; given 1"):
        noise_scale(torch.ones(1, 3), batch_size=4)


def test_gradient_sharpness_is_that_of_the_full_hessian():
    network = mlp(Square)
    model = network.new_model()
    params = list(model.parameters())
    loss = network.batch_loss(model, network.train.tensors)
    gradient = torch.cat([grad.reshape(-1) for grad in torch.autograd.grad(loss, params, retain_graph=True)])
    result = gradient_sharpness(loss, params)
    assert result.curvature == pytest.approx(float(gradient @ full_hessian(network, model) @ gradient), rel=1e-9)
    assert result.squared_norm == pytest.approx(float(gradient @ gradient), rel=1e-12)
    assert result.value == pytest.approx(result.curvature / result.squared_norm)


def test_a_rate_above_2_over_the_gradient_sharpness_raises_the_loss_of_a_quadratic():
    w = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    curvature = torch.tensor([3.0, 0.5], dtype=torch.float64)

    def loss_at(point):
        return (curvature * point**2).sum() / 2

    limit = 2 / gradient_sharpness(loss_at(w), [w]).value
    gradient = curvature * w.detach()
    here = float(loss_at(w.detach()))
    assert (
        float(loss_at(w.detach() - 0.999 * limit * gradient))
        < here
        < float(loss_at(w.detach() - 1.001 * limit * gradient))
    )


def test_without_a_gradient_the_sharpness_is_0():
    model = nn.Linear(2, 1)
    assert gradient_sharpness(0.0 * model(torch.ones(1, 2)).sum(), list(model.parameters())).value == 0.0
    assert batch_sharpness([]) == 0.0


def test_batch_sharpness_weights_batches_by_the_squared_norm_of_their_gradients():
    assert batch_sharpness([GradientSharpness(4.0, 1.0), GradientSharpness(3.0, 3.0)]) == 7 / 4
