"""The preconditioner against the steps that torch's optimizers take."""

import pytest
import torch
from torch import nn

from surefoot.curvature.preconditioner import preconditioner_of
from surefoot.curvature.sharpness import sharpness

from .networks import mlp, written_out

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
}


def trained(kind, settings):
    torch.manual_seed(0)
    model = nn.Linear(3, 2).double()
    optimizer = kind([{"params": [model.weight]}, {"params": [model.bias]}], lr=0.01, **settings)
    for _ in range(STEPS):
        before = nn.utils.parameters_to_vector(model.parameters()).detach()
        optimizer.zero_grad()
        model(torch.randn(4, 3, dtype=torch.float64)).square().mean().backward()
        gradient = nn.utils.parameters_to_vector([param.grad for param in model.parameters()])
        optimizer.step()
    return optimizer, before - nn.utils.parameters_to_vector(model.parameters()).detach(), gradient


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_is_the_gradient_over_the_preconditioner(name):
    optimizer, step, gradient = trained(*OPTIMIZERS[name])
    torch.testing.assert_close(step, 0.01 * gradient / preconditioner_of(optimizer))


def test_before_the_first_step_everything_counts_as_one_and_the_unknown_is_said():
    model = nn.Linear(2, 1)
    assert preconditioner_of(torch.optim.Adam(model.parameters())).tolist() == [1.0] * 3
    assert preconditioner_of(torch.optim.Rprop(model.parameters())) is None
    assert preconditioner_of(torch.optim.LBFGS(model.parameters())) is None


def test_the_preconditioned_sharpness_is_the_top_eigenvalue_of_the_quotient():
    known = mlp()
    model = known.new_model()
    size = torch.linspace(0.5, 3.0, sum(param.numel() for param in model.parameters()), dtype=torch.float64)
    expected = torch.linalg.eigvals(torch.diag(1 / size) @ written_out(known, model)).real.max()
    found = sharpness(known, state=model.state_dict(), preconditioner=size, tolerance=1e-9, most_gradients=1000)
    assert found.value == pytest.approx(float(expected), rel=1e-6)
