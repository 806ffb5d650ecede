"""The diagonal preconditioner of adaptive optimizers: what they divide the step of each parameter by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

# Names of the optimizers with Adam's preconditioner.
ADAM_OPTIMIZERS = ("adam", "adamw")


def adam_preconditioner(second_moment: Tensor, *, step: int, beta2: float, eps: float) -> Tensor:
    """Return Adam's preconditioner: the root of the bias-corrected second moment, plus eps.

        P = √(v / (1 - beta2^step)) + eps

    Args:
        second_moment: Second moment v, of any shape.
        step: Number of steps taken, at least 1.
        beta2: Decay rate of the second moment.
        eps: Added to the root, so that it is above 0.

    Reference:
        Kingma & Ba (2015), arXiv:1412.6980; its effect on stability: Cohen et al. (2022), arXiv:2207.14484.

    Example:
        >>> adam_preconditioner(torch.tensor([3.0]), step=1, beta2=0.25, eps=0.5)
        tensor([2.5000])
    """
    return (second_moment / (1.0 - beta2**step)).sqrt() + eps


def preconditioner_of(optimizer: Optimizer, params: Iterable[Tensor]) -> Tensor | None:
    """Return what a torch optimizer currently divides the step of each parameter by, as one vector ``[P]``.

        Adam, AdamW, NAdam   √(v / (1 - beta2^t)) + eps
        RMSprop              √v + eps
        Adagrad              (√s + eps) (1 + (t - 1) lr_decay)

    For SGD, and for parameters without a step yet, it is 1.

    Args:
        optimizer: The optimizer with its state.
        params: The parameters in the order of the vector, which may differ from that of the optimizer's groups.

    Returns:
        The preconditioner; ``None`` for other optimizers than SGD, Adam, AdamW, NAdam, Adagrad and RMSprop, and for
        parameters that the optimizer does not have.
    """
    group_of = {id(param): group for group in optimizer.param_groups for param in group["params"]}
    parts = []
    for param in params:
        group = group_of.get(id(param))
        part = None if group is None else _part(optimizer, group, param)
        if part is None:
            return None
        parts.append(part.detach().reshape(-1))
    return torch.cat(parts)


def _part(optimizer: Optimizer, group: dict[str, Any], param: Tensor) -> Tensor | None:
    if not isinstance(optimizer, SUPPORTED_OPTIMIZERS):
        return None
    state: dict[str, Tensor] = optimizer.state.get(param, {})
    if isinstance(optimizer, torch.optim.SGD) or not state or not int(state["step"]):
        return torch.ones_like(param)
    eps = float(group["eps"])
    if isinstance(optimizer, torch.optim.RMSprop):
        squares = state["square_avg"]
        return (squares - state["grad_avg"] ** 2 if group["centered"] else squares).sqrt() + eps
    if isinstance(optimizer, torch.optim.Adagrad):
        decayed = 1.0 + (int(state["step"]) - 1) * float(group["lr_decay"])
        return (state["sum"].sqrt() + eps) * decayed
    squares = state["max_exp_avg_sq"] if group.get("amsgrad") else state["exp_avg_sq"]
    return adam_preconditioner(squares, step=int(state["step"]), beta2=float(group["betas"][1]), eps=eps)


# RAdam is not supported: it begins without a preconditioner and later rescales it.
SUPPORTED_OPTIMIZERS = (
    torch.optim.SGD,
    torch.optim.Adam,
    torch.optim.AdamW,
    torch.optim.NAdam,
    torch.optim.RMSprop,
    torch.optim.Adagrad,
)
