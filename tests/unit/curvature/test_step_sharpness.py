import pytest
import torch
from torch import nn

from surefoot.curvature.sharpness import NoiseScale, noise_scale
from surefoot.curvature.step_curvature import StepSharpness, batch_sharpness, step_sharpness

from .networks import Square, mlp, written_out


def test_it_is_the_quotient_of_the_matrix_written_out():
    known = mlp(Square)
    model = known.new_model()
    params = list(model.parameters())
    loss = known.batch_loss(model, known.train.tensors)
    gradient = torch.cat([grad.reshape(-1) for grad in torch.autograd.grad(loss, params, retain_graph=True)])
    found = step_sharpness(loss, params)
    assert found.bend == pytest.approx(float(gradient @ written_out(known, model) @ gradient), rel=1e-9)
    assert found.squared_norm == pytest.approx(float(gradient @ gradient), rel=1e-12)
    assert found.value == pytest.approx(found.bend / found.squared_norm)


def test_a_longer_step_than_two_over_it_raises_the_loss_of_a_quadratic():
    w = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    bend = torch.tensor([3.0, 0.5], dtype=torch.float64)

    def loss_at(place):
        return (bend * place**2).sum() / 2

    limit = 2 / step_sharpness(loss_at(w), [w]).value
    gradient = bend * w.detach()
    here = float(loss_at(w.detach()))
    assert (
        float(loss_at(w.detach() - 0.999 * limit * gradient))
        < here
        < float(loss_at(w.detach() - 1.001 * limit * gradient))
    )


def test_without_a_gradient_it_is_zero():
    model = nn.Linear(2, 1)
    assert step_sharpness(0.0 * model(torch.ones(1, 2)).sum(), list(model.parameters())).value == 0.0
    assert batch_sharpness([]) == 0.0


def test_batches_count_by_their_gradients():
    assert batch_sharpness([StepSharpness(4.0, 1.0), StepSharpness(3.0, 3.0)]) == 7 / 4


def test_the_noise_scale_is_without_bias():
    generator = torch.Generator().manual_seed(0)
    mean = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    spread = torch.tensor([2.0, 1.0, 3.0], dtype=torch.float64)
    batch, count, repeats = 8, 4, 4000
    found = []
    for _ in range(repeats):
        samples = mean + spread * torch.randn(count, batch, 3, generator=generator, dtype=torch.float64)
        found.append(noise_scale(samples.mean(1), batch_size=batch))
    signal, noise = (sum(getattr(each, name) for each in found) / repeats for name in ("signal", "noise"))
    assert signal == pytest.approx(float(mean.square().sum()), rel=0.03)
    assert noise == pytest.approx(float(spread.square().sum()), rel=0.03)


def test_what_drowns_in_noise_is_told():
    drowned = NoiseScale(signal=-0.1, noise=5.0)
    assert drowned.value == float("inf")
    assert drowned.share_of_noise(8) == 1.0
    assert NoiseScale(signal=0.0, noise=0.0).share_of_noise(8) == 0.0
    with pytest.raises(ValueError, match="at least 2 gradients; given 1"):
        noise_scale(torch.ones(1, 3), batch_size=4)
