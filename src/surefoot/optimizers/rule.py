"""What an update rule may have to know of the parameters that lie in a row: their shapes and their parts.

What an update rule is: one optimizer's mathematics on tensors with a member axis.

"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor, nn

EMBEDDING_CLASS = re.compile(r"Embedding(Bag)?$")


@dataclass(frozen=True, slots=True)
class Piece:
    """One parameter in a row of ``P`` numbers.

    Attributes:
        shape: Its shape.
        hidden: Whether it is a hidden matrix: see :func:`hidden_matrices`.
    """

    shape: tuple[int, ...]
    hidden: bool = False

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


def split(row: Tensor, pieces: Sequence[Piece]) -> Sequence[Tensor]:
    """Return each piece's part of ``[K, P]``; what is ``[K, 1]`` is every piece's."""
    return [row] * len(pieces) if row.shape[1] == 1 else torch.split(row, [piece.size for piece in pieces], dim=1)


def hidden_matrices(model: nn.Module) -> frozenset[str]:
    """Return the names of the matrices between a model's embeddings and its output layer.

    These are the parameters of two dimensions but for those of an embedding (a module whose class, or one that it
    inherits from, has a name that ends in ``Embedding`` or ``EmbeddingBag``) and the last one in the order of the
    model's parameters, which is taken for the output layer's. A matrix that is tied to one of these goes with it.

    Reference:
        Jordan et al. (2024), "Muon: an optimizer for hidden layers in neural networks".

    Example:
        >>> sorted(hidden_matrices(nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 4), nn.Linear(4, 9))))
        ['1.weight']
    """
    last = [id(param) for _, param in model.named_parameters(remove_duplicate=False) if param.dim() == 2][-1:]
    embedded = [
        id(param)
        for module in model.modules()
        if any(EMBEDDING_CLASS.search(kind.__name__) for kind in type(module).__mro__)
        for param in module.parameters(recurse=False)
    ]
    outer = {*last, *embedded}
    return frozenset(name for name, param in model.named_parameters() if param.dim() == 2 and id(param) not in outer)


Slots: TypeAlias = dict[str, Tensor]
Hyper: TypeAlias = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """A number that a rule takes, its default (torch's) and its bounds.

    Attributes:
        name: As in recipe texts.
        default: Value where a recipe does not say.
        low, high: Allowed are ``low <= value < high``.
        with_high: Whether ``high`` itself is allowed too.
        scheduled: Whether it may change during a training; what is set only once may not.
    """

    name: str
    default: float
    low: float = 0.0
    high: float = math.inf
    with_high: bool = False
    scheduled: bool = True

    def allows(self, value: float) -> bool:
        """Tell whether a value is within the bounds."""
        return self.low <= value < self.high or (self.with_high and value == self.high)

    @property
    def allowed(self) -> str:
        """The bounds in words."""
        above = "finite" if self.low == -math.inf else f"at least {self.low:g}"
        below = f"{'at most' if self.with_high else 'below'} {self.high:g}"
        return f"{above} and {'finite' if self.high == math.inf else below}"


class UpdateRule(ABC):
    """One optimizer: ``(param, grad, slots, hyper) -> (param, slots)``, without side effects.

    Tensors have a leading member axis: parameters, gradients and slots are ``[K, P]``, each hyperparameter is
    ``[K, 1]`` (or ``[K, P]`` where groups of parameters differ). Members never mix. The slot ``count`` is ``[K, 1]``:
    the updates a member has had.

    A rule is a frozen dataclass whose boolean fields are the switches that change its slots; its ``switches`` are
    booleans that members of one fleet may hold differently, passed among the hyperparameters as 0 or 1. A rule that
    must know the shapes of the parameters in a row has them in a field ``pieces``, and slots of its own shapes.
    """

    __slots__ = ()
    name: ClassVar[str]
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]]
    switches: ClassVar[tuple[str, ...]] = ()
    switched_on: ClassVar[tuple[str, ...]] = ()  # those of the switches that are on where a recipe does not say
    slot_names: ClassVar[tuple[str, ...]]

    @abstractmethod
    def update(self, param: Tensor, grad: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        """Return the parameters and slots after one step; the arguments are left as they are."""

    @classmethod
    def slot_switches(cls) -> tuple[str, ...]:
        """Return the names of the switches that change the slots."""
        own: Any = cls  # every rule is a dataclass
        return tuple(each.name for each in fields(own) if isinstance(each.default, bool))

    def for_pieces(self, pieces: Sequence[Piece]) -> UpdateRule:
        """Return the rule for these parameters in a row; most rules treat every number alike and stay as they are."""
        del pieces
        return self

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


def clip_by_global_norm(grad: Tensor, max_norm: Tensor) -> Tensor:
    """Scale each member's gradient down to ``max_norm`` where its Euclidean norm is larger.

        grad * min(1, max_norm / (norm + 1e-6))

    The formula, its epsilon included, is that of ``torch.nn.utils.clip_grad_norm_``.

    Args:
        grad: Gradients ``[K, P]``, all parameters of a member in one row.
        max_norm: Largest norm allowed, ``[K, 1]``; ``inf`` leaves a member alone.

    Example:
        >>> clip_by_global_norm(torch.tensor([[3.0, 4.0]]), torch.tensor([[1.0]])).norm().round(decimals=4)
        tensor(1.)
    """
    norm = torch.linalg.vector_norm(grad, dim=1, keepdim=True)
    scale: Tensor = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    return grad * torch.where(max_norm.isinf(), 1.0, scale)
