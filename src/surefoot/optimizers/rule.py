"""What an update rule is: one optimizer's mathematics on tensors with a member axis."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import torch
from torch import Tensor

Slots: TypeAlias = dict[str, Tensor]
Hyper: TypeAlias = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """A number that a rule takes, its default (torch's) and its bounds.

    Attributes:
        name: As in recipe texts.
        default: Value where a recipe does not say.
        low, high: Allowed are ``low <= value < high``.
        scheduled: Whether it may change during a training; what is set only once may not.
    """

    name: str
    default: float
    low: float = 0.0
    high: float = math.inf
    scheduled: bool = True

    def allows(self, value: float) -> bool:
        """Tell whether a value is within the bounds."""
        return self.low <= value < self.high

    @property
    def allowed(self) -> str:
        """The bounds in words."""
        below = "finite" if self.high == math.inf else f"below {self.high:g}"
        return f"at least {self.low:g} and {below}"


class UpdateRule(ABC):
    """One optimizer: ``(param, grad, slots, hyper) -> (param, slots)``, without side effects.

    Tensors have a leading member axis: parameters, gradients and slots are ``[K, P]``, each hyperparameter is
    ``[K, 1]`` (or ``[K, P]`` where groups of parameters differ). Members never mix. The slot ``count`` is ``[K, 1]``:
    the updates a member has had.

    A rule is a frozen dataclass whose fields are the switches that change its slots; its ``switches`` are booleans
    that members of one fleet may hold differently, passed among the hyperparameters as 0 or 1.
    """

    __slots__ = ()
    name: ClassVar[str]
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]]
    switches: ClassVar[tuple[str, ...]] = ()
    slot_names: ClassVar[tuple[str, ...]]

    @abstractmethod
    def update(self, param: Tensor, grad: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        """Return the parameters and slots after one step; the arguments are left as they are."""

    def fresh_slots(self, param: Tensor) -> Slots:
        """Return the slots before the first step: zeros like ``param``, and a ``count`` of ``[K, 1]``."""
        slots = {name: torch.zeros_like(param) for name in self.slot_names}
        return slots | {"count": param.new_zeros(param.shape[0], 1)}


def with_decay(param: Tensor, grad: Tensor, weight_decay: Tensor) -> Tensor:
    """Return the gradient with L2 weight decay added: ``grad + weight_decay * param``."""
    return torch.addcmul(grad, param, weight_decay)


def mean_of(old: Tensor, new: Tensor, keep: Tensor) -> Tensor:
    """Return the running mean ``keep * old + (1 - keep) * new``."""
    return torch.lerp(old, new, 1 - keep)


WEIGHT_DECAY = Hyperparameter("weight_decay", 0.0)
MOMENTUM = Hyperparameter("momentum", 0.0, high=1.0)
BETA1 = Hyperparameter("beta1", 0.9, high=1.0)
BETA2 = Hyperparameter("beta2", 0.999, high=1.0)
EPS = Hyperparameter("eps", 1e-8)
