"""Muon: momentum made orthogonal for hidden matrices, AdamW for all else."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from torch import Tensor

from surefoot.optimizers.adam import adam_step
from surefoot.optimizers.rule import BETA1, BETA2, EPS, Hyper, Hyperparameter, Piece, Slots, UpdateRule, mean_of, split

# Coefficients, number of iterations and smallest norm are those of torch.optim.Muon.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
SMALLEST_NORM = 1e-7


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
    trains alike in any company. A rule that is bound to no parameters takes the row for one vector.

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
    pieces: tuple[Piece, ...] = field(default=(), repr=False)

    def for_pieces(self, pieces: Sequence[Piece]) -> UpdateRule:
        """Return the rule for these parameters in a row."""
        return replace(self, pieces=tuple(pieces))

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
        """Return what of ``[K, P]`` belongs to the hidden matrices, and the rest; ``[K, 1]`` is both's."""
        if not self._matrices:
            return row[:, :0], row
        if row.shape[1] == 1:
            return row, row
        parts = split(row, self.pieces)
        hidden = [part for part, piece in zip(parts, self.pieces, strict=True) if piece.hidden]
        rest = [part for part, piece in zip(parts, self.pieces, strict=True) if not piece.hidden]
        return torch.cat([row[:, :0], *hidden], dim=1), torch.cat([row[:, :0], *rest], dim=1)

    def _row(self, hidden: Tensor, rest: Tensor) -> Tensor:
        """Return what :meth:`_parts` has parted, in order again."""
        if not self._matrices:
            return rest
        matrices = iter(split(hidden, self._matrices))
        others = iter(split(rest, [piece for piece in self.pieces if not piece.hidden]))
        return torch.cat([next(matrices if piece.hidden else others) for piece in self.pieces], dim=1)

    @property
    def _matrices(self) -> list[Piece]:
        return [piece for piece in self.pieces if piece.hidden]

    def _direction(self, ahead: Tensor) -> Tensor:
        """Return the steps of all hidden matrices for a learning rate of 1."""

        def directions() -> Iterator[Tensor]:
            for part, piece in zip(split(ahead, self._matrices), self._matrices, strict=True):
                orthogonal = newton_schulz(part.reshape(-1, *piece.shape))
                yield 0.2 * math.sqrt(max(piece.shape)) * orthogonal.reshape(part.shape)

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
