"""Lion as a torch optimizer, which torch itself has not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer

from surefoot.optimizers.lion import Lion
from surefoot.optimizers.rule import Slots


class LionOptimizer(Optimizer):
    """The update rule :class:`surefoot.optimizers.Lion` on ordinary parameters.

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

    def _update(self, param: torch.Tensor, group: dict[str, Any]) -> None:
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
