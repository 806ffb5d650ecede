"""Muon: momentum made orthogonal for hidden matrices, AdamW for all else; and both as one torch optimizer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim import AdamW, Optimizer

from surefoot.optimizers.adam import adam_step
from surefoot.optimizers.rule import (
    BETA1,
    BETA2,
    EPS,
    Hyper,
    Hyperparameter,
    ParamSpec,
    Slots,
    UpdateRule,
    mean_of,
    split_row,
)

# Coefficients, number of iterations and smallest norm are those of torch.optim.Muon.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
SMALLEST_NORM = 1e-7


# What exported code defines.
MUON_SOURCE = '''\
class MuonWithAdamW(torch.optim.Optimizer):
    """torch.optim.Muon for groups of hidden matrices, torch.optim.AdamW for the others."""

    def __init__(
        self, params, lr=1e-3, momentum=0.95, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1, nesterov=True
    ):
        defaults = {"lr": lr, "momentum": momentum, "betas": betas, "eps": eps}
        defaults |= {"weight_decay": weight_decay, "nesterov": nesterov, "hidden": False}
        super().__init__(params, defaults)
        self.parts = self.make_parts()

    def __setstate__(self, state):
        super().__setstate__(state)
        self.parts = self.make_parts()

    def make_parts(self):
        """Two optimizers that are given their groups and the state at every step."""
        muon = torch.optim.Muon([{"params": []}], adjust_lr_fn="match_rms_adamw")
        return muon, torch.optim.AdamW([{"params": []}])

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part, hidden, own in zip(self.parts, (True, False), (("momentum", "nesterov"), ("betas", "eps"))):
            names = ("params", "lr", "weight_decay", *own)
            groups = [group for group in self.param_groups if group["hidden"] == hidden]
            part.param_groups = [part.defaults | {name: group[name] for name in names} for group in groups]
            part.state = self.state
            part.step()
        return loss'''


@dataclass(frozen=True, slots=True)
class Muon(UpdateRule):
    """For each hidden matrix ``[m, n]`` a step along the nearly orthogonal matrix next to its momentum.

        v = momentum * v + (1 - momentum) * grad
        u = momentum * v + (1 - momentum) * grad        (Nesterov; else u = v)
        w = (1 - lr * weight_decay) * w - lr * 0.2 * sqrt(max(m, n)) * newton_schulz(u)

    All else (biases, embeddings, the output layer: see :func:`~surefoot.optimizers.rule.hidden_matrices`) takes
    AdamW's step with beta1, beta2 and eps. The factor ``0.2 * sqrt(max(m, n))``, torch's
    ``adjust_lr_fn="match_rms_adamw"``, gives the matrices' steps the size of AdamW's: one learning rate and one
    weight decay serve both parts.

    Torch rounds the Newton-Schulz iteration to bfloat16; here it runs in the parameters' own dtype, so that a member
    trains the same in any fleet. A rule that is not bound to parameters treats the row as one vector.

    Reference:
        Jordan et al. (2024), "Muon: an optimizer for hidden layers in neural networks"; Liu et al. (2025),
        arXiv:2502.16982 for the factor.
    """

    name: ClassVar[str] = "muon"
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = (
        Hyperparameter("lr", 1e-3),
        Hyperparameter("momentum", 0.95, high=1.0),
        BETA1,
        BETA2,
        EPS,
        Hyperparameter("weight_decay", 0.1),
    )
    switches: ClassVar[tuple[str, ...]] = ("nesterov",)
    switched_on: ClassVar[tuple[str, ...]] = ("nesterov",)
    slot_names: ClassVar[tuple[str, ...]] = ("velocity", "mean", "square")
    momentum: ClassVar[str | None] = "momentum"
    sums_gradients: ClassVar[bool | None] = False
    adaptive: ClassVar[bool | None] = False
    torch_class: ClassVar[str | None] = "surefoot.optimizers.muon:MuonWithAdamW"
    torch_source: ClassVar[str | None] = MUON_SOURCE
    splits_hidden: ClassVar[bool] = True
    param_specs: tuple[ParamSpec, ...] = field(default=(), repr=False)

    def bind(self, param_specs: Sequence[ParamSpec]) -> UpdateRule:
        """Return the rule for these parameters in a row."""
        return replace(self, param_specs=tuple(param_specs))

    def fresh_slots(self, param: Tensor) -> Slots:
        """Return zeros: velocities of the hidden matrices, means and squares of the rest."""
        hidden, rest = self._parts(param)
        zeros = UpdateRule.fresh_slots(self, rest)
        return zeros | {"velocity": torch.zeros_like(hidden)}

    def update(self, param: Tensor, grad: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        """Return parameters and slots after one step."""
        rate, rest_rate = self._parts(hyper["lr"])
        grad, rest_grad = self._parts(grad)
        hidden, rest = self._parts(param * (1 - hyper["lr"] * hyper["weight_decay"]))
        velocity = mean_of(slots["velocity"], grad, hyper["momentum"])
        ahead = torch.lerp(grad, velocity, torch.where(hyper["nesterov"] > 0, hyper["momentum"], 1.0))
        rest, after = adam_step(rest, rest_grad, slots, {**hyper, "lr": rest_rate})
        return self._row(hidden - rate * self._direction(ahead), rest), after | {"velocity": velocity}

    def _parts(self, row: Tensor) -> tuple[Tensor, Tensor]:
        """Return the columns of ``[K, P]`` that belong to hidden matrices, and the others; ``[K, 1]`` goes to both."""
        if not self._matrices:
            return row[:, :0], row
        if row.shape[1] == 1:
            return row, row
        parts = split_row(row, self.param_specs)
        hidden = [part for part, spec in zip(parts, self.param_specs, strict=True) if spec.hidden]
        rest = [part for part, spec in zip(parts, self.param_specs, strict=True) if not spec.hidden]
        return torch.cat([row[:, :0], *hidden], dim=1), torch.cat([row[:, :0], *rest], dim=1)

    def _row(self, hidden: Tensor, rest: Tensor) -> Tensor:
        """Return the columns that :meth:`_parts` separated, in their order again."""
        if not self._matrices:
            return rest
        matrices = iter(split_row(hidden, self._matrices))
        others = iter(split_row(rest, [spec for spec in self.param_specs if not spec.hidden]))
        return torch.cat([next(matrices if spec.hidden else others) for spec in self.param_specs], dim=1)

    @property
    def _matrices(self) -> list[ParamSpec]:
        return [spec for spec in self.param_specs if spec.hidden]

    def _direction(self, ahead: Tensor) -> Tensor:
        """Return the steps of all hidden matrices for a learning rate of 1."""

        def directions() -> Iterator[Tensor]:
            for part, spec in zip(split_row(ahead, self._matrices), self._matrices, strict=True):
                orthogonal = newton_schulz(part.reshape(-1, *spec.shape))
                yield 0.2 * math.sqrt(max(spec.shape)) * orthogonal.reshape(part.shape)

        return torch.cat([ahead[:, :0], *directions()], dim=1)


def newton_schulz(matrices: Tensor) -> Tensor:
    """Return matrices with the same singular vectors and singular values between about 0.7 and 1.2.

        X = G / |G|,  then five times  X = a X + (b X X^T + c (X X^T)^2) X

    Args:
        matrices: ``[K, m, n]``; the dtype is kept.

    Reference:
        Jordan et al. (2024), whose a, b and c these are.

    Example:
        >>> newton_schulz(torch.tensor([[[0.0, 3.0], [-0.5, 0.0]]])).round(decimals=2)
        tensor([[[ 0.0000,  0.7100],
                 [-1.0400,  0.0000]]])
    """
    a, b, c = COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True).clamp(min=SMALLEST_NORM)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


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
        part_settings = (("momentum", "nesterov"), ("betas", "eps"))
        for part, hidden, names in zip(self._parts, (True, False), part_settings, strict=True):
            groups = [group for group in self.param_groups if group["hidden"] == hidden]
            taken = ("params", "lr", "weight_decay", *names)
            part.param_groups = [part.defaults | {name: group[name] for name in taken} for group in groups]
            part.state = self.state
            part.step()
        return loss


def _parts() -> tuple[Optimizer, Optimizer]:
    """Return the two optimizers; they are given their groups and the state at every step."""
    return torch.optim.Muon([{"params": []}], adjust_lr_fn="match_rms_adamw"), AdamW([{"params": []}])
