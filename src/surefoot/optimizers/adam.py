"""Adam, AMSGrad, and AdamW with its decoupled weight decay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from surefoot.optimizers.rule import (
    BETA1,
    BETA2,
    EPS,
    WEIGHT_DECAY,
    Equivalent,
    Hyper,
    Hyperparameter,
    Slots,
    UpdateRule,
    mean_of,
    with_decay,
)


@dataclass(frozen=True, slots=True)
class Adam(UpdateRule):
    """Running means of gradient and squared gradient, corrected for their start at zero.

        g = grad + weight_decay * w
        m = beta1 * m + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * g^2               (amsgrad: the largest s so far below)
        w = w - lr * (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + eps),    t = 1, 2, ...

    Weight decay is L2, as in ``torch.optim.Adam``; the decoupled one is AdamW.

    Reference:
        Kingma & Ba (2015), arXiv:1412.6980; Reddi et al. (2018), "On the convergence of Adam and beyond".
    """

    name: ClassVar[str] = "adam"
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        Hyperparameter("lr", 1e-3),
        BETA1,
        BETA2,
        EPS,
        WEIGHT_DECAY,
    )
    slot_names: ClassVar[tuple[str, ...]] = ("mean", "square")
    momentum: ClassVar[str | None] = "beta1"
    sums_gradients: ClassVar[bool | None] = False
    adaptive: ClassVar[bool | None] = True
    torch_class: ClassVar[str | None] = "torch.optim:Adam"
    equivalents: ClassVar[Mapping[str, Equivalent]] = {
        "optax": Equivalent("adam", {"lr": "learning_rate", "beta1": "b1", "beta2": "b2", "eps": "eps"}),
        "keras": Equivalent("Adam", {"lr": "learning_rate", "beta1": "beta_1", "beta2": "beta_2", "eps": "epsilon"}),
    }
    surface_lr: ClassVar[float | None] = 0.1
    amsgrad: bool = False

    def fresh_slots(self, param: Tensor) -> Slots:
        """Return zeros, with the largest square so far among them for AMSGrad."""
        return adam_slots(self, param, amsgrad=self.amsgrad)

    def update(self, param: Tensor, grad: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        """Return parameters and slots after one step."""
        return adam_step(param, with_decay(param, grad, hyper["weight_decay"]), slots, hyper)


def adam_slots(rule: UpdateRule, param: Tensor, *, amsgrad: bool) -> Slots:
    """Return the fresh slots of Adam or AdamW."""
    slots = UpdateRule.fresh_slots(rule, param)
    return slots | {"square_max": torch.zeros_like(param)} if amsgrad else slots


def adam_step(param: Tensor, grad: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
    """Take Adam's step along a gradient whose weight decay has been seen to."""
    count = slots["count"] + 1
    after = {
        "mean": mean_of(slots["mean"], grad, hyper["beta1"]),
        "square": mean_of(slots["square"], grad * grad, hyper["beta2"]),
        "count": count,
    }
    if "square_max" in slots:
        after["square_max"] = torch.maximum(slots["square_max"], after["square"])
    rate = hyper["lr"] / (1 - hyper["beta1"] ** count)
    root = (1 - hyper["beta2"] ** count).sqrt()
    scale = after.get("square_max", after["square"]).sqrt() / root + hyper["eps"]
    return param - rate * after["mean"] / scale, after


@dataclass(frozen=True, slots=True)
class AdamW(UpdateRule):
    """Shrink the weights, then take Adam's step along the bare gradient.

        w = (1 - lr * weight_decay) * w
        w = w - lr * (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + eps)

    with Adam's running means m and s. The default decay is torch's, 0.01.

    Reference:
        Loshchilov & Hutter (2019), arXiv:1711.05101.
    """

    name: ClassVar[str] = "adamw"
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        Hyperparameter("lr", 1e-3),
        BETA1,
        BETA2,
        EPS,
        Hyperparameter("weight_decay", 0.01),
    )
    slot_names: ClassVar[tuple[str, ...]] = ("mean", "square")
    momentum: ClassVar[str | None] = "beta1"
    sums_gradients: ClassVar[bool | None] = False
    adaptive: ClassVar[bool | None] = True
    torch_class: ClassVar[str | None] = "torch.optim:AdamW"
    equivalents: ClassVar[Mapping[str, Equivalent]] = {
        "optax": Equivalent(
            "adamw", {"lr": "learning_rate", "beta1": "b1", "beta2": "b2", "eps": "eps", "weight_decay": "weight_decay"}
        ),
        "keras": Equivalent(
            "AdamW",
            {
                "lr": "learning_rate",
                "beta1": "beta_1",
                "beta2": "beta_2",
                "eps": "epsilon",
                "weight_decay": "weight_decay",
            },
        ),
    }
    surface_lr: ClassVar[float | None] = 0.1
    amsgrad: bool = False

    def fresh_slots(self, param: Tensor) -> Slots:
        """Return zeros, with the largest square so far among them for AMSGrad."""
        return adam_slots(self, param, amsgrad=self.amsgrad)

    def update(self, param: Tensor, grad: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        """Return parameters and slots after one step."""
        return adam_step(param * (1 - hyper["lr"] * hyper["weight_decay"]), grad, slots, hyper)
