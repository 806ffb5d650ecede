"""What adaptive optimizers divide each parameter's step by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

# The optimizers whose preconditioner Adam's is.
ADAMS = ("adam", "adamw")


def adam_preconditioner(second_moment: Tensor, *, step: int, beta2: float, eps: float) -> Tensor:
    """Return Adam's: the root of the second moment, freed of its bias towards 0, plus eps.

        P = √(v / (1 - beta2^step)) + eps

    Args:
        second_moment: v, of any shape.
        step: Steps done, at least 1.
        beta2: Of the second moment.
        eps: Keeps it above 0.

    Reference:
        Kingma & Ba (2015), arXiv:1412.6980; its part in stability: Cohen et al. (2022), arXiv:2207.14484.

    Example:
        >>> adam_preconditioner(torch.tensor([3.0]), step=1, beta2=0.25, eps=0.5)
        tensor([2.5000])
    """
    return (second_moment / (1.0 - beta2**step)).sqrt() + eps


def preconditioner_of(optimizer: Optimizer, params: Iterable[Tensor]) -> Tensor | None:
    """Return what an optimizer of torch divides each parameter's step by now, as one vector ``[P]``.

        Adam, AdamW, NAdam   √(v / (1 - beta2^t)) + eps
        RMSprop              √v + eps
        Adagrad              (√s + eps) (1 + (t - 1) lr_decay)

    Parameters that it has not moved yet count as divided by 1, as all are in SGD.

    Args:
        optimizer: With its state.
        params: The parameters in the order of the vector; not that of the optimizer's groups.

    Returns:
        ``None`` where the preconditioner is not known here: for any optimizer but SGD, Adam, AdamW, NAdam, Adagrad and
        RMSprop, and for parameters that the optimizer does not have.
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
    if not isinstance(optimizer, KNOWN):
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


# RAdam is not among them: it divides by nothing at first, and by a length of its own later.
KNOWN = (
    torch.optim.SGD,
    torch.optim.Adam,
    torch.optim.AdamW,
    torch.optim.NAdam,
    torch.optim.RMSprop,
    torch.optim.Adagrad,
)
