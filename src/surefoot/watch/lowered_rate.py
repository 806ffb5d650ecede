"""A learning rate lowered under a schedule that knows nothing of it."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.optim import Optimizer


class LoweredRate:
    """Multiplies every group's learning rate while the optimizer steps, and gives it back after.

    A scheduler overwrites learning rates, or computes the next from the last; it finds its own and goes its way, at a
    fraction of its height.

    Args:
        optimizer: Whose. Nothing is hooked to it before the factor is below 1.

    Attributes:
        factor: What the rates are multiplied by.

    Example:
        >>> import torch
        >>> w = torch.zeros(1)
        >>> optimizer = torch.optim.SGD([w], lr=1.0)
        >>> LoweredRate(optimizer).lower(0.5)
        >>> w.grad = torch.ones(1)
        >>> optimizer.step()
        >>> w, optimizer.param_groups[0]["lr"]
        (tensor([-0.5000]), 1.0)
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer, self.factor = optimizer, 1.0
        self._hooked = False
        self._held: list[Any] = []

    def lower(self, factor: float) -> None:
        """Multiply the rates by a factor, on top of what was before."""
        self.factor *= factor
        if not self._hooked and self.factor != 1.0:
            self.optimizer.register_step_pre_hook(self._before)
            self.optimizer.register_step_post_hook(self._after)
            self._hooked = True

    def _before(self, *_: Any) -> None:
        self._give_back()  # what a step that raised has left
        for group in self.optimizer.param_groups:
            lr = group["lr"]
            self._held.append(lr.clone() if isinstance(lr, Tensor) else lr)
            if isinstance(lr, Tensor):
                lr.mul_(self.factor)
            else:
                group["lr"] = lr * self.factor

    def _after(self, *_: Any) -> None:
        self._give_back()

    def _give_back(self) -> None:
        for group, lr in zip(self.optimizer.param_groups, self._held, strict=False):
            if isinstance(lr, Tensor):
                group["lr"].copy_(lr)
            else:
                group["lr"] = lr
        self._held = []
