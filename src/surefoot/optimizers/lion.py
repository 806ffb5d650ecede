"""Lion: the sign of an interpolated momentum. Torch has no class for it: this module brings one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from surefoot.optimizers.rule import BETA1, WEIGHT_DECAY, Equivalent, Hyper, Hyperparameter, Slots, UpdateRule, mean_of

# What exported code defines.
LION_SOURCE = '''\
class Lion(torch.optim.Optimizer):
    """Chen et al. (2023), arXiv:2302.06675."""

    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for param in group["params"]:
                if param.grad is not None:
                    mean = self.state[param].setdefault("mean", torch.zeros_like(param))
                    direction = torch.sign(torch.lerp(mean, param.grad, 1 - beta1))
                    param.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * direction)
                    mean.lerp_(param.grad, 1 - beta2)
        return loss'''


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
    momentum: ClassVar[str | None] = "beta1"
    sums_gradients: ClassVar[bool | None] = False
    adaptive: ClassVar[bool | None] = True
    torch_class: ClassVar[str | None] = "surefoot.optimizers.lion:LionOptimizer"
    torch_source: ClassVar[str | None] = LION_SOURCE
    equivalents: ClassVar[Mapping[str, Equivalent]] = {
        "optax": Equivalent(
            "lion", {"lr": "learning_rate", "beta1": "b1", "beta2": "b2", "weight_decay": "weight_decay"}
        ),
        "keras": Equivalent(
            "Lion", {"lr": "learning_rate", "beta1": "beta_1", "beta2": "beta_2", "weight_decay": "weight_decay"}
        ),
    }
    surface_lr: ClassVar[float | None] = 0.05

    def update(self, param: Tensor, grad: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        """Return parameters and slots after one step."""
        direction = torch.sign(mean_of(slots["mean"], grad, hyper["beta1"]))
        shrunk = param * (1 - hyper["lr"] * hyper["weight_decay"])
        mean = mean_of(slots["mean"], grad, hyper["beta2"])
        return shrunk - hyper["lr"] * direction, {"mean": mean, "count": slots["count"] + 1}


class LionOptimizer(Optimizer):
    """The update rule :class:`Lion` on ordinary parameters.

    Args:
        params: Parameters or groups of them.
        lr: Learning rate.
        betas: Interpolation for the step, decay of the mean.
        weight_decay: Decoupled weight decay.

    Reference:
        Chen et al. (2023), arXiv:2302.06675.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take one step; a closure, if given, is called first and its loss returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is not None:
                    self._update(param, group)
        return loss

    def _update(self, param: Tensor, group: dict[str, Any]) -> None:
        rule, row, state = Lion(), param.reshape(1, -1), self.state[param]
        hyper = dict(zip(("beta1", "beta2"), group["betas"], strict=True)) | {
            "lr": group["lr"],
            "weight_decay": group["weight_decay"],
        }
        slots: Slots = dict(state) or rule.fresh_slots(row)
        tensors = {name: row.new_full((1, 1), float(value)) for name, value in hyper.items()}
        after, slots = rule.update(row, param.grad.reshape(1, -1), slots, tensors)  # type: ignore[union-attr]
        param.copy_(after.view_as(param))
        state.update(slots)
