import pytest
import torch
from torch import nn

from surefoot.curvature.step_curvature import GradientSharpness, batch_sharpness, gradient_sharpness

from .tasks_with_known_hessian import Square, full_hessian, mlp


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
