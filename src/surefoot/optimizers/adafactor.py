"""Adafactor: Adam's second moments as the product of a row and a column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from torch import Tensor

from surefoot.optimizers.rule import WEIGHT_DECAY, Hyper, Hyperparameter, ParamSpec, Slots, UpdateRule, split_row


@dataclass(frozen=True, slots=True)
class Adafactor(UpdateRule):
    """Steps in proportion to each parameter's size; second moments of rows and columns alone.

        k = t^beta2_decay,  rho = min(lr, 1 / sqrt(t)),  alpha = rho * max(eps2, rms(w)),    t = 1, 2, ...
        r = (1 - k) * r + k * mean over columns of g^2
        c = (1 - k) * c + k * mean over rows of g^2
        s = r c / max(mean of r, eps1)                  (a vector's:  s = (1 - k) * s + k * g^2)
        u = g / max(sqrt(s), eps1)
        w = (1 - lr * weight_decay) * w - alpha * u / max(1, rms(u) / d)

    A parameter of more than two dimensions has factors along its last two, as in torch. ``eps1=0`` stands for the
    dtype's own epsilon, torch's ``None``. A rule that is not bound to parameters treats the row as one vector.

    Reference:
        Shazeer & Stern (2018), arXiv:1804.04235; ``torch.optim.Adafactor`` for where the epsilons go.
    """

    name: ClassVar[str] = "adafactor"
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        Hyperparameter("lr", 0.01),
        Hyperparameter("beta2_decay", -0.8, low=-math.inf, high=0.0, with_high=True),
        Hyperparameter("eps1", 0.0, scheduled=False),
        Hyperparameter("eps2", 1e-3),
        Hyperparameter("d", 1.0, low=1.0),
        WEIGHT_DECAY,
    )
    slot_names: ClassVar[tuple[str, ...]] = ("row", "column", "square")
    adaptive: ClassVar[bool | None] = True
    torch_class: ClassVar[str | None] = "torch.optim:Adafactor"
    surface_lr: ClassVar[float | None] = 0.1
    param_specs: tuple[ParamSpec, ...] = field(default=(), repr=False)

    def bind(self, param_specs: Sequence[ParamSpec]) -> UpdateRule:
        """Return the rule for these parameters in a row."""
        return replace(self, param_specs=tuple(param_specs))

    def fresh_slots(self, param: Tensor) -> Slots:
        """Return zeros: ``row.N`` and ``column.N`` for parameter number N, or ``square.N`` for a vector."""
        slots: Slots = {"count": param.new_zeros(param.shape[0], 1)}
        for number, (part, spec) in enumerate(self._split(param)):
            whole = part.reshape(-1, *spec.shape)
            if len(spec.shape) > 1:
                slots[f"row.{number}"] = torch.zeros_like(whole[..., :1])
                slots[f"column.{number}"] = torch.zeros_like(whole[..., :1, :])
            else:
                slots[f"square.{number}"] = torch.zeros_like(part)
        return slots

    def update(self, param: Tensor, grad: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        """Return parameters and slots after one step."""
        count = slots["count"] + 1
        take = count ** hyper["beta2_decay"]
        eps = torch.where(hyper["eps1"] > 0, hyper["eps1"], torch.finfo(param.dtype).eps)
        after: Slots = {"count": count}
        steps = []
        for number, (part, spec) in enumerate(self._split(grad)):
            if len(spec.shape) > 1:
                square = _factored(part.reshape(-1, *spec.shape), number, slots, after, take=take, eps=eps)
            else:
                square = after[f"square.{number}"] = torch.lerp(slots[f"square.{number}"], part * part, take)
            step = part / torch.maximum(square, eps * eps).sqrt()
            steps.append(step / (_rms(step) / hyper["d"]).clamp(min=1.0))
        sizes = [torch.maximum(_rms(part), hyper["eps2"]).expand_as(part) for part, _ in self._split(param)]
        rate = torch.minimum(hyper["lr"], count**-0.5) * torch.cat(sizes, dim=1)
        return param * (1 - hyper["lr"] * hyper["weight_decay"]) - rate * torch.cat(steps, dim=1), after

    def _split(self, row: Tensor) -> list[tuple[Tensor, ParamSpec]]:
        param_specs = self.param_specs or (ParamSpec((row.shape[1],)),)
        return [*zip(split_row(row, param_specs), param_specs, strict=True)]


def _factored(grad: Tensor, number: int, slots: Slots, after: Slots, *, take: Tensor, eps: Tensor) -> Tensor:
    """Return second moments ``[K, size]`` of gradients ``[K, ..., m, n]``, and put the new factors in ``after``."""
    square, take, eps = grad * grad, _like(take, grad), _like(eps, grad)
    row = torch.lerp(slots[f"row.{number}"], square.mean(-1, keepdim=True), take)
    column = torch.lerp(slots[f"column.{number}"], square.mean(-2, keepdim=True), take)
    after |= {f"row.{number}": row, f"column.{number}": column}
    moments = row * column / torch.maximum(row.mean(-2, keepdim=True), eps)
    return moments.reshape(len(grad), -1)


def _like(value: Tensor, grad: Tensor) -> Tensor:
    """Return ``[K, 1]`` with as many dimensions as ``grad``."""
    return value.view(-1, *(1 for _ in grad.shape[1:]))


def _rms(row: Tensor) -> Tensor:
    """Return each member's root mean square, ``[K, 1]``."""
    return row.square().mean(dim=1, keepdim=True).sqrt()
