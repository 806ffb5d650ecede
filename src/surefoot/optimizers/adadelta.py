"""Adadelta: steps in the units of the parameters themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from surefoot.optimizers.rule import WEIGHT_DECAY, Hyper, Hyperparameter, Slots, UpdateRule, mean_of, with_decay


@dataclass(frozen=True, slots=True)
class Adadelta(UpdateRule):
    """The gradient scaled by the ratio of two running root mean squares.

        g = grad + weight_decay * w
        s = rho * s + (1 - rho) * g^2
        d = sqrt(a + eps) / sqrt(s + eps) * g
        a = rho * a + (1 - rho) * d^2
        w = w - lr * d

    Reference:
        Zeiler (2012), arXiv:1212.5701.
    """

    name: ClassVar[str] = "adadelta"
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        Hyperparameter("lr", 1.0),
        Hyperparameter("rho", 0.9, high=1.0),
        Hyperparameter("eps", 1e-6),
        WEIGHT_DECAY,
    )
    slot_names: ClassVar[tuple[str, ...]] = ("square", "square_step")
    adaptive: ClassVar[bool | None] = True
    torch_class: ClassVar[str | None] = "torch.optim:Adadelta"
    surface_lr: ClassVar[float | None] = 1.0

    def update(self, param: Tensor, grad: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        """Return parameters and slots after one step."""
        rho, eps = hyper["rho"], hyper["eps"]
        grad = with_decay(param, grad, hyper["weight_decay"])
        square = mean_of(slots["square"], grad * grad, rho)
        step = (slots["square_step"] + eps).sqrt() / (square + eps).sqrt() * grad
        square_step = mean_of(slots["square_step"], step * step, rho)
        return param - hyper["lr"] * step, {"square": square, "square_step": square_step, "count": slots["count"] + 1}
