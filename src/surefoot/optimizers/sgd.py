"""Stochastic gradient descent with heavy-ball or Nesterov momentum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from surefoot.optimizers.rule import (
    MOMENTUM,
    WEIGHT_DECAY,
    Equivalent,
    Hyper,
    Hyperparameter,
    Slots,
    UpdateRule,
    with_decay,
)


@dataclass(frozen=True, slots=True)
class SGD(UpdateRule):
    """Heavy ball, Nesterov, or plain descent where momentum is 0.

        g = grad + weight_decay * w
        v = momentum * v + (1 - dampening) * g          (v = g at the first step)
        w = w - lr * v                                  heavy ball
        w = w - lr * (g + momentum * v)                 Nesterov

    The learning rate is outside the velocity, as in torch; Keras keeps it inside. As in torch a step at momentum 0
    leaves the velocity alone.

    Reference:
        Polyak (1964); Sutskever et al. (2013), "On the importance of initialization and momentum in deep learning".
    """

    name: ClassVar[str] = "sgd"
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        Hyperparameter("lr", 0.01),
        MOMENTUM,
        Hyperparameter("dampening", 0.0, high=1.0),
        WEIGHT_DECAY,
    )
    switches: ClassVar[tuple[str, ...]] = ("nesterov",)
    slot_names: ClassVar[tuple[str, ...]] = ("velocity",)
    momentum: ClassVar[str | None] = "momentum"
    sums_gradients: ClassVar[bool | None] = True
    adaptive: ClassVar[bool | None] = False
    usual: ClassVar[Mapping[str, float]] = {"momentum": 0.9}
    always_shown: ClassVar[tuple[str, ...]] = ("lr", "momentum")
    torch_class: ClassVar[str | None] = "torch.optim:SGD"
    equivalents: ClassVar[Mapping[str, Equivalent]] = {
        "optax": Equivalent("sgd", {"lr": "learning_rate", "momentum": "momentum"}, ("nesterov",)),
        "keras": Equivalent("SGD", {"lr": "learning_rate", "momentum": "momentum"}, ("nesterov",)),
    }
    surface_lr: ClassVar[float | None] = 0.1

    def update(self, param: Tensor, grad: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        """Return parameters and slots after one step; ``count`` counts the steps that moved the velocity."""
        momentum, nesterov = hyper["momentum"], hyper["nesterov"]
        grad = with_decay(param, grad, hyper["weight_decay"])
        moving = (momentum > 0).to(param.dtype)
        first = slots["count"] == 0
        keep = torch.where(moving > 0, momentum, 1.0)
        take = moving * torch.where(first, 1.0, 1 - hyper["dampening"])
        velocity = torch.addcmul(keep * slots["velocity"], grad, take)
        # One formula for all three kinds of step, so that members of one fleet may differ in them.
        of_grad = torch.where(moving > 0, nesterov, 1.0)
        of_velocity = moving * torch.where(nesterov > 0, momentum, 1.0)
        direction = torch.addcmul(of_velocity * velocity, grad, of_grad)
        return param - hyper["lr"] * direction, {"velocity": velocity, "count": slots["count"] + moving}
