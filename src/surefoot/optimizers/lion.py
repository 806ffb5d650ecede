"""Lion: the sign of an interpolated momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from surefoot.optimizers.rule import BETA1, WEIGHT_DECAY, Hyper, Hyperparameter, Slots, UpdateRule, mean_of


@dataclass(frozen=True, slots=True)
class Lion(UpdateRule):
    """Steps of one size in every coordinate.

        c = beta1 * m + (1 - beta1) * grad
        w = (1 - lr * weight_decay) * w - lr * sign(c)
        m = beta2 * m + (1 - beta2) * grad

    Reference:
        Chen et al. (2023), arXiv:2302.06675, algorithm 2.
    """

    name: ClassVar[str] = "lion"
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        Hyperparameter("lr", 1e-4),
        BETA1,
        Hyperparameter("beta2", 0.99, high=1.0),
        WEIGHT_DECAY,
    )
    slot_names: ClassVar[tuple[str, ...]] = ("mean",)

    def update(self, param: Tensor, grad: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        """Return parameters and slots after one step."""
        direction = torch.sign(mean_of(slots["mean"], grad, hyper["beta1"]))
        shrunk = param * (1 - hyper["lr"] * hyper["weight_decay"])
        mean = mean_of(slots["mean"], grad, hyper["beta2"])
        return shrunk - hyper["lr"] * direction, {"mean": mean, "count": slots["count"] + 1}
