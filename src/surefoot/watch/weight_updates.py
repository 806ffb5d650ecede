"""What an optimizer's learning rate and momentum make of a gradient.

How far and where the weights move: the update norm beside the weights', and the cosine of two successive updates.

What is compared are the weights before and after, not gradients: loss scaling, clipping, accumulation and the
optimizer's own ways are all in them, and any optimizer will do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from surefoot.curvature.preconditioner import preconditioner_of
from surefoot.recipe.names import family_of

# Those whose step is a learning rate times a gradient divided by what preconditioner_of knows.
NAMES: dict[type[Optimizer], str] = {
    torch.optim.SGD: "sgd",
    torch.optim.RMSprop: "rmsprop",
    torch.optim.Adam: "adam",
    torch.optim.AdamW: "adamw",
    torch.optim.NAdam: "nadam",
    torch.optim.Adagrad: "adagrad",
}
JUDGED = ", ".join(kind.__name__ for kind in NAMES)


@dataclass(frozen=True, slots=True)
class Rates:
    """Learning rate and momentum of the parameter group that has most weights.

    Attributes:
        lr: Learning rate.
        momentum: Momentum or beta1; 0 where the optimizer has neither.
        momentum_name: What the optimizer calls it, ``None`` where it has neither.
    """

    lr: float
    momentum: float = 0.0
    momentum_name: str | None = None


def rates_of(optimizer: Optimizer, *, factor: float = 1.0) -> Rates:
    """Return the rates of an optimizer now.

    Args:
        optimizer: Any.
        factor: What the learning rate is lowered to while it steps.

    Example:
        >>> rates_of(torch.optim.AdamW([torch.zeros(1)], lr=0.01))
        Rates(lr=0.01, momentum=0.9, momentum_name='beta1')
    """
    group = max(optimizer.param_groups, key=_weights)
    name, momentum = _momentum(group)
    return Rates(factor * float(group.get("lr", 0.0)), momentum, name)


def reason_against(optimizer: Optimizer) -> str | None:
    """Return why the reach of an optimizer's steps cannot be told, ``None`` if it can."""
    kind = type(optimizer)
    if kind not in NAMES:
        return f"what {kind.__name__} makes of a gradient is not known here (only of {JUDGED})"
    if any(group.get("maximize") for group in optimizer.param_groups):
        return "the optimizer climbs (maximize=True)"
    return None


def step_scales(optimizer: Optimizer, params: Sequence[Tensor], *, factor: float = 1.0) -> list[Tensor] | None:
    """Return what each weight's gradient is multiplied by in the long run of a step, momentum included.

        lr / (1 - momentum)    SGD, RMSprop: their velocity sums gradients
        lr / P                 Adam and its kin: their velocity is a mean; P is the preconditioner

    Args:
        optimizer: One that :func:`reason_against` has nothing against.
        params: Those that are trained.
        factor: What the learning rate is lowered to while the optimizer steps.

    Returns:
        A tensor a parameter; ``None`` where a momentum is 1 or more.

    Example:
        >>> w = torch.zeros(2)
        >>> step_scales(torch.optim.SGD([w], lr=0.25, momentum=0.5), [w])
        [tensor([0.5000, 0.5000])]
    """
    preconditioner = preconditioner_of(optimizer, params)
    if preconditioner is None or any(_momentum(group)[1] >= 1.0 for group in optimizer.param_groups):
        return None
    effective = _effective_rates(optimizer)
    pieces = torch.split(preconditioner, [param.numel() for param in params])
    return [
        factor * effective[id(param)] / piece.view(param.shape) for param, piece in zip(params, pieces, strict=True)
    ]


def _effective_rates(optimizer: Optimizer) -> dict[int, float]:
    family = family_of(NAMES[type(optimizer)])
    found: dict[int, float] = {}
    for group in optimizer.param_groups:
        rate = family.effective(float(group["lr"]), _momentum(group)[1]) * (1.0 - float(group.get("dampening", 0.0)))
        found |= {id(param): rate for param in group["params"]}
    return found


def _momentum(group: Mapping[str, Any]) -> tuple[str | None, float]:
    if "momentum" in group:
        return "momentum", float(group["momentum"])
    if "betas" in group:
        return "beta1", float(group["betas"][0])
    return None, 0.0


def _weights(group: Mapping[str, Any]) -> int:
    return sum(param.numel() for param in group["params"])


# Beyond so many weights every n-th is looked at: enough for a cosine to three digits, at a bounded cost.
MOST_WEIGHTS = 2**20


@dataclass(frozen=True, slots=True)
class Update:
    """Two successive updates.

    Attributes:
        step: Of the later one.
        lr: Learning rate then.
        cosine: Between the two.
        ratio: Norm of the later one over that of the weights.
    """

    step: int
    lr: float
    cosine: float
    ratio: float


class Updates:
    """Looks at the weights after three successive steps and compares the two updates between them.

    Args:
        optimizer: Whose parameters; those on its first one's device are looked at.

    Example:
        >>> w = torch.zeros(2)
        >>> updates = Updates(torch.optim.SGD([w]))
        >>> for move in ((1.0, 0.0), (1.0, 0.0), (0.0, 2.0)):
        ...     _ = w.add_(torch.tensor(move))
        ...     found = updates.look()
        >>> found  # cosine, and ratio 2 / ‖(2, 2)‖
        (0.0, 0.7071...)
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.forget()

    @property
    def looking(self) -> bool:
        """Whether it waits for the next step's weights."""
        return self._before is not None

    def forget(self) -> None:
        """Drop a comparison that is under way."""
        self._before: Tensor | None = None
        self._update: Tensor | None = None

    def look(self) -> tuple[float, float] | None:
        """Look at the weights as they are now.

        Returns:
            Cosine and ratio, at the third look; ``None`` before, and where the weights have not moved or are not
            finite: a step that a ``GradScaler`` skipped, or that had a learning rate of 0.
        """
        with torch.no_grad():
            here = self._weights()
            if self._before is None or len(here) != len(self._before):  # a group was added
                self._before, self._update = here, None
                return None
            update, self._before = here - self._before, here
            if self._update is None:
                self._update = update
                return None
            earlier = self._update
            products = torch.stack([earlier @ update, earlier @ earlier, update @ update, here @ here])
        self.forget()
        dot, *squares = products.tolist()
        if not all(math.isfinite(square) and square > 0.0 for square in squares) or not math.isfinite(dot):
            return None
        was, now, weights = map(math.sqrt, squares)
        return dot / (was * now), now / weights

    def lost(self) -> bool:
        """Tell whether a weight is no number; looks at all of them."""
        return not all(bool(torch.isfinite(param).all()) for param in self._params())

    def _weights(self) -> Tensor:
        """Return the weights looked at, as one vector of at least float32: a half cannot hold their squares."""
        params = self._params()
        stride = max(1, math.ceil(sum(param.numel() for param in params) / MOST_WEIGHTS))
        found = torch.cat([param.reshape(-1)[::stride] for param in params])
        return found.float() if found.dtype in (torch.float16, torch.bfloat16) else found

    def _params(self) -> list[Tensor]:
        params = [_real(param.detach()) for group in self.optimizer.param_groups for param in group["params"]]
        return [param for param in params if param.device == params[0].device]


def _real(param: Tensor) -> Tensor:
    """Return complex weights as pairs of real ones."""
    return torch.view_as_real(param) if param.is_complex() else param
