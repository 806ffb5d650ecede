"""Tasks of the benchmark that are neither built in nor an example; entries.py lists them all.

The texts there name this file, so surefoot's loader runs it: it imports nothing of its neighbours.
"""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from surefoot.tasks.builtin.mnist1d import mnist1d
from surefoot.tasks.task import Task


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
