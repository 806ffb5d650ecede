import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from surefoot.curvature.gauss_newton import GaussNewton
from surefoot.curvature.hessian import Hessian
from surefoot.curvature.mean_loss import MeanLoss
from surefoot.errors import TaskError

from .networks import SAMPLES, data, linear, logistic, mlp, task


def whole(known, model):
    return MeanLoss(known, model, [known.train.tensors], sizes=[SAMPLES])


def matrix(products):
    return torch.stack([products.product(row) for row in torch.eye(products.size, dtype=torch.float64)])


@pytest.mark.parametrize("known", [linear(), logistic()], ids=["linear", "logistic"])
def test_of_a_linear_model_it_is_the_hessian(known):
    model = known.new_model()
    torch.testing.assert_close(matrix(GaussNewton(whole(known, model))), matrix(Hessian(whole(known, model))))


def test_it_is_the_jacobian_around_the_bending_of_the_loss():
    known = mlp()
    model = known.new_model()
    x, y = known.train.tensors
    params = {name: param.detach() for name, param in model.named_parameters()}

    def outputs(flat):
        pieces = flat.split([param.numel() for param in params.values()])
        named = {name: piece.view_as(params[name]) for name, piece in zip(params, pieces, strict=True)}
        return functional_call(model, named, (x,)).reshape(-1)

    place = torch.cat([param.reshape(-1) for param in params.values()])
    jacobian = torch.autograd.functional.jacobian(outputs, place)
    bend = torch.autograd.functional.hessian(
        lambda flat: functional.cross_entropy(flat.view(SAMPLES, 3), y), outputs(place)
    )
    found = matrix(GaussNewton(whole(known, model)))
    torch.testing.assert_close(found, jacobian.T @ bend @ jacobian)
    assert torch.linalg.eigvalsh(found)[0] > -1e-10


def test_batches_agree_with_the_whole_and_a_product_costs_two_gradients():
    known = mlp()
    model = known.new_model()
    expected = matrix(GaussNewton(whole(known, model)))
    parts = [known.batch("train", places) for places in torch.arange(SAMPLES).split(16)]
    loss = MeanLoss(known, model, parts, sizes=[16, 16, 8])
    torch.testing.assert_close(matrix(GaussNewton(loss)), expected)
    assert loss.gradients == 2 * loss.size


def test_a_loss_that_is_linear_in_the_output_has_none():
    known = task(lambda: nn.Linear(12, 1), lambda output, target: (output * target).mean(), data())
    found = GaussNewton(whole(known, known.new_model()))
    assert not found.product(torch.ones(found.size, dtype=torch.float64)).any()


def test_an_objective_is_refused():
    known = task(lambda: nn.Linear(12, 1), None, data(), objective=lambda model, batch: model(batch[0]).square().mean())
    with pytest.raises(TaskError, match="has an objective"):
        GaussNewton(whole(known, known.new_model()))


def test_a_model_with_two_outputs_is_refused():
    class Two(nn.Linear):
        def forward(self, x):
            return super().forward(x), x

    known = task(lambda: Two(12, 1), lambda output, target: functional.mse_loss(output[0], target), data())
    with pytest.raises(TaskError, match="one output; given a tuple"):
        GaussNewton(whole(known, known.new_model())).product(torch.ones(13, dtype=torch.float64))
