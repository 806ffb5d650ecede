"""What an optimizer does to the weights: its current learning rate and momentum, its step, and successive updates.

Updates are differences of the weights before and after a step, and not gradients: loss scaling, clipping, accumulation
and whatever else the optimizer does are included, and it works with any optimizer.
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
from surefoot.recipe.settings import momentum_use

# Optimizers whose step is the learning rate times the gradient over what preconditioner_of returns.
OPTIMIZER_NAMES: dict[type[Optimizer], str] = {
    torch.optim.SGD: "sgd",
    torch.optim.RMSprop: "rmsprop",
    torch.optim.Adam: "adam",
    torch.optim.AdamW: "adamw",
    torch.optim.NAdam: "nadam",
    torch.optim.Adagrad: "adagrad",
}
# Most weights that an update is measured on: of more, every n-th is taken. A cosine then has three correct digits
# (standard error 1 / sqrt(2**20) = 0.001), at a bounded cost.
MAX_WEIGHTS = 2**20


@dataclass(frozen=True, slots=True)
class CurrentHyperparameters:
    """Learning rate and momentum of the parameter group with the most weights.

    Attributes:
        lr: Learning rate.
        momentum: Momentum or beta1; 0 where the optimizer has neither.
        momentum_name: The optimizer's name for it, ``"momentum"`` or ``"beta1"``; ``None`` where it has neither.
    """

    lr: float
    momentum: float = 0.0
    momentum_name: str | None = None


def current_hyperparameters(optimizer: Optimizer, *, lr_factor: float = 1.0) -> CurrentHyperparameters:
    """Return the learning rate and momentum that an optimizer has now.

    Args:
        optimizer: Any optimizer of torch.
        lr_factor: What the learning rate is multiplied by while the optimizer steps.

    Example:
        >>> current_hyperparameters(torch.optim.AdamW([torch.zeros(1)], lr=0.01))
        CurrentHyperparameters(lr=0.01, momentum=0.9, momentum_name='beta1')
    """
    group = max(optimizer.param_groups, key=_count_weights)
    name, momentum = _momentum(group)
    return CurrentHyperparameters(lr_factor * float(group.get("lr", 0.0)), momentum, name)


def why_no_curvature(optimizer: Optimizer) -> str | None:
    """Return why curvature cannot be measured along an optimizer's step; ``None`` if it can."""
    kind = type(optimizer)
    if kind not in OPTIMIZER_NAMES:
        known = ", ".join(each.__name__ for each in OPTIMIZER_NAMES)
        return f"surefoot does not know what {kind.__name__} makes of a gradient (it does for {known})"
    if any(group.get("maximize") for group in optimizer.param_groups):
        return "the optimizer maximizes (maximize=True)"
    return None


def step_scales(optimizer: Optimizer, params: Sequence[Tensor], *, lr_factor: float = 1.0) -> list[Tensor] | None:
    """Return what a constant gradient is multiplied by, weight for weight, in a step in the long run.

        lr / (1 - momentum)    SGD, RMSprop: their velocity sums gradients
        lr / P                 Adam and its kin: their velocity is a mean; P is the preconditioner

    Args:
        optimizer: An optimizer for which :func:`why_no_curvature` returns ``None``.
        params: The parameters that are trained.
        lr_factor: What the learning rate is multiplied by while the optimizer steps.

    Returns:
        A tensor of each parameter's shape; ``None`` where a momentum is 1 or more.

    Example:
        >>> w = torch.zeros(2)
        >>> step_scales(torch.optim.SGD([w], lr=0.25, momentum=0.5), [w])
        [tensor([0.5000, 0.5000])]
    """
    preconditioner = preconditioner_of(optimizer, params)
    if preconditioner is None or any(_momentum(group)[1] >= 1.0 for group in optimizer.param_groups):
        return None
    rates = _effective_rates(optimizer)
    parts = torch.split(preconditioner, [param.numel() for param in params])
    return [lr_factor * rates[id(param)] / part.view(param.shape) for param, part in zip(params, parts, strict=True)]


