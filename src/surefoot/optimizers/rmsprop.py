"""RMSprop: the gradient divided by a running root mean square of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from surefoot.optimizers.rule import (
    EPS,
    MOMENTUM,
    WEIGHT_DECAY,
    Equivalent,
    Hyper,
    Hyperparameter,
    Slots,
    UpdateRule,
    mean_of,
    with_decay,
)

# What exported code needs where the momentum is 0 at the first step and rises later.
VELOCITIES_SOURCE = '''\
def complete_velocities(optimizer, args, kwargs):
    """Make the velocities that torch does not make where momentum is 0 at the first step."""
    for state in optimizer.state.values():
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(state["square_avg"])


optimizer.register_step_pre_hook(complete_velocities)'''


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
    # Momentum is missing for optax: there the rate scales a step before it goes into the velocity, in torch after.
    # Torch has eps outside of the root.
    momentum: ClassVar[str | None] = "momentum"
    sums_gradients: ClassVar[bool | None] = True
    adaptive: ClassVar[bool | None] = True
    torch_class: ClassVar[str | None] = "torch.optim:RMSprop"
    late_momentum_source: ClassVar[str | None] = VELOCITIES_SOURCE
    equivalents: ClassVar[Mapping[str, Equivalent]] = {
        "optax": Equivalent(
            "rmsprop", {"lr": "learning_rate", "alpha": "decay", "eps": "eps"}, ("centered",), ("eps_in_sqrt=False",)
        )
    }
    surface_lr: ClassVar[float | None] = 0.05
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

    @classmethod
    def prepare_torch(cls, optimizer: Optimizer) -> None:
        """Make the velocities that torch makes at the first step only, and only if the momentum is above 0 then."""
        optimizer.register_step_pre_hook(_complete_velocities)


def _complete_velocities(optimizer: Optimizer, *_: Any) -> None:
    """Make the velocities that torch's RMSprop makes at the first step only, and only if momentum is above 0 then."""
    for state in optimizer.state.values():
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(state["square_avg"])
