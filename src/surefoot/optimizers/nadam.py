"""NAdam: Adam with Nesterov momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from surefoot.optimizers.rule import (
    BETA1,
    BETA2,
    EPS,
    WEIGHT_DECAY,
    Hyper,
    Hyperparameter,
    Slots,
    UpdateRule,
    mean_of,
    with_decay,
)


@dataclass(frozen=True, slots=True)
class NAdam(UpdateRule):
    """Adam whose mean looks one step ahead, under a momentum that warms up.

        g = grad + weight_decay * w
        mu_t = beta1 * (1 - 0.5 * 0.96^(t * momentum_decay)),    p_t = mu_1 * ... * mu_t
        m = beta1 * m + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * g^2
        d = mu_{t+1} * m / (1 - p_t * mu_{t+1}) + (1 - mu_t) * g / (1 - p_t)
        w = w - lr * d / (sqrt(s / (1 - beta2^t)) + eps)

    Reference:
        Dozat (2016), "Incorporating Nesterov momentum into Adam"; torch's momentum decay of 0.004.
    """

    name: ClassVar[str] = "nadam"
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        Hyperparameter("lr", 2e-3),
        BETA1,
        BETA2,
        EPS,
        Hyperparameter("momentum_decay", 4e-3),
        WEIGHT_DECAY,
    )
    slot_names: ClassVar[tuple[str, ...]] = ("mean", "square")
    momentum: ClassVar[str | None] = "beta1"
    sums_gradients: ClassVar[bool | None] = False
    adaptive: ClassVar[bool | None] = True
    torch_class: ClassVar[str | None] = "torch.optim:NAdam"
    surface_lr: ClassVar[float | None] = 0.1

    def fresh_slots(self, param: Tensor) -> Slots:
        """Return zeros, and the product of no momenta: 1."""
        slots = UpdateRule.fresh_slots(self, param)
        return slots | {"momentum_product": torch.ones_like(slots["count"])}

    def update(self, param: Tensor, grad: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        """Return parameters and slots after one step."""
        count = slots["count"] + 1
        grad = with_decay(param, grad, hyper["weight_decay"])
        now, ahead = (_momentum(hyper, time) for time in (count, count + 1))
        product = slots["momentum_product"] * now
        mean = mean_of(slots["mean"], grad, hyper["beta1"])
        square = mean_of(slots["square"], grad * grad, hyper["beta2"])
        scale = (square / (1 - hyper["beta2"] ** count)).sqrt() + hyper["eps"]
        of_grad = hyper["lr"] * (1 - now) / (1 - product)
        of_mean = hyper["lr"] * ahead / (1 - product * ahead)
        after = {"mean": mean, "square": square, "count": count, "momentum_product": product}
        return param - (of_grad * grad + of_mean * mean) / scale, after


def _momentum(hyper: Hyper, time: Tensor) -> Tensor:
    """Return mu at a time, shape ``[K, 1]``."""
    decayed: Tensor = hyper["beta1"] * (1 - 0.5 * 0.96 ** (time * hyper["momentum_decay"]))
    return decayed
