"""Tasks drawn at random, for the judge of logs to learn on: what holds on six tasks need not hold on the seventh.

Small networks of all kinds on made-up data: tables with classes or numbers, with wrong labels and noise; sequences;
few samples and many; shallow and deep, wide and narrow, with and without normalisation and dropout.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from sklearn import datasets
from torch import Tensor, nn
from torch.nn import functional

from surefoot.tasks.task import Task

ACTIVATIONS: tuple[Callable[[], nn.Module], ...] = (nn.ReLU, nn.Tanh, nn.GELU, nn.SiLU)
HELD_OUT = 300


def random_task(number: int) -> Task:
    """Return the task of a number; every draw follows from it."""
    draw = np.random.default_rng([71, number])
    samples = int(draw.choice([150, 400, 1000, 2500]))
    inputs, targets, outputs = (_sequences if number % 5 == 4 else _table)(draw, samples + HELD_OUT)
    model = _network(draw, inputs, outputs)
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(number))
    inputs, targets = inputs[order], targets[order]
    return Task(
        f"random-{number}",
        model,
        functional.cross_entropy if targets.dtype == torch.int64 else functional.mse_loss,
        (inputs[HELD_OUT:], targets[HELD_OUT:]),
        (inputs[:HELD_OUT], targets[:HELD_OUT]),
        batch_size=int(draw.choice([16, 32, 64, 128])),
        steps=int(draw.choice([60, 100, 200, 300])),
    )


def _table(draw: np.random.Generator, samples: int) -> tuple[Tensor, Tensor, int]:
    """Return inputs ``[N, F]``, targets, and how many outputs they need."""
    kind, seed, features = int(draw.integers(4)), int(draw.integers(2**31)), int(draw.choice([8, 16, 32, 64]))
    if kind == 0:
        classes = int(draw.choice([2, 4, 8]))
        x, y = datasets.make_classification(
            samples,
            n_features=features,
            n_informative=features // 2,
            n_classes=classes,
            flip_y=float(draw.choice([0.0, 0.05, 0.2])),
            class_sep=float(draw.choice([0.7, 1.0, 2.0])),
            random_state=seed,
        )
        return _floats(x / x.std()), torch.tensor(y), classes
    if kind == 1:
        x, y = datasets.make_friedman1(
            samples, n_features=features, noise=float(draw.choice([0, 1, 3])), random_state=seed
        )
        return _floats(3.4 * (x - 0.5)), _floats((y - y.mean()) / y.std())[:, None], 1
    x = draw.normal(size=(samples, features)) * np.geomspace(1.0, float(draw.choice([1.0, 0.1])), features)
    hidden = np.tanh(x @ draw.normal(size=(features, 24)) / features**0.5 * 2.0)
    if kind == 2:
        y = hidden @ draw.normal(size=(24, 3)) / 3.0 + float(draw.choice([0.0, 0.1, 0.5])) * draw.normal(
            size=(samples, 3)
        )
        return _floats(x), _floats(y), 3
    return _floats(x), torch.tensor((hidden @ draw.normal(size=(24, 6))).argmax(1)), 6


def _sequences(draw: np.random.Generator, samples: int) -> tuple[Tensor, Tensor, int]:
    """Return waves ``[N, 1, 32]`` whose frequency and shape are to be told."""
    classes, length = 6, 32
    kinds = draw.integers(classes, size=samples)
    time = np.arange(length) / length
    phases, noise = draw.uniform(0, 2 * np.pi, (samples, 1)), float(draw.choice([0.1, 0.5, 1.0]))
    waves = np.sin(2 * np.pi * (1 + kinds[:, None] // 2) * time + phases)
    waves = np.where(kinds[:, None] % 2 == 1, np.sign(waves), waves) + noise * draw.normal(size=(samples, length))
    return _floats(waves)[:, None], torch.tensor(kinds), classes


def _network(draw: np.random.Generator, inputs: Tensor, outputs: int) -> Callable[[], nn.Module]:
    activation = ACTIVATIONS[int(draw.integers(len(ACTIVATIONS)))]
    width, depth = int(draw.choice([16, 32, 64])), int(draw.choice([1, 2, 3, 5]))
    norm, dropout = str(draw.choice(["none", "none", "batch", "layer"])), float(draw.choice([0.0, 0.0, 0.2]))

    def layers() -> nn.Module:
        size, parts = inputs[0].numel(), list[nn.Module]()
        if inputs.ndim == 3:
            parts += [nn.Conv1d(1, 8, 5, stride=2, padding=2), activation()]
            parts += [nn.Conv1d(8, 16, 5, stride=2, padding=2), activation(), nn.Flatten()]
            size = 16 * inputs.shape[-1] // 4
        for _ in range(depth if inputs.ndim == 2 else 1):
            parts.append(nn.Linear(size, width))
            if norm != "none":
                parts.append(nn.BatchNorm1d(width) if norm == "batch" else nn.LayerNorm(width))
            parts.append(activation())
            if dropout:
                parts.append(nn.Dropout(dropout))
            size = width
        return nn.Sequential(*parts, nn.Linear(size, outputs))

    return layers


def _floats(values: np.ndarray) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)
