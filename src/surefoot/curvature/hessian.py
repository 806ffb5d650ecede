"""The Hessian of a task's training loss, as products with vectors; the matrix itself is never there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from surefoot.tasks.luck import borrowed_generators, draw_seed, seed_torch
from surefoot.tasks.task import Task

Method: TypeAlias = Literal["double backward", "finite differences"]


class Hessian:
    """The Hessian H ``[P, P]`` of the mean loss over some batches, at the parameters that a model has.

        H v = d/dw (dL/dw · v)

    It is taken in training mode, for that is the loss which training descends: BatchNorm divides by the batch's own
    statistics (at the start the running ones know nothing of the data). Dropout draws one mask a batch, always the
    same, so that H is one symmetric matrix. Attention runs in the math kernel: the flash kernel has no double backward.
    Where an operation has none at all, products are central differences of gradients.

    Products change the model's buffers and ``grad`` fields: give it a model of its own. Generators are left alone.

    Args:
        task: Whose loss it is.
        model: Holds the P trained parameters.
        batches: As ``task.batch`` returns them, on the model's device.
        sizes: Samples in each batch, their weights in the mean.
        seed: Of dropout's masks.

    Attributes:
        gradients: What was done so far, in gradients of the mean loss over all batches; a product counts as two.
        method: How products are computed; double backward until that fails.

    Example:
        >>> from surefoot.tasks.task import Task
        >>> data = (torch.tensor([[1.0], [3.0]]), torch.zeros(2, 1))
        >>> line = Task("line", lambda: nn.Linear(1, 1, bias=False), nn.functional.mse_loss, data, data,
        ...             batch_size=2, steps=1)
        >>> hessian = Hessian(line, line.new_model(), [data], sizes=[2])
        >>> hessian.product(torch.ones(1))  # 2 * mean(x^2)
        tensor([10.])
    """

    def __init__(
        self, task: Task, model: nn.Module, batches: Sequence[Any], *, sizes: Sequence[int], seed: int = 0
    ) -> None:
        self.task, self.model, self.batches, self.seed = task, model, tuple(batches), seed
        self.shares = [size / sum(sizes) for size in sizes]
        self.params = [param for param in model.parameters() if param.requires_grad]
        self.gradients = 0
        self.method: Method = "double backward"
        model.train()

    @property
    def size(self) -> int:
        """P, the number of trained parameters."""
        return sum(param.numel() for param in self.params)

    def gradient(self) -> Tensor:
        """Return the gradient ``[P]`` of the mean loss."""
        self.gradients += 1
        return self._mean(lambda loss: torch.autograd.grad(loss, self.params, materialize_grads=True))

    def product(self, vector: Tensor) -> Tensor:
        """Return H times a vector ``[P]``; not finite where the loss is not."""
        if self.method == "double backward":
            try:
                product = self._double_backward(vector)
            except RuntimeError:  # an operation without a derivative of its derivative
                self.method = "finite differences"
            else:
                self.gradients += 2
                return product
        return self._difference(vector)

    def _double_backward(self, vector: Tensor) -> Tensor:
        parts = self._split(vector)

        def product(loss: Tensor) -> Sequence[Tensor]:
            grads = torch.autograd.grad(loss, self.params, create_graph=True, materialize_grads=True)
            slope = torch.stack([(grad * part).sum() for grad, part in zip(grads, parts, strict=True)]).sum()
            for param in self.params:
                param.grad = None
            if slope.requires_grad:  # else the loss is linear
                # Not autograd.grad: it would pass by an operation that cannot be derived twice, and leave it out.
                slope.backward()  # type: ignore[no-untyped-call]
            return [torch.zeros_like(param) if param.grad is None else param.grad for param in self.params]

        return self._mean(product)

    def _difference(self, vector: Tensor) -> Tensor:
        """Return (g(w + h v) - g(w - h v)) / 2h; h balances rounding, eps / h, against the error of order h^2."""
        here = torch.cat([param.detach().reshape(-1) for param in self.params])
        step: float = torch.finfo(here.dtype).eps ** (1 / 3) * max(1.0, float(here.norm())) / float(vector.norm())
        try:
            self._move_to(here + step * vector)
            ahead = self.gradient()
            self._move_to(here - step * vector)
            behind = self.gradient()
        finally:
            self._move_to(here)
        return (ahead - behind) / (2 * step)

    def _mean(self, derive: Callable[[Tensor], Sequence[Tensor]]) -> Tensor:
        """Return the mean over the batches of what ``derive`` makes of each loss, as one vector."""
        total = torch.zeros(self.size, dtype=self.params[0].dtype, device=self.params[0].device)
        with borrowed_generators(), sdpa_kernel(SDPBackend.MATH):
            for number, (batch, share) in enumerate(zip(self.batches, self.shares, strict=True)):
                seed_torch(draw_seed(self.seed, "forward", number))
                parts = derive(self.task.batch_loss(self.model, batch))
                total += share * torch.cat([part.detach().to_dense().reshape(-1) for part in parts])
        return total

    def _split(self, vector: Tensor) -> list[Tensor]:
        pieces = torch.split(vector, [param.numel() for param in self.params])
        return [piece.view_as(param) for piece, param in zip(pieces, self.params, strict=True)]

    def _move_to(self, place: Tensor) -> None:
        with torch.no_grad():
            for param, value in zip(self.params, self._split(place), strict=True):
                param.copy_(value)
