"""An update rule: the mathematics of one optimizer, and all that the rest of the package needs to know of it."""

from __future__ import annotations

import math
import pkgutil
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from surefoot.core.errors import RecipeError

EMBEDDING_CLASS = re.compile(r"Embedding(Bag)?$")


@dataclass(frozen=True, slots=True)
class ParamSpec:
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


def split_row(row: Tensor, param_specs: Sequence[ParamSpec]) -> Sequence[Tensor]:
    """Return each piece's part of ``[K, P]``; what is ``[K, 1]`` is every piece's."""
    return (
        [row] * len(param_specs) if row.shape[1] == 1 else torch.split(row, [spec.size for spec in param_specs], dim=1)
    )


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


@dataclass(frozen=True, slots=True)
class Equivalent:
    """The same update rule in another framework.

    Attributes:
        name: Name of the optimizer there.
        names: Our name of each hyperparameter -> its name there. A weight decay that is missing is L2 in our rule and
            has to be added to the gradient.
        switches: Names of the switches that it has as well.
        arguments: Further arguments that make it the same, as source text.
    """

    name: str
    names: Mapping[str, str]
    switches: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


class UpdateRule(ABC):
    """One optimizer: ``(param, grad, slots, hyper) -> (param, slots)``, without side effects.

    Tensors have a leading member axis: parameters, gradients and slots are ``[K, P]``, each hyperparameter is
    ``[K, 1]`` (or ``[K, P]`` where groups of parameters differ). Members never mix. The slot ``count`` is ``[K, 1]``:
    the updates a member has had.

    A rule is a frozen dataclass whose boolean fields are the switches that change its slots. A rule that must know the
    shapes of the parameters in a row has them in a field ``param_specs``, and slots of its own shapes.

    The class is the one registry entry of its optimizer. Plugins subclass it and register the class as an entry point
    of the group ``surefoot.optimizers``. What an entry leaves at ``None`` is not known, and is said to be unknown by
    whoever needs it; nothing is guessed.

    Attributes:
        name: Name in recipe texts.
        hyperparameters: The numbers that the rule takes, the learning rate among them.
        switches: Booleans that members of one fleet may hold differently; the rule gets them as 0 or 1.
        switched_on: Those of the switches that are on unless a recipe says otherwise.
        slot_names: Names of the slots besides ``count``.
        momentum: Name of the hyperparameter that is the momentum; ``None`` where there is none.
        sums_gradients: Whether the momentum sums past gradients, so that a constant gradient moves the weights by
            lr / (1 - momentum) a step; ``False`` where it averages them, and moves them by lr.
        adaptive: Whether each parameter's step is divided by a statistic of its own gradients.
        usual: Hyperparameters that people set to something else than torch's default, and to what.
        always_shown: Hyperparameters that a recipe's text shows even at their defaults.
        torch_class: Where the torch optimizer of the same rule is, as ``"torch.optim:SGD"``.
        torch_names: Our name of a hyperparameter -> torch's name, where they differ.
        torch_source: Source text of the class where torch itself has none, for exported code.
        late_momentum_source: Source text that exported code needs where the momentum is 0 at the first step only.
        splits_hidden: Whether hidden matrices are trained differently: see :func:`hidden_matrices`.
        equivalents: Framework (``"optax"``, ``"keras"``) -> the same rule there.
        surface_lr: Learning rate to begin with on a surface of one or two parameters.
    """

    __slots__ = ()
    name: ClassVar[str]
    hyperparameters: ClassVar[tuple[Hyperparameter, ...]]
    switches: ClassVar[tuple[str, ...]] = ()
    switched_on: ClassVar[tuple[str, ...]] = ()
    slot_names: ClassVar[tuple[str, ...]]
    momentum: ClassVar[str | None] = None
    sums_gradients: ClassVar[bool | None] = None
    adaptive: ClassVar[bool | None] = None
    usual: ClassVar[Mapping[str, float]] = {}
    always_shown: ClassVar[tuple[str, ...]] = ("lr",)
    torch_class: ClassVar[str | None] = None
    torch_names: ClassVar[Mapping[str, str]] = {}
    torch_source: ClassVar[str | None] = None
    late_momentum_source: ClassVar[str | None] = None
    splits_hidden: ClassVar[bool] = False
    equivalents: ClassVar[Mapping[str, Equivalent]] = {}
    surface_lr: ClassVar[float | None] = None

    @abstractmethod
    def update(self, param: Tensor, grad: Tensor, slots: Slots, hyper: Hyper) -> tuple[Tensor, Slots]:
        """Return the parameters and slots after one step; the arguments are left as they are."""

    @classmethod
    def torch_optimizer(cls) -> type[Optimizer]:
        """Return the torch optimizer of the same rule.

        Raises:
            RecipeError: If none is known.
        """
        if cls.torch_class is None:
            raise RecipeError(
                f"no torch optimizer is known for {cls.name}.", hint="its plugin may name one in torch_class."
            )
        optimizer: type[Optimizer] = pkgutil.resolve_name(cls.torch_class)
        return optimizer

    @classmethod
    def prepare_torch(cls, optimizer: Optimizer) -> None:
        """Make a torch optimizer that was just built follow the rule where torch's own class would not."""
        del optimizer  # most need nothing

    @classmethod
    def slot_switches(cls) -> tuple[str, ...]:
        """Return the names of the switches that change the slots."""
        rule: Any = cls  # every rule is a dataclass
        return tuple(field.name for field in fields(rule) if isinstance(field.default, bool))

    def bind(self, param_specs: Sequence[ParamSpec]) -> UpdateRule:
        """Return the rule for these parameters in a row; most rules treat every number alike and stay as they are."""
        del param_specs
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
