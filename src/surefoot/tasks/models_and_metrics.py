"""The multilayer perceptron and the metrics of built-in tasks and CSV files.

Metrics are means over a batch, so that their mean over batches of one size is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, TypeAlias

from torch import Tensor, nn

Activation: TypeAlias = Literal["relu", "tanh"]

ACTIVATIONS: dict[Activation, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh}


def mlp(widths: Sequence[int], *, activation: Activation = "relu") -> nn.Sequential:
    """Return a multilayer perceptron: linear layers of the given widths with an activation between them.

    Example:
        >>> mlp((64, 128, 10))
        Sequential(
          (0): Linear(in_features=64, out_features=128, bias=True)
          (1): ReLU()
          (2): Linear(in_features=128, out_features=10, bias=True)
        )
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def accuracy(output: Tensor, target: Tensor) -> Tensor:
    """Return the share of samples whose class is predicted correctly.

    Args:
        output: Scores [B, classes, ...], as ``cross_entropy`` takes them.
        target: Class numbers [B, ...].

    Example:
        >>> import torch
        >>> accuracy(torch.tensor([[0.1, 0.9], [0.8, 0.2]]), torch.tensor([1, 1])).item()
        0.5
    """
    return (output.argmax(dim=1) == target).float().mean()


def explained_variance(output: Tensor, target: Tensor) -> Tensor:
    """Return R² relative to the mean and variance of the training targets, for standardised targets.

        R² = 1 - mean((output - target)²)

    1 is perfect, and 0 is as good as always predicting the mean of the training targets. The usual R² divides by the
    variance of the validation targets instead, which no mean over batches can give.

    Args:
        output: Predictions, in units of the training targets' standard deviation.
        target: Targets in the same units and of the same shape.

    Example:
        >>> import torch
        >>> explained_variance(torch.tensor([1.0, 0.5]), torch.tensor([1.0, -0.5])).item()
        0.5
    """
    return 1.0 - (output - target).square().mean()
