"""Adagrad: the gradient divided by the root of the sum of all its squares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from surefoot.optimizers.rule import WEIGHT_DECAY, Hyper, Hyperparameter, Slots, UpdateRule, with_decay


@dataclass(frozen=True, slots=True)
class Adagrad(UpdateRule):
    """Rates that fall with the squared gradients seen so far.

        g = grad + weight_decay * w
        s = s + g^2                                     (s_0 = initial_accumulator)
        w = w - lr / (1 + t * lr_decay) * g / (sqrt(s) + eps),    t = 0, 1, 2, ...

    Reference:
        Duchi, Hazan & Singer (2011), JMLR 12.
    """

    name: ClassVar[str] = "adagrad"
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        Hyperparameter("lr", 0.01),
        Hyperparameter("lr_decay", 0.0),
        Hyperparameter("initial_accumulator", 0.0, scheduled=False),
        Hyperparameter("eps", 1e-10),
        WEIGHT_DECAY,
    )
    slot_names: ClassVar[tuple[str, ...]] = ("sum",)
    adaptive: ClassVar[bool | None] = True
    torch_class: ClassVar[str | None] = "torch.optim:Adagrad"
    torch_names: ClassVar[Mapping[str, str]] = {"initial_accumulator": "initial_accumulator_value"}
    surface_lr: ClassVar[float | None] = 0.5

    def update(self, param: Tensor, grad: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        """Return parameters and slots after one step."""
        grad = with_decay(param, grad, hyper["weight_decay"])
        total = slots["sum"] + grad * grad
        lr = hyper["lr"] / (1 + slots["count"] * hyper["lr_decay"])
        scale = (total + hyper["initial_accumulator"]).sqrt() + hyper["eps"]
        return param - lr * grad / scale, {"sum": total, "count": slots["count"] + 1}
