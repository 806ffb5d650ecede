"""The mean training loss over some batches, as a function of one vector of parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils import _pytree as pytree

from surefoot.tasks.batch_order_and_trees import BatchOrder, sample_ranges
from surefoot.tasks.seeding import derive_seed, preserved_generators, seed_everything, seed_torch
from surefoot.tasks.start_from_checkpoint import load_full_state
from surefoot.tasks.task import Task


class MeanLoss:
    """The mean loss L(w) over some batches, at the current parameters w ``[P]`` of a model.

    The model is in training mode, as that is the loss which training minimises: BatchNorm normalises by the statistics
    of the batch (at the start the running statistics are meaningless). Dropout draws one mask for each batch, always
    the same. Attention uses the math kernel, as the flash kernel has no double backward.

    Evaluation changes the model's buffers and ``grad`` fields: give it a copy of a model. The states of random
    generators do not change.

    Args:
        task: The task with the loss function.
        model: A model with P trainable parameters.
        batches: Batches as ``task.batch`` returns them, on the model's device.
        sizes: Number of samples in each batch: its weight in the mean.
        seed: Seed of dropout.

    Attributes:
        gradients: Cost so far, in gradients of the mean loss over all batches.
    """

    def __init__(
        self, task: Task, model: nn.Module, batches: Sequence[Any], *, sizes: Sequence[int], seed: int = 0
    ) -> None:
        self.task, self.model, self.batches, self.seed = task, model, tuple(batches), seed
        self.shares = [size / sum(sizes) for size in sizes]
        self.params = [param for param in model.parameters() if param.requires_grad]
        self.gradients = 0
        model.train()

    @property
    def size(self) -> int:
        """P, the number of trainable parameters."""
        return sum(param.numel() for param in self.params)

    def gradient(self) -> Tensor:
        """Return the gradient of the mean loss, shape ``[P]``."""
        self.gradients += 1

        def derive(batch: Any) -> Sequence[Tensor]:
            loss = self.task.batch_loss(self.model, batch)
            return torch.autograd.grad(loss, self.params, materialize_grads=True)

        return self.mean(derive)

    def value(self) -> float:
        """Return the mean loss; it costs about a third of a gradient, which is not counted."""
        with torch.no_grad():
            return float(self._mean(lambda batch: self.task.batch_loss(self.model, batch)))

    def mean(self, derive: Callable[[Any], Sequence[Tensor]]) -> Tensor:
        """Return the mean over batches of a derivative of the batch loss, as one vector ``[P]``.

        Args:
            derive: Returns a tensor for each parameter, given a batch.
        """
        return self._mean(lambda batch: vector_of(derive(batch)))

    def _mean(self, value_of: Callable[[Any], Tensor]) -> Tensor:
        with preserved_generators(), sdpa_kernel(SDPBackend.MATH):
            total: Tensor | None = None
            for number, (batch, share) in enumerate(zip(self.batches, self.shares, strict=True)):
                seed_torch(derive_seed(self.seed, "forward", number))
                part = share * value_of(batch)
                total = part if total is None else total.add_(part)
        return cast("Tensor", total)  # there is at least one batch

    def split(self, vector: Tensor) -> list[Tensor]:
        """Return a vector ``[P]`` split into tensors with the shapes of the parameters."""
        pieces = torch.split(vector, [param.numel() for param in self.params])
        return [piece.view_as(param) for piece, param in zip(pieces, self.params, strict=True)]

    def parameter_vector(self) -> Tensor:
        """Return the current parameters as one vector ``[P]``."""
        return torch.cat([param.detach().reshape(-1) for param in self.params])

    def set_parameters(self, vector: Tensor) -> None:
        """Overwrite the parameters of the model with those of a vector ``[P]``."""
        with torch.no_grad():
            for param, value in zip(self.params, self.split(vector), strict=True):
                param.copy_(value)


def vector_of(parts: Sequence[Tensor]) -> Tensor:
    """Return tensors concatenated to one vector, detached."""
    return torch.cat([part.detach().to_dense().reshape(-1) for part in parts])


def sampled_loss(
    task: Task, *, state: Mapping[str, Tensor] | None = None, seed: int = 0, samples: int, device: str = "cpu"
) -> tuple[MeanLoss, int]:
    """Return the mean loss over a sample of the training data, on a new model, and the number of samples.

    The sample is the beginning of the first epoch, in batches of the task's size. If the model has BatchNorm, whose
    statistics depend on the batch size, all batches are full, and there is at least one. The states of random
    generators and the order of the data do not change. A task in bf16 is evaluated in float32, as rounding errors would
    exceed second derivatives.

    Args:
        task: The task with the loss function and the data.
        state: The model's ``state_dict``; by default the initialisation that a fleet with this seed starts from.
        seed: Seed of initialisation, data order and dropout.
        samples: Maximum number of samples; with BatchNorm it is at least one batch.
        device: Where to compute.
    """
    with preserved_generators():
        seed_everything(derive_seed(seed, "initialisation"))
        model = task.new_model().to(device)
        if state is not None:
            load_full_state(model, state)
        batches, sizes = _sample(task, seed=seed, samples=samples, full_batches=_has_batch_norm(model), device=device)
    task = replace(task, precision="fp32") if task.precision == "bf16" else task
    return MeanLoss(task, model, batches, sizes=sizes, seed=seed), sum(sizes)


def _sample(task: Task, *, seed: int, samples: int, full_batches: bool, device: str) -> tuple[list[object], list[int]]:
    """Return the first samples of the first epoch in batches of the task's size, and the sizes of the batches."""
    train_size = len(task.split("train"))
    count = min(samples, train_size)
    size = min(task.batch_size, train_size if full_batches else count)
    if full_batches:
        count = max(size, count - count % size)
    order = BatchOrder(train_size, count, seed=derive_seed(seed, "data")).indices(0)
    indices = [order[part.start : part.stop] for part in sample_ranges(count, size)]
    batches = [
        pytree.tree_map_only(Tensor, lambda tensor: tensor.to(device), task.batch("train", each)) for each in indices
    ]
    return batches, [len(each) for each in indices]


def _has_batch_norm(model: nn.Module) -> bool:
    return any(isinstance(module, _BatchNorm) for module in model.modules())
