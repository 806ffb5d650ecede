import pickle
from functools import partial

import pytest
import torch
from sklearn.metrics import accuracy_score, r2_score
from torch import nn

from surefoot.tasks.models_and_metrics import accuracy, explained_variance, mlp


@pytest.mark.parametrize(("activation", "function"), [("relu", torch.relu), ("tanh", torch.tanh)])
def test_the_perceptron_applies_its_layers_in_order(activation, function):
    model = mlp((3, 5, 4, 2), activation=activation)
    first, second, third = (layer for layer in model if isinstance(layer, nn.Linear))
    x = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(model(x), third(function(second(function(first(x))))))


def test_a_factory_of_the_perceptron_can_be_pickled():
    factory = pickle.loads(pickle.dumps(partial(mlp, (2, 3, 1), activation="tanh")))
    assert str(factory()) == str(mlp((2, 3, 1), activation="tanh"))


RNG = torch.Generator().manual_seed(0)


def test_accuracy_equals_that_of_scikit_learn():
    output, target = torch.randn(200, 5, generator=RNG), torch.randint(5, (200,), generator=RNG)
    assert accuracy(output, target).item() == pytest.approx(accuracy_score(target, output.argmax(1)))


def test_accuracy_counts_every_position_of_a_sequence():
    output = torch.tensor([[[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]]])  # [B=1, classes=2, T=3]
    assert accuracy(output, torch.tensor([[1, 0, 1]])).item() == pytest.approx(2 / 3)


def test_explained_variance_is_r2_for_a_standardised_target():
    target = torch.randn(500, 1, generator=RNG, dtype=torch.float64)
    target = (target - target.mean()) / target.std(correction=0)
    output = target + 0.3 * torch.randn(500, 1, generator=RNG, dtype=torch.float64)
    assert explained_variance(output, target).item() == pytest.approx(r2_score(target, output), abs=1e-12)


@pytest.mark.parametrize("metric", [accuracy, explained_variance])
def test_a_mean_over_batches_is_the_metric_of_all_samples(metric):
    output, target = torch.randn(60, 4, generator=RNG), torch.randn(60, 4, generator=RNG)
    if metric is accuracy:
        target = target.argmax(1)
    parts = [metric(output[start : start + 20], target[start : start + 20]) for start in (0, 20, 40)]
    assert torch.stack(parts).mean().item() == pytest.approx(metric(output, target).item(), abs=1e-6)


def test_metrics_work_under_vmap():
    output, target = torch.randn(3, 8, 4, generator=RNG), torch.randint(4, (8,), generator=RNG)
    together = torch.vmap(accuracy, in_dims=(0, None))(output, target)
    assert together.tolist() == [accuracy(one, target).item() for one in output]