@dataclass(frozen=True, slots=True)
class UpdateSample:
    """A measurement of two successive updates of the weights.

    Attributes:
        step: Step of the later update.
        lr: Learning rate at that step.
        cosine: Cosine between the two updates.
        ratio: Norm of the later update over the norm of the weights.
    """

    step: int
    lr: float
    cosine: float
    ratio: float


class UpdateProbe:
    """Reads the weights after three successive steps and compares the two updates between them.

    Args:
        optimizer: Optimizer whose parameters are read; those on another device than the first one are left out.

    Example:
        >>> w = torch.zeros(2)
        >>> probe = UpdateProbe(torch.optim.SGD([w]))
        >>> for move in ((1.0, 0.0), (1.0, 0.0), (0.0, 2.0)):
        ...     _ = w.add_(torch.tensor(move))
        ...     measured = probe.read()
        >>> measured  # cosine, and ratio 2 / ‖(2, 2)‖
        (0.0, 0.7071...)
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.reset()

    @property
    def is_under_way(self) -> bool:
        """Whether a comparison has begun and needs the weights after the next step."""
        return self._before is not None

    def reset(self) -> None:
        """Drop a comparison that is under way."""
        self._before: Tensor | None = None
        self._update: Tensor | None = None

    def read(self) -> tuple[float, float] | None:
        """Read the weights as they are now.

        Returns:
            Cosine and ratio, at the third reading; ``None`` before, and where the weights did not move or are not
            finite: a step that a ``GradScaler`` skipped, or one with a learning rate of 0.
        """
        with torch.no_grad():
            weights = self._weights()
            if self._before is None or len(weights) != len(self._before):  # a parameter group was added
                self._before, self._update = weights, None
                return None
            update, self._before = weights - self._before, weights
            if self._update is None:
                self._update = update
                return None
            earlier = self._update
            products = torch.stack([earlier @ update, earlier @ earlier, update @ update, weights @ weights])
        self.reset()
        dot, *squared_norms = products.tolist()
        if not all(math.isfinite(each) and each > 0.0 for each in squared_norms) or not math.isfinite(dot):
            return None
        earlier_norm, update_norm, weight_norm = map(math.sqrt, squared_norms)
        return dot / (earlier_norm * update_norm), update_norm / weight_norm

    def has_non_finite_weights(self) -> bool:
        """Return whether any weight is NaN or inf; reads all of them."""
        return not all(bool(torch.isfinite(param).all()) for param in self._params())

    def _weights(self) -> Tensor:
        """Return the weights to compare as one vector, at least in float32: float16 cannot hold their squares."""
        params = self._params()
        stride = max(1, math.ceil(sum(param.numel() for param in params) / MAX_WEIGHTS))
        vector = torch.cat([param.reshape(-1)[::stride] for param in params])
        return vector.float() if vector.dtype in (torch.float16, torch.bfloat16) else vector

    def _params(self) -> list[Tensor]:
        params = [_as_real(param.detach()) for group in self.optimizer.param_groups for param in group["params"]]
        return [param for param in params if param.device == params[0].device]


def _effective_rates(optimizer: Optimizer) -> dict[int, float]:
    """Return the rate at which a constant gradient moves each parameter in the long run, by the parameter's ``id``."""
    use = momentum_use(OPTIMIZER_NAMES[type(optimizer)])
    rates: dict[int, float] = {}
    for group in optimizer.param_groups:
        rate = use.effective(float(group["lr"]), _momentum(group)[1]) * (1.0 - float(group.get("dampening", 0.0)))
        rates |= {id(param): rate for param in group["params"]}
    return rates


def _momentum(group: Mapping[str, Any]) -> tuple[str | None, float]:
    if "momentum" in group:
        return "momentum", float(group["momentum"])
    if "betas" in group:
        return "beta1", float(group["betas"][0])
    return None, 0.0


def _count_weights(group: Mapping[str, Any]) -> int:
    return sum(param.numel() for param in group["params"])


def _as_real(param: Tensor) -> Tensor:
    """Return complex weights as pairs of real ones."""
    return torch.view_as_real(param) if param.is_complex() else param
