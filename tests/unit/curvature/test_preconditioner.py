"""The preconditioner against the steps that torch's optimizers take."""

import pytest
import torch
from torch import nn

from surefoot.curvature.preconditioner import preconditioner_of
from surefoot.curvature.sharpness import sharpness

from .tasks_with_known_hessian import full_hessian, mlp

STEPS = 5
# With beta1 = 0 a step is lr * gradient / preconditioner.
OPTIMIZERS = {
    "sgd": (torch.optim.SGD, {}),
    "adam": (torch.optim.Adam, {"betas": (0.0, 0.9)}),
    "adamw": (torch.optim.AdamW, {"betas": (0.0, 0.9), "weight_decay": 0.0}),
    "amsgrad": (torch.optim.Adam, {"betas": (0.0, 0.5), "amsgrad": True}),
    "rmsprop": (torch.optim.RMSprop, {}),
    "centred rmsprop": (torch.optim.RMSprop, {"centered": True}),
    "adagrad": (torch.optim.Adagrad, {}),
    "decayed adagrad": (torch.optim.Adagrad, {"lr_decay": 0.5}),
    "nadam": (torch.optim.NAdam, {"betas": (0.0, 0.9)}),
}


def trained(kind, settings):
    torch.manual_seed(0)
    model = nn.Linear(3, 2).double()
    # Not in the order of the model's parameters, as where biases are decayed less.
    optimizer = kind([{"params": [model.bias]}, {"params": [model.weight]}], lr=0.01, **settings)
    for _ in range(STEPS):
        before = nn.utils.parameters_to_vector(model.parameters()).detach()
        optimizer.zero_grad()
        model(torch.randn(4, 3, dtype=torch.float64)).square().mean().backward()
        gradient = nn.utils.parameters_to_vector([param.grad for param in model.parameters()])
        optimizer.step()
    step = before - nn.utils.parameters_to_vector(model.parameters()).detach()
    return preconditioner_of(optimizer, model.parameters()), step, gradient


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_is_the_gradient_over_the_preconditioner(name):
    size, step, gradient = trained(*OPTIMIZERS[name])
    torch.testing.assert_close(step, 0.01 * gradient / size)


def test_before_the_first_step_it_is_1_and_for_unsupported_optimizers_none():
    params = list(nn.Linear(2, 1).parameters())
    for kind in (torch.optim.Adam, torch.optim.Adagrad):
        assert preconditioner_of(kind(params), params).tolist() == [1.0] * 3
    for kind in (torch.optim.Rprop, torch.optim.LBFGS, torch.optim.RAdam):
        assert preconditioner_of(kind(params), params) is None
    assert preconditioner_of(torch.optim.Adam(params[:1]), params) is None, "a parameter that it does not have"


def test_the_preconditioned_sharpness_is_the_largest_eigenvalue_of_the_product():
    network = mlp()
    model = network.new_model()
    size = torch.linspace(0.5, 3.0, sum(param.numel() for param in model.parameters()), dtype=torch.float64)
    expected = torch.linalg.eigvals(torch.diag(1 / size) @ full_hessian(network, model)).real.max()
    result = sharpness(network, state=model.state_dict(), preconditioner=size, tolerance=1e-9, max_gradients=1000)
    assert result.value == pytest.approx(float(expected), rel=1e-6)
