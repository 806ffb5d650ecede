"""The tasks of the labelled benchmark: small networks of many kinds, on data that need no download.

Split by task: whatever is fitted is fitted on ``TRAIN``; ``TEST`` is for the score alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from sklearn import datasets
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.tasks import batchnorm_dropout, mnist1d_cnn
from surefoot.tasks.loader import load_task
from surefoot.tasks.task import Task

Pair = tuple[Tensor, Tensor]


def digits() -> Task:
    return load_task("digits")


def digits_few() -> Task:
    """The same with 200 images to learn from, for long enough to learn them by heart."""
    full = load_task("digits")
    images, labels = full.batch("train", torch.arange(200))
    return replace(full, name="digits-few", train=(images, labels), steps=400)


def autoencoder() -> Task:
    images = torch.tensor(datasets.load_digits().data / 16, dtype=torch.float32)

    def model() -> nn.Module:
        return nn.Sequential(
            nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 8), nn.Tanh(), nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 64)
        )

    return _task("autoencoder", model, functional.mse_loss, _split(images, images, 360), batch_size=64, steps=300)


def friedman() -> Task:
    """A regression with noise of its own."""
    x, y = datasets.make_friedman1(1500, n_features=10, noise=1.0, random_state=3)

    def model() -> nn.Module:
        return nn.Sequential(nn.Linear(10, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))

    pair = _floats(3.4 * (x - 0.5)), _floats((y - y.mean()) / y.std())[:, None]
    return _task("friedman", model, functional.mse_loss, _split(*pair, 500), batch_size=50, steps=300)


def normalised() -> Task:
    """A table of five classes, with LayerNorm and labels of which a tenth are wrong."""
    x, y = datasets.make_classification(
        2500, n_features=20, n_informative=12, n_classes=5, flip_y=0.1, class_sep=1.0, random_state=2
    )

    def model() -> nn.Module:
        layers = [[nn.Linear(size, 64), nn.LayerNorm(64), nn.ReLU()] for size in (20, 64)]
        return nn.Sequential(*layers[0], *layers[1], nn.Linear(64, 5))

    pair = _floats(x / x.std()), torch.tensor(y)
    return _task("layernorm", model, functional.cross_entropy, _split(*pair, 500), batch_size=50, steps=300)


class Attention(nn.Module):
    """One block of a transformer over the rows of an image."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.embed, self.place = nn.Linear(8, width), nn.Parameter(0.1 * torch.randn(8, width))
        self.attend = nn.MultiheadAttention(width, 3, batch_first=True)
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.think = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))
        self.decide = nn.Linear(width, 10)

    def forward(self, rows: Tensor) -> Tensor:
        state = self.embed(rows) + self.place
        seen = self.before(state)
        state = state + self.attend(seen, seen, seen, need_weights=False)[0]
        state = state + self.think(self.between(state))
        decided: Tensor = self.decide(state.mean(1))
        return decided


def attention() -> Task:
    bunch = datasets.load_digits()
    pair = _floats(bunch.data / 16).view(-1, 8, 8), torch.tensor(bunch.target)
    return _task("attention", Attention, functional.cross_entropy, _split(*pair, 360), batch_size=64, steps=240)


class Recurrent(nn.Module):
    """A GRU that is to add two numbers of a sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.gru, self.read = nn.GRU(2, 16, batch_first=True), nn.Linear(16, 1)

    def forward(self, sequence: Tensor) -> Tensor:
        read: Tensor = self.read(self.gru(sequence)[0][:, -1])
        return read


def adding() -> Task:
    """The adding problem over 12 steps (Hochreiter & Schmidhuber, 1997)."""
    generator = torch.Generator().manual_seed(0)
    samples, length = 1600, 12
    values, marks = torch.rand(samples, length, generator=generator), torch.zeros(samples, length)
    for row in marks:
        row[torch.randperm(length, generator=generator)[:2]] = 1.0
    pair = torch.stack([values, marks], -1), (values * marks).sum(1, keepdim=True) - 1.0
    return _task("adding-gru", Recurrent, functional.mse_loss, _split(*pair, 400), batch_size=64, steps=400)


def mnist1d() -> Task:
    return load_task("mnist1d", steps=400)


def mnist1d_few() -> Task:
    """The same with 300 samples to learn from, for long enough to learn them by heart."""
    full = load_task("mnist1d")
    samples, labels = full.batch("train", torch.arange(300))
    return replace(full, name="mnist1d-few", train=(samples, labels), batch_size=50, steps=600)


def mnist1d_convolutions() -> Task:
    return replace(mnist1d_cnn(), steps=200)


def mnist1d_batchnorm() -> Task:
    return replace(batchnorm_dropout(), steps=300)


def diabetes() -> Task:
    return load_task("diabetes")


def breast_cancer() -> Task:
    return load_task("breast-cancer")


TRAIN: tuple[Callable[[], Task], ...] = (digits, digits_few, autoencoder, friedman, normalised, attention, diabetes)
TEST: tuple[Callable[[], Task], ...] = (
    mnist1d, mnist1d_few, mnist1d_convolutions, mnist1d_batchnorm, adding, breast_cancer,
)  # fmt: skip


def _floats(values: np.ndarray) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)


def _split(inputs: Tensor, targets: Tensor, held_out: int) -> tuple[Pair, Pair]:
    """Return training and validation data, drawn with a seed of their own."""
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(1))
    inputs, targets = inputs[order], targets[order]
    return (inputs[held_out:], targets[held_out:]), (inputs[:held_out], targets[:held_out])


def _task(
    name: str,
    model: Callable[[], nn.Module],
    loss: Callable[[Tensor, Tensor], Tensor],
    data: tuple[Pair, Pair],
    *,
    batch_size: int,
    steps: int,
) -> Task:
    train, valid = data
    return Task(name, model, loss, train, valid, batch_size=batch_size, steps=steps)
