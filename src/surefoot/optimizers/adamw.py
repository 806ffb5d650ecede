"""AdamW: Adam with decoupled weight decay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from surefoot.optimizers.adam import adam_slots, adam_step
from surefoot.optimizers.rule import BETA1, BETA2, EPS, Hyper, Hyperparameter, Slots, UpdateRule


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
    amsgrad: bool = False

    def fresh_slots(self, param: Tensor) -> Slots:
        """Return zeros, with the largest square so far among them for AMSGrad."""
        return adam_slots(self, param, amsgrad=self.amsgrad)

    def update(self, param: Tensor, grad: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        """Return parameters and slots after one step."""
        return adam_step(param * (1 - hyper["lr"] * hyper["weight_decay"]), grad, slots, hyper)
