"""Tasks whose Hessian is known in closed form, or small enough for torch to compute it in full."""

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.func import functional_call
from torch.nn import functional

from surefoot.tasks.task import Task

SAMPLES, FEATURES = 40, 12


def data(*, classes=0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(SAMPLES, FEATURES, generator=generator, dtype=torch.float64)
    if classes:
        return x, torch.randint(classes, (SAMPLES,), generator=generator)
    return x, torch.randn(SAMPLES, 1, generator=generator, dtype=torch.float64)


def task(model, loss, samples, *, batch_size=8, **settings):
    return Task("known", model, loss, samples, samples, batch_size=batch_size, steps=10, precision="fp64", **settings)


def linear(**settings):
    return task(lambda: nn.Linear(FEATURES, 1, bias=False), functional.mse_loss, data(), **settings)


def logistic():
    def loss(output, target):
        return functional.binary_cross_entropy_with_logits(output[:, 0], target.double())

    return task(lambda: nn.Linear(FEATURES, 1, bias=False), loss, data(classes=2))


def mlp(*middle, **settings):
    def model():
        return nn.Sequential(nn.Linear(FEATURES, 5), *[layer() for layer in middle], nn.Tanh(), nn.Linear(5, 3))

    return task(model, functional.cross_entropy, data(classes=3), **settings)


class OnceDifferentiableSquare(torch.autograd.Function):
    """A square whose derivative cannot be differentiated again."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return 2 * x * grad


class Square(nn.Module):
    def __init__(self, *, once_differentiable_only=False):
        super().__init__()
        self.once_differentiable_only = once_differentiable_only

    def forward(self, x):
        return OnceDifferentiableSquare.apply(x) if self.once_differentiable_only else x**2


def full_hessian(network, model):
    """Return the Hessian [P, P] that torch computes in full, over all training samples as one batch."""
    names = [name for name, _ in model.named_parameters()]
    shapes = [param.shape for param in model.parameters()]
    batch = network.train.tensors

    def loss(flat):
        pieces = flat.split([shape.numel() for shape in shapes])
        params = {name: piece.view(shape) for name, piece, shape in zip(names, pieces, shapes, strict=True)}
        return network.batch_loss(lambda x: functional_call(model, params, (x,)), batch)

    return torch.autograd.functional.hessian(loss, nn.utils.parameters_to_vector(model.parameters()).detach())
