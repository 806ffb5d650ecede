"""How a model's trained parameters are laid out in one row, and which of them the objective does not depend on."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from surefoot.core.errors import TaskError
from surefoot.core.value_types import Json
from surefoot.optimizers.parameter_groups import Groups, factors_of, norm_parameters
from surefoot.optimizers.rule import ParamSpec, UpdateRule, hidden_matrices
from surefoot.tasks.batch_order_and_trees import BatchOrder
from surefoot.tasks.seeding import preserved_generators
from surefoot.tasks.task import Task


@dataclass(frozen=True, slots=True)
class ParameterLayout:
    """The order and the shapes of a model's trained parameters in a row of ``P`` numbers.

    Attributes:
        names: Full name of each parameter.
        shapes: Shape of each parameter.
        norms: Names of the parameters of normalisation layers.
        hidden: Names of the parameters that are matrices of hidden layers.
        unused: Names of the parameters that the objective does not depend on. Torch's optimizers skip them, weight
            decay included, so a fleet must skip them too.
    """

    names: tuple[str, ...]
    shapes: tuple[torch.Size, ...]
    norms: frozenset[str]
    hidden: frozenset[str]
    unused: frozenset[str] = frozenset()

    @classmethod
    def of(cls, model: nn.Module, *, unused: frozenset[str] = frozenset()) -> ParameterLayout:
        """Return the layout of a model's parameters that require a gradient.

        Args:
            model: The model.
            unused: Names of the parameters that the objective does not depend on.

        Raises:
            TaskError: If there are none, or their dtypes differ, so that one tensor cannot hold them.
        """
        trained = [(name, param) for name, param in model.named_parameters() if param.requires_grad]
        kinds = {str(param.dtype).removeprefix("torch.") for _, param in trained}
        if len(kinds) != 1:
            given = ", ".join(sorted(kinds)) or "no parameters that require a gradient"
            raise TaskError(f"a model's trained parameters must share one dtype; given {given}.")
        return cls(
            tuple(name for name, _ in trained),
            tuple(param.shape for _, param in trained),
            norm_parameters(model),
            hidden_matrices(model),
            unused,
        )

    @property
    def sizes(self) -> list[int]:
        """Number of elements of each parameter."""
        return [math.prod(shape) for shape in self.shapes]

    def bind(self, rule: UpdateRule) -> UpdateRule:
        """Return the update rule for parameters of this layout: some rules need to know shapes."""
        named = zip(self.names, self.shapes, strict=True)
        return rule.bind([ParamSpec(tuple(shape), name in self.hidden) for name, shape in named])

    def to_json(self) -> dict[str, Json]:
        """Return names and shapes as JSON data."""
        return {"parameters": [[name, list(shape)] for name, shape in zip(self.names, self.shapes, strict=True)]}

    def flatten(self, params: dict[str, Tensor]) -> Tensor:
        """Return the parameters as one row ``[P]``."""
        return torch.cat([params[name].reshape(-1) for name in self.names])

    def unflatten(self, row: Tensor) -> dict[str, Tensor]:
        """Return the parameters in a row ``[P]``, as views of it."""
        pieces = torch.split(row, self.sizes)
        return {name: piece.view(shape) for name, piece, shape in zip(self.names, pieces, self.shapes, strict=True)}

    def factors(self, groups: Groups) -> tuple[Tensor, Tensor]:
        """Return the parameter groups' factors on learning rate and on weight decay, each a row ``[P]``."""
        each = [factors_of(groups, name, norm=name in self.norms) for name in self.names]
        decay = [0.0 if name in self.unused else of.weight_decay for name, of in zip(self.names, each, strict=True)]
        return self._row([of.lr for of in each]), self._row(decay)

    def _row(self, values: list[float]) -> Tensor:
        return torch.repeat_interleave(torch.tensor(values, dtype=torch.float64), torch.tensor(self.sizes))


# Unused parameters of the tasks asked for last; chosen: more tasks than one study has.
MAX_CACHED_TASKS = 64
_UNUSED_BY_TASK: OrderedDict[Hashable, frozenset[str]] = OrderedDict()


def unused_parameters(task: Task, *, device: str = "cpu") -> frozenset[str]:
    """Return the names of the trained parameters that the objective of a training batch does not depend on.

    The gradient of such a parameter is ``None``, and torch's optimizers skip it, weight decay included. A vectorised
    gradient is zero there instead, and weight decay would be applied. The names are found once for each task.
    """
    key = (task.model, task.loss, task.objective)
    if key not in _UNUSED_BY_TASK:
        while len(_UNUSED_BY_TASK) >= MAX_CACHED_TASKS:
            _UNUSED_BY_TASK.popitem(last=False)
        _UNUSED_BY_TASK[key] = _find_unused(task, device)
    return _UNUSED_BY_TASK[key]


def _find_unused(task: Task, device: str) -> frozenset[str]:
    with preserved_generators():
        model = task.new_model().to(device)
        trained = {name: param for name, param in model.named_parameters() if param.requires_grad}
        indices = BatchOrder(len(task.split("train")), task.batch_size, seed=0).indices(0)
        batch = pytree.tree_map_only(Tensor, lambda tensor: tensor.to(device), task.batch("train", indices))
        grads = torch.autograd.grad(task.batch_loss(model, batch), list(trained.values()), allow_unused=True)
    return frozenset(name for name, grad in zip(trained, grads, strict=True) if grad is None)
