"""RMSprop: the gradient divided by a running root mean square of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from surefoot.optimizers.rule import (
    EPS,
    MOMENTUM,
    WEIGHT_DECAY,
    Hyper,
    Hyperparameter,
    Slots,
    UpdateRule,
    mean_of,
    with_decay,
)


@dataclass(frozen=True, slots=True)
class RMSprop(UpdateRule):
    """Divide by the root mean square; ``centered`` divides by the standard deviation instead.

        g = grad + weight_decay * w
        s = alpha * s + (1 - alpha) * g^2
        m = alpha * m + (1 - alpha) * g                 (centered: s - m^2 in place of s below)
        v = momentum * v + g / (sqrt(s) + eps)
        w = w - lr * v

    The epsilon is outside the root and the learning rate outside the velocity, as in torch. As in torch a step at
    momentum 0 leaves the velocity alone.

    Reference:
        Tieleman & Hinton (2012), lecture 6.5; Graves (2013), arXiv:1308.0850 for the centered form.
    """

    name: ClassVar[str] = "rmsprop"
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        Hyperparameter("lr", 0.01),
        MOMENTUM,
        Hyperparameter("alpha", 0.99, high=1.0),
        EPS,
        WEIGHT_DECAY,
    )
    slot_names: ClassVar[tuple[str, ...]] = ("square", "velocity", "mean")
    centered: bool = False

    def update(self, param: Tensor, grad: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        """Return parameters and slots after one step."""
        grad = with_decay(param, grad, hyper["weight_decay"])
        square = mean_of(slots["square"], grad * grad, hyper["alpha"])
        mean = mean_of(slots["mean"], grad, hyper["alpha"]) if self.centered else slots["mean"]
        variance = square - mean * mean if self.centered else square
        direction = hyper["momentum"] * slots["velocity"] + grad / (variance.sqrt() + hyper["eps"])
        velocity = torch.where(hyper["momentum"] > 0, direction, slots["velocity"])
        after = {"square": square, "velocity": velocity, "mean": mean, "count": slots["count"] + 1}
        return param - hyper["lr"] * direction, after
