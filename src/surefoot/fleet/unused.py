"""Parameters that the objective does not depend on."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from surefoot.tasks.batches import BatchOrder
from surefoot.tasks.luck import borrowed_generators
from surefoot.tasks.task import Task

_FOUND: OrderedDict[Hashable, frozenset[str]] = OrderedDict()
MOST = 64


def unused_parameters(task: Task, *, device: str = "cpu") -> frozenset[str]:
    """Return the names of trained parameters that one training batch's objective does not reach.

    Such a parameter has no gradient, and torch's optimizers pass over it, weight decay and all; a vectorised
    gradient is zero there instead, which weight decay would take for an invitation. Looked for once in a task.
    """
    key = (task.model, task.loss, task.objective)
    if key not in _FOUND:
        while len(_FOUND) >= MOST:
            _FOUND.popitem(last=False)
        _FOUND[key] = _look(task, device)
    return _FOUND[key]


def _look(task: Task, device: str) -> frozenset[str]:
    with borrowed_generators():
        model = task.new_model().to(device)
        trained = {name: param for name, param in model.named_parameters() if param.requires_grad}
        indices = BatchOrder(len(task.split("train")), task.batch_size, seed=0).indices(0)
        batch = pytree.tree_map_only(Tensor, lambda tensor: tensor.to(device), task.batch("train", indices))
        grads = torch.autograd.grad(task.batch_loss(model, batch), list(trained.values()), allow_unused=True)
    return frozenset(name for name, grad in zip(trained, grads, strict=True) if grad is None)
