import pytest
import torch
from torch import nn

from surefoot.curvature.hessian import Hessian
from surefoot.curvature.mean_loss import MeanLoss
from surefoot.tasks.task import Task

from .networks import FEATURES, SAMPLES, Square, data, linear, logistic, mlp, task, written_out


def whole(known, model=None, **settings):
    """Return the Hessian over all training samples as one batch."""
    return Hessian(MeanLoss(known, model or known.new_model(), [known.train.tensors], sizes=[SAMPLES], **settings))


def matrix(hessian):
    return torch.stack([hessian.product(row) for row in torch.eye(hessian.size, dtype=torch.float64)])


def test_linear_regression_has_twice_the_mean_outer_product():
    x, _ = data()
    torch.testing.assert_close(matrix(whole(linear())), 2 * x.T @ x / SAMPLES)


def test_logistic_regression_weighs_it_by_p_times_1_minus_p():
    x, _ = data(classes=2)
    known = logistic()
    model = known.new_model()
    p = torch.sigmoid(x @ model.weight.detach()[0])
    torch.testing.assert_close(matrix(whole(known, model)), x.T @ torch.diag(p * (1 - p)) @ x / SAMPLES)


def test_a_network_agrees_with_torch_and_batches_with_the_whole():
    known = mlp()
    model = known.new_model()
    expected = written_out(known, model)
    torch.testing.assert_close(matrix(whole(known, model)), expected)
    parts = [known.batch("train", places) for places in torch.arange(SAMPLES).split(16)]
    torch.testing.assert_close(matrix(Hessian(MeanLoss(known, model, parts, sizes=[16, 16, 8]))), expected)


def test_without_a_double_backward_differences_of_gradients_serve():
    exact, rough = (whole(mlp(), seeded(mlp(lambda: Square(once=once)))) for once in (False, True))  # noqa: B023
    torch.testing.assert_close(matrix(rough), matrix(exact), rtol=1e-5, atol=1e-7)
    assert (exact.method, rough.method) == ("double backward", "finite differences")
    assert all(torch.equal(*pair) for pair in zip(rough.loss.params, exact.loss.params, strict=True))


def seeded(known):
    torch.manual_seed(0)
    return known.new_model()


def test_a_product_costs_two_gradients():
    hessian = whole(mlp())
    hessian.loss.gradient()
    hessian.product(torch.ones(hessian.size, dtype=torch.float64))
    assert hessian.loss.gradients == 3


def test_dropout_keeps_its_masks_so_that_the_matrix_is_symmetric():
    found = matrix(whole(mlp(lambda: nn.Dropout(0.5))))
    torch.testing.assert_close(found, found.T)


def test_batch_normalisation_divides_by_the_batchs_own_statistics():
    known = mlp(lambda: nn.BatchNorm1d(5))
    model = known.new_model().eval()
    found = matrix(whole(known, model))
    torch.testing.assert_close(found, written_out(known, model.train()))


def test_attention_has_its_second_derivative():
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix = nn.Linear(4, 12)

        def forward(self, x):
            query, key, value = self.mix(x.view(-1, 1, 3, 4)).chunk(3, dim=-1)
            return nn.functional.scaled_dot_product_attention(query, key, value).mean((1, 2))

    known = task(Attention, nn.functional.cross_entropy, data(classes=3))
    hessian = whole(known)
    found = matrix(hessian)
    assert hessian.method == "double backward"
    torch.testing.assert_close(found, found.T)
    assert found.norm() > 0


def test_a_linear_loss_has_none():
    known = task(lambda: nn.Linear(FEATURES, 1), lambda output, _: output.mean(), data())
    assert not matrix(whole(known)).any()


def test_the_generators_are_left_alone():
    hessian = whole(mlp(lambda: nn.Dropout(0.5)))
    before = torch.get_rng_state()
    hessian.product(torch.ones(hessian.size, dtype=torch.float64))
    assert torch.equal(torch.get_rng_state(), before)


def test_batches_may_be_of_any_form():
    batch = {"x": torch.ones(4, 2), "y": torch.zeros(4, 1)}

    def objective(model, batch):
        return nn.functional.mse_loss(model(batch["x"]), batch["y"])

    known = Task("dict", lambda: nn.Linear(2, 1), None, batch, batch, batch_size=2, steps=1, objective=objective)
    hessian = Hessian(MeanLoss(known, known.new_model(), [batch], sizes=[4]))
    assert hessian.product(torch.tensor([1.0, 1.0, 1.0])).tolist() == pytest.approx([6.0, 6.0, 6.0])


def test_a_product_with_nothing_is_nothing_however_it_is_computed():
    rough = whole(mlp(lambda: Square(once=True)))
    for _ in range(2):  # the first finds out that there is no double backward
        assert not rough.product(torch.zeros(rough.size, dtype=torch.float64)).any()
    assert rough.method == "finite differences"


def test_no_memory_is_no_missing_derivative(monkeypatch):
    def exhausted(*_, **__):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")

    hessian = whole(mlp())
    monkeypatch.setattr(torch.autograd, "grad", exhausted)
    with pytest.raises(RuntimeError, match="DefaultCPUAllocator"):
        hessian.product(torch.ones(hessian.size, dtype=torch.float64))
    assert hessian.method == "double backward"
