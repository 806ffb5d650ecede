"""The mean training loss over some batches, as a function of one vector of parameters.

The mean training loss over a sample of a task's training data, on a model of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils import _pytree as pytree

from surefoot.tasks.batches import BatchOrder, chunks
from surefoot.tasks.checkpoint import load_whole_state
from surefoot.tasks.seeding import borrowed_generators, draw_seed, seed_everything, seed_torch
from surefoot.tasks.task import Task


class MeanLoss:
    """The mean loss L(w) over some batches, at the parameters w ``[P]`` that a model has.

    It is taken in training mode, for that is the loss which training descends: BatchNorm divides by the batch's own
    statistics (at the start the running ones know nothing of the data). Dropout draws one mask a batch, always the
    same. Attention runs in the math kernel: the flash kernel has no double backward.

    Deriving it changes the model's buffers and ``grad`` fields: give it a model of its own. Generators are left alone.

    Args:
        task: Whose loss it is.
        model: Holds the P trained parameters.
        batches: As ``task.batch`` returns them, on the model's device.
        sizes: Samples in each batch, their weights in the mean.
        seed: Of dropout's masks.

    Attributes:
        gradients: What was done so far, in gradients of the mean loss over all batches.
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
        """P, the number of trained parameters."""
        return sum(param.numel() for param in self.params)

    def gradient(self) -> Tensor:
        """Return the gradient ``[P]``."""
        self.gradients += 1

        def derive(batch: Any) -> Sequence[Tensor]:
            loss = self.task.batch_loss(self.model, batch)
            return torch.autograd.grad(loss, self.params, materialize_grads=True)

        return self.mean(derive)

    def value(self) -> float:
        """Return the loss; that is about a third of the work of a gradient."""
        with torch.no_grad():
            return float(self._mean(lambda batch: self.task.batch_loss(self.model, batch)))

    def mean(self, derive: Callable[[Any], Sequence[Tensor]]) -> Tensor:
        """Return the mean over the batches of what ``derive`` makes of each, a tensor a parameter, as one vector."""
        return self._mean(lambda batch: vector_of(derive(batch)))

    def _mean(self, measure: Callable[[Any], Tensor]) -> Tensor:
        with borrowed_generators(), sdpa_kernel(SDPBackend.MATH):
            total: Tensor | None = None
            for number, (batch, share) in enumerate(zip(self.batches, self.shares, strict=True)):
                seed_torch(draw_seed(self.seed, "forward", number))
                part = share * measure(batch)
                total = part if total is None else total.add_(part)
        return cast("Tensor", total)  # there is a batch

    def split(self, vector: Tensor) -> list[Tensor]:
        """Return a vector ``[P]`` in pieces of the parameters' shapes."""
        pieces = torch.split(vector, [param.numel() for param in self.params])
        return [piece.view_as(param) for piece, param in zip(pieces, self.params, strict=True)]

    def place(self) -> Tensor:
        """Return the parameters ``[P]``."""
        return torch.cat([param.detach().reshape(-1) for param in self.params])

    def move_to(self, place: Tensor) -> None:
        """Give the model other parameters ``[P]``."""
        with torch.no_grad():
            for param, value in zip(self.params, self.split(place), strict=True):
                param.copy_(value)


def vector_of(parts: Sequence[Tensor]) -> Tensor:
    """Return tensors as one vector, detached."""
    return torch.cat([part.detach().to_dense().reshape(-1) for part in parts])


def sampled_loss(
    task: Task, *, state: Mapping[str, Tensor] | None = None, seed: int = 0, samples: int, device: str = "cpu"
) -> tuple[MeanLoss, int]:
    """Return the mean loss over a sample of the training data, and how many samples that is.

    The sample is the beginning of the training's own order, in batches of the task's size; all of them are full where
    the model has BatchNorm, whose statistics depend on it, and there is one at least. Generators and the order of the
    data stay as they are. Tasks in bf16 are measured in float32: rounding would drown the second derivative.

    Args:
        task: Whose loss it is.
        state: A ``state_dict`` to stand at; the seed's initialisation, the one a fleet trains from, if not given.
        seed: Of initialisation, data order and dropout.
        samples: Most samples the mean is over; with BatchNorm at least a batch is taken.
        device: Where to compute.
    """
    with borrowed_generators():
        seed_everything(draw_seed(seed, "initialisation"))
        model = task.new_model().to(device)
        if state is not None:
            load_whole_state(model, state)
        batches, sizes = _sample(task, seed=seed, samples=samples, whole=_sees_batches(model), device=device)
    measured = replace(task, precision="fp32") if task.precision == "bf16" else task
    return MeanLoss(measured, model, batches, sizes=sizes, seed=seed), sum(sizes)


def _sample(task: Task, *, seed: int, samples: int, whole: bool, device: str) -> tuple[list[object], list[int]]:
    """Return the first samples of the training's order in batches of the task's size, and the batches' sizes."""
    there = len(task.split("train"))
    available = min(samples, there)
    size = min(task.batch_size, there if whole else available)
    if whole:  # as in training, all of them full
        available = max(size, available - available % size)
    order = BatchOrder(len(task.split("train")), available, seed=draw_seed(seed, "data")).indices(0)
    places = [order[part.start : part.stop] for part in chunks(available, size)]
    batches = [
        pytree.tree_map_only(Tensor, lambda tensor: tensor.to(device), task.batch("train", place)) for place in places
    ]
    return batches, [len(place) for place in places]


def _sees_batches(model: nn.Module) -> bool:
    return any(isinstance(module, _BatchNorm) for module in model.modules())
