import pytest
import torch
from sklearn.metrics import accuracy_score, r2_score

from surefoot.tasks.models_and_metrics import accuracy, explained_variance

LUCK = torch.Generator().manual_seed(0)


def test_accuracy_is_scikit_learns():
    output, target = torch.randn(200, 5, generator=LUCK), torch.randint(5, (200,), generator=LUCK)
    assert accuracy(output, target).item() == pytest.approx(accuracy_score(target, output.argmax(1)))


def test_accuracy_counts_every_position_of_a_sequence():
    output = torch.tensor([[[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]]])  # [B=1, classes=2, T=3]
    assert accuracy(output, torch.tensor([[1, 0, 1]])).item() == pytest.approx(2 / 3)


def test_explained_variance_is_r2_where_the_target_is_standardised():
    target = torch.randn(500, 1, generator=LUCK, dtype=torch.float64)
    target = (target - target.mean()) / target.std(correction=0)
    output = target + 0.3 * torch.randn(500, 1, generator=LUCK, dtype=torch.float64)
    assert explained_variance(output, target).item() == pytest.approx(r2_score(target, output), abs=1e-12)


@pytest.mark.parametrize("metric", [accuracy, explained_variance])
def test_a_mean_over_batches_is_the_metric_of_all(metric):
    output, target = torch.randn(60, 4, generator=LUCK), torch.randn(60, 4, generator=LUCK)
    if metric is accuracy:
        target = target.argmax(1)
    parts = [metric(output[begin : begin + 20], target[begin : begin + 20]) for begin in (0, 20, 40)]
    assert torch.stack(parts).mean().item() == pytest.approx(metric(output, target).item(), abs=1e-6)


def test_metrics_work_under_vmap():
    output, target = torch.randn(3, 8, 4, generator=LUCK), torch.randint(4, (8,), generator=LUCK)
    together = torch.vmap(accuracy, in_dims=(0, None))(output, target)
    assert together.tolist() == [accuracy(one, target).item() for one in output]
