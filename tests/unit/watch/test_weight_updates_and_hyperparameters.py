import pytest
import torch

from surefoot.watch.weight_updates_and_hyperparameters import UpdateProbe


def looks(weights, moves):
    watched = UpdateProbe(torch.optim.SGD(weights))
    found = [watched.read()]
    for move in moves:
        for weight in weights:
            weight.data.add_(move)
        found.append(watched.read())
    return found


def test_cosine_and_ratio_of_two_updates():
    w = torch.tensor([3.0, 4.0])
    *_, (cosine, ratio) = looks([w], [torch.tensor([1.0, 0.0]), torch.tensor([1.0, 1.0])])
    assert cosine == pytest.approx(0.5**0.5)
    assert ratio == pytest.approx(2**0.5 / (5.0**2 + 5.0**2) ** 0.5)


@pytest.mark.parametrize("moves", [(1.0, 0.0), (0.0, 1.0), (1.0, float("nan"))])
def test_a_step_that_was_skipped_has_no_cosine(moves):
    assert looks([torch.ones(3)], moves) == [None, None, None]


def test_many_weights_are_sampled(monkeypatch):
    monkeypatch.setattr("surefoot.watch.weight_updates_and_hyperparameters.MAX_WEIGHTS", 100)
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 10_000, generator=generator)
    second = 0.6 * first + 0.8 * second
    *_, (cosine, _) = looks([torch.zeros(10_000)], [first, second])
    assert cosine == pytest.approx(0.6, abs=0.15)


def test_a_group_added_on_the_way_starts_the_comparison_anew():
    w = torch.zeros(2)
    optimizer = torch.optim.SGD([w])
    watched = UpdateProbe(optimizer)
    watched.read()
    optimizer.add_param_group({"params": [torch.ones(3)]})
    assert watched.read() is None
    for _ in range(2):
        w.add_(1.0)
        found = watched.read()
    assert found is not None
    assert found[0] == pytest.approx(1.0)


def test_half_precision_does_not_overflow():
    w = torch.full((8,), 200.0, dtype=torch.float16)
    *_, (cosine, ratio) = looks([w], [256.0, 256.0])
    assert (cosine, ratio) == (pytest.approx(1.0), pytest.approx(256 / 712, rel=1e-3))


def test_complex_weights_are_pairs_of_real_ones():
    w = torch.tensor([3.0 + 4.0j])
    *_, (cosine, ratio) = looks([w], [1.0, 1.0 + 1.0j])
    assert cosine == pytest.approx(0.5**0.5)
    assert ratio == pytest.approx(2**0.5 / (5.0**2 + 5.0**2) ** 0.5)
