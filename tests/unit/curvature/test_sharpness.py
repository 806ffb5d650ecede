import random

import numpy as np
import pytest
import torch
from torch import nn

from surefoot.curvature.sharpness import sharpness
from surefoot.fleet.launch import launch
from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.task import Task

from .networks import FEATURES, Square, data, linear, logistic, mlp, task, written_out

EXACT = {"tolerance": 1e-9, "most_gradients": 1000}


def top(matrix):
    return float(torch.linalg.eigvalsh(matrix)[-1])


@pytest.mark.parametrize("known", [linear(), logistic(), mlp(), mlp(Square)], ids=["linear", "logistic", "tanh", "x^2"])
def test_the_top_eigenvalue_is_that_of_the_matrix(known):
    model = known.new_model()
    found = sharpness(known, state=model.state_dict(), **EXACT)
    assert found.value == pytest.approx(top(written_out(known, model)), rel=1e-6)
    assert found.residual < 1e-6
    assert (found.samples, found.method, found.reason) == (40, "double backward", None)


def test_it_is_measured_where_a_fleet_with_that_seed_starts():
    known = mlp()
    fleet = launch(known, [Recipe.of("sgd")], seed=3, plan=Plan("serial", 1))
    model = known.new_model()
    nn.utils.vector_to_parameters(fleet.params[0], model.parameters())
    assert sharpness(known, seed=3, **EXACT).value == pytest.approx(top(written_out(known, model)), rel=1e-6)


def test_the_residual_bounds_the_error():
    known = mlp()
    model = known.new_model()
    found = sharpness(known, state=model.state_dict(), tolerance=0.1)
    eigenvalues = torch.linalg.eigvalsh(written_out(known, model)).numpy()
    assert np.abs(eigenvalues - found.value).min() <= found.residual * found.value * 1.01


def test_a_handful_of_parameters_is_worked_out_whole():
    x = torch.tensor([[1.0, 0.0], [0.0, 3.0]], dtype=torch.float64)
    known = task(lambda: nn.Linear(2, 1, bias=False), nn.functional.mse_loss, (x, torch.zeros(2, 1)), batch_size=2)
    found = sharpness(known)
    assert found.value == pytest.approx(9.0)
    assert found.gradients == 4


def test_batch_normalisation_is_measured_on_batches_of_the_tasks_size():
    known = mlp(lambda: nn.BatchNorm1d(5), batch_size=40)
    model = known.new_model()
    expected = top(written_out(known, model.train()))
    assert sharpness(known, state=model.state_dict(), **EXACT).value == pytest.approx(expected, rel=1e-6)
    small = mlp(lambda: nn.BatchNorm1d(5), batch_size=16)
    found = sharpness(small, state=model.state_dict(), **EXACT)
    assert found.samples == 32
    assert found.value != pytest.approx(expected, rel=1e-3)


def test_model_and_generators_are_left_as_they_were():
    known = mlp(lambda: nn.BatchNorm1d(5), lambda: nn.Dropout(0.5))
    model = known.new_model().eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    draws = (torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate())
    one, two = sharpness(known, state=model.state_dict()), sharpness(known, state=model.state_dict())
    assert one == two
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not model.training
    assert torch.equal(torch.get_rng_state(), draws[0])
    assert (np.random.get_state()[1].tolist(), random.getstate()) == draws[1:]


def test_a_linear_loss_is_not_sharp():
    flat = task(lambda: nn.Linear(FEATURES, 1), lambda output, _: output.mean(), data())
    assert sharpness(flat).value == 0.0


def test_what_is_not_finite_is_told_as_data():
    broken = task(lambda: nn.Linear(FEATURES, 1), lambda output, _: output.sum().sqrt() * float("nan"), data())
    found = sharpness(broken)
    assert found.value is None
    assert "not finite" in found.reason


def test_the_ceiling_holds_and_is_told():
    found = sharpness(mlp(), tolerance=1e-12, most_gradients=10)
    assert found.value is None
    assert found.gradients <= 10
    assert "10 gradients were not enough" in found.reason


def test_bf16_is_measured_in_float32():
    def known(precision):
        x = torch.randn(32, 4, generator=torch.Generator().manual_seed(0))
        model = lambda: nn.Linear(4, 3)  # noqa: E731
        target = torch.arange(32) % 3
        return Task("line", model, nn.functional.cross_entropy, (x, target), (x, target), batch_size=8, steps=1,
                    precision=precision)  # fmt: skip

    assert sharpness(known("bf16")).value == sharpness(known("fp32")).value


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory")])
def test_where_memory_runs_out_there_is_a_reason_in_place_of_a_value(monkeypatch, error):
    def exhausted(*_):
        raise error

    monkeypatch.setattr("surefoot.curvature.hessian.Hessian.product", exhausted)
    found = sharpness(mlp())
    assert found.value is None
    assert "not enough memory" in found.reason
