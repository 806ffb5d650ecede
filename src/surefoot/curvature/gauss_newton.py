"""The Gauss-Newton matrix of a task's training loss, as products with vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from surefoot.curvature.mean_loss import MeanLoss
from surefoot.errors import TaskError
from surefoot.tasks.task import call_model, pair


class GaussNewton:
    """The generalised Gauss-Newton matrix G ``[P, P]``: the Hessian without the bending of the network itself.

        G v = Jᵀ (d²loss / d output²) J v,    J = d output / d parameters

    Where the loss is convex in the network's output it has no negative eigenvalue. The product J v is taken by two
    backward passes, which every operation with a double backward has.

    Args:
        loss: The mean loss of a task that has a ``loss(output, target)``, with one tensor as the output.

    Raises:
        TaskError: If the task has an objective instead, in which there is no output to be seen.

    Reference:
        Schraudolph (2002), Fast curvature matrix-vector products; Martens (2020), arXiv:1412.1193.

    Example:
        >>> from torch import nn
        >>> from surefoot.tasks.task import Task
        >>> data = (torch.tensor([[1.0], [3.0]]), torch.zeros(2, 1))
        >>> line = Task("line", lambda: nn.Linear(1, 1, bias=False), nn.functional.mse_loss, data, data,
        ...             batch_size=2, steps=1)
        >>> GaussNewton(MeanLoss(line, line.new_model(), [data], sizes=[2])).product(torch.ones(1))
        tensor([10.])
    """

    def __init__(self, loss: MeanLoss) -> None:
        if loss.task.loss is None or loss.task.objective is not None:
            raise TaskError(
                f"task {loss.task.name!r} has an objective, and the Gauss-Newton matrix needs a loss(output, target).",
                hint="the Hessian needs none.",
            )
        self.loss = loss

    @property
    def size(self) -> int:
        """P, the number of trained parameters."""
        return self.loss.size

    def product(self, vector: Tensor) -> Tensor:
        """Return G times a vector ``[P]``."""
        parts = self.loss.split(vector)
        product = self.loss.mean(lambda batch: self._product(batch, parts))
        self.loss.gradients += 2
        return product

    def _product(self, batch: Any, vector: Sequence[Tensor]) -> Sequence[Tensor]:
        inputs, targets = pair(batch)
        output = call_model(self.loss.model, inputs)
        if not isinstance(output, Tensor):
            raise TaskError(f"the Gauss-Newton matrix needs a model with one output; given a {type(output).__name__}.")
        moved = self._moved(output, vector)
        assert self.loss.task.loss is not None  # noqa: S101  (the constructor has made sure)
        seen = output.detach().requires_grad_()
        (pull,) = torch.autograd.grad(self.loss.task.loss(seen, targets), seen, create_graph=True)
        if not pull.requires_grad:  # the loss is linear in the output
            return [torch.zeros_like(param) for param in self.loss.params]
        (bent,) = torch.autograd.grad(pull, seen, moved)
        return torch.autograd.grad(output, self.loss.params, bent, materialize_grads=True)

    def _moved(self, output: Tensor, vector: Sequence[Tensor]) -> Tensor:
        """Return J v: the derivative of Jᵀ u, which is linear in u, by u along v."""
        any_pull = torch.zeros_like(output, requires_grad=True)
        pulled = torch.autograd.grad(output, self.loss.params, any_pull, create_graph=True, materialize_grads=True)
        along = torch.stack([(pull * part).sum() for pull, part in zip(pulled, vector, strict=True)]).sum()
        (moved,) = torch.autograd.grad(along, any_pull, retain_graph=True)
        return moved
