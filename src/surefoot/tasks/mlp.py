"""The multilayer perceptron of the built-in tasks and of CSV files."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, TypeAlias

from torch import nn

Activation: TypeAlias = Literal["relu", "tanh"]

ACTIVATIONS: dict[Activation, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh}


def mlp(widths: Sequence[int], *, activation: Activation = "relu") -> nn.Sequential:
    """Return linear layers of the given widths, inputs first, with an activation between any two of them.

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
