"""torch.optim.Muon for the hidden matrices and torch.optim.AdamW for the rest, as one optimizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import AdamW, Muon, Optimizer


class MuonWithAdamW(Optimizer):
    """Two optimizers behind one face: one list of groups for a scheduler, one state to save.

    Args:
        params: Groups of parameters; those with ``"hidden": True`` are matrices that Muon trains.
        lr: Learning rate of both: Muon's steps are made as large as AdamW's.
        momentum: Muon's.
        betas: AdamW's.
        eps: AdamW's.
        weight_decay: Of both, decoupled.
        nesterov: Whether Muon's momentum is Nesterov's.

    Reference:
        Jordan et al. (2024), "Muon: an optimizer for hidden layers in neural networks"; Liu et al. (2025),
        arXiv:2502.16982.
    """

    def __init__(
        self,
        params: Any,
        *,
        lr: float = 1e-3,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.1,
        nesterov: bool = True,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults | {"nesterov": nesterov, "hidden": False})
        self._parts = _parts()

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._parts = _parts()

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take one step; a closure, if given, is called first and its loss returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        own = (("momentum", "nesterov"), ("betas", "eps"))
        for part, hidden, names in zip(self._parts, (True, False), own, strict=True):
            groups = [group for group in self.param_groups if group["hidden"] == hidden]
            taken = ("params", "lr", "weight_decay", *names)
            part.param_groups = [part.defaults | {name: group[name] for name in taken} for group in groups]
            part.state = self.state
            part.step()
        return loss


def _parts() -> tuple[Optimizer, Optimizer]:
    """Return the two optimizers; they are given their groups and the state at every step."""
    return Muon([{"params": []}], adjust_lr_fn="match_rms_adamw"), AdamW([{"params": []}])
