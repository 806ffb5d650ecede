import pytest
import torch
from torch import nn

from surefoot.curvature.hessian import Hessian
from surefoot.curvature.mean_loss import MeanLoss
from surefoot.tasks.task import Task

from .tasks_with_known_hessian import FEATURES, SAMPLES, Square, data, full_hessian, linear, logistic, mlp, task


def one_batch_hessian(network, model=None, **settings):
    """Return the Hessian over all training samples as one batch."""
    return Hessian(
        MeanLoss(network, model or network.new_model(), [network.train.tensors], sizes=[SAMPLES], **settings)
    )


def to_matrix(hessian):
    return torch.stack([hessian.product(row) for row in torch.eye(hessian.size, dtype=torch.float64)])


def test_the_hessian_of_linear_regression_is_twice_the_mean_outer_product():
    x, _ = data()
    torch.testing.assert_close(to_matrix(one_batch_hessian(linear())), 2 * x.T @ x / SAMPLES)


def test_the_hessian_of_logistic_regression_is_weighted_by_p_times_1_minus_p():
    x, _ = data(classes=2)
    network = logistic()
    model = network.new_model()
    p = torch.sigmoid(x @ model.weight.detach()[0])
    torch.testing.assert_close(
        to_matrix(one_batch_hessian(network, model)), x.T @ torch.diag(p * (1 - p)) @ x / SAMPLES
    )


def test_the_hessian_of_a_network_is_that_of_torch_in_one_batch_or_in_several():
    network = mlp()
    model = network.new_model()
    expected = full_hessian(network, model)
    torch.testing.assert_close(to_matrix(one_batch_hessian(network, model)), expected)
    parts = [network.batch("train", indices) for indices in torch.arange(SAMPLES).split(16)]
    torch.testing.assert_close(to_matrix(Hessian(MeanLoss(network, model, parts, sizes=[16, 16, 8]))), expected)


def test_without_double_backward_products_are_differences_of_gradients():
    exact = one_batch_hessian(mlp(), seeded(mlp(Square)))
    approximate = one_batch_hessian(mlp(), seeded(mlp(lambda: Square(once_differentiable_only=True))))
    torch.testing.assert_close(to_matrix(approximate), to_matrix(exact), rtol=1e-5, atol=1e-7)
    assert (exact.method, approximate.method) == ("double backward", "finite differences")
    assert all(torch.equal(*pair) for pair in zip(approximate.loss.params, exact.loss.params, strict=True))


def seeded(network):
    torch.manual_seed(0)
    return network.new_model()


def test_a_product_costs_two_gradients():
    hessian = one_batch_hessian(mlp())
    hessian.loss.gradient()
    hessian.product(torch.ones(hessian.size, dtype=torch.float64))
    assert hessian.loss.gradients == 3


def test_with_dropout_the_masks_stay_the_same_and_the_hessian_is_symmetric():
    result = to_matrix(one_batch_hessian(mlp(lambda: nn.Dropout(0.5))))
    torch.testing.assert_close(result, result.T)


def test_batch_norm_normalises_by_the_statistics_of_the_batch():
    network = mlp(lambda: nn.BatchNorm1d(5))
    model = network.new_model().eval()
    result = to_matrix(one_batch_hessian(network, model))
    torch.testing.assert_close(result, full_hessian(network, model.train()))


def test_attention_has_a_second_derivative():
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix = nn.Linear(4, 12)

        def forward(self, x):
            query, key, value = self.mix(x.view(-1, 1, 3, 4)).chunk(3, dim=-1)
            return nn.functional.scaled_dot_product_attention(query, key, value).mean((1, 2))

    network = task(Attention, nn.functional.cross_entropy, data(classes=3))
    hessian = one_batch_hessian(network)
    result = to_matrix(hessian)
    assert hessian.method == "double backward"
    torch.testing.assert_close(result, result.T)
    assert result.norm() > 0


def test_the_hessian_of_a_linear_loss_is_0():
    network = task(lambda: nn.Linear(FEATURES, 1), lambda output, _: output.mean(), data())
    assert not to_matrix(one_batch_hessian(network)).any()


def test_the_state_of_the_random_generator_does_not_change():
    hessian = one_batch_hessian(mlp(lambda: nn.Dropout(0.5)))
    before = torch.get_rng_state()
    hessian.product(torch.ones(hessian.size, dtype=torch.float64))
    assert torch.equal(torch.get_rng_state(), before)


def test_batches_may_be_of_any_type():
    batch = {"x": torch.ones(4, 2), "y": torch.zeros(4, 1)}

    def objective(model, batch):
        return nn.functional.mse_loss(model(batch["x"]), batch["y"])

    network = Task("dict", lambda: nn.Linear(2, 1), None, batch, batch, batch_size=2, steps=1, objective=objective)
    hessian = Hessian(MeanLoss(network, network.new_model(), [batch], sizes=[4]))
    assert hessian.product(torch.tensor([1.0, 1.0, 1.0])).tolist() == pytest.approx([6.0, 6.0, 6.0])


def test_the_product_with_0_is_0_by_either_method():
    rough = one_batch_hessian(mlp(lambda: Square(once_differentiable_only=True)))
    for _ in range(2):  # the first call falls back to finite differences
        assert not rough.product(torch.zeros(rough.size, dtype=torch.float64)).any()
    assert rough.method == "finite differences"


def test_running_out_of_memory_is_not_taken_for_a_missing_double_backward(monkeypatch):
    def exhausted(*_, **__):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")

    hessian = one_batch_hessian(mlp())
    monkeypatch.setattr(torch.autograd, "grad", exhausted)
    with pytest.raises(RuntimeError, match="DefaultCPUAllocator"):
        hessian.product(torch.ones(hessian.size, dtype=torch.float64))
    assert hessian.method == "double backward"
