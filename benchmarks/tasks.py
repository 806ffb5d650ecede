"""The benchmark's tasks: texts that `surefoot tune` takes, so that every contestant trains the same.

This file is one of those that the texts name, so it is run by surefoot's loader and imports nothing of its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import nn

from surefoot.tasks.builtin.mnist1d import mnist1d
from surefoot.tasks.loader import load
from surefoot.tasks.task import Task


@dataclass(frozen=True, slots=True)
class Entry:
    """A task of the benchmark: its text on surefoot's command line, and the steps of a full training."""

    text: str
    steps: int

    def load(self) -> Task:
        return load(self.text, steps=self.steps)


ENTRIES = {
    "digits": Entry("digits", 220),
    "mnist1d-mlp": Entry("mnist1d", 400),
    "mnist1d-cnn": Entry("benchmarks/tasks.py:mnist1d_cnn", 200),
    "fashion-cnn": Entry("fashion-mnist", 200),
    "char-transformer": Entry("examples/char_transformer.py:task", 150),
    "batchnorm-dropout": Entry("benchmarks/tasks.py:batchnorm_dropout", 300),
    "diabetes": Entry("diabetes", 220),
}


def mnist1d_cnn() -> Task:
    """MNIST-1D for three convolutions of stride 2, the net of its authors."""

    def model() -> nn.Module:
        return nn.Sequential(
            nn.Unflatten(1, (1, 40)),
            nn.Conv1d(1, 25, 5, stride=2, padding=1), nn.ReLU(),
            nn.Conv1d(25, 25, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv1d(25, 25, 3, stride=2, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Linear(125, 10),
        )  # fmt: skip

    return replace(mnist1d(), name="mnist1d-cnn", model=model)


def batchnorm_dropout() -> Task:
    """MNIST-1D for an MLP with BatchNorm and Dropout: a training that draws and that keeps statistics."""

    def model() -> nn.Module:
        first = (nn.Linear(40, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2))
        return nn.Sequential(*first, nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))

    return replace(mnist1d(), name="batchnorm-dropout", model=model)
