"""How many members fit into memory."""

from __future__ import annotations

import psutil
import torch
from torch import Tensor

from surefoot.tasks.batches import BatchOrder
from surefoot.tasks.luck import borrowed_generators
from surefoot.tasks.task import Task

# Parameters, gradients, two slots, and what an update rule holds for a moment.
COPIES_OF_PARAMETERS = 8
# Saved activations live beside their gradients and the vectorised program's intermediate values.
COPIES_OF_ACTIVATIONS = 3
SHARE_OF_FREE = 0.5


def free_bytes(device: str = "cpu") -> int:
    """Return the memory that is free on a device now; that of the machine where the device does not tell."""
    if torch.device(device).type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def member_bytes(task: Task) -> int:
    """Return about how much memory one more member takes: its parameters and one batch's activations."""
    with borrowed_generators():
        trained = [param for param in task.new_model().parameters() if param.requires_grad]
    parameters = sum(param.numel() * param.element_size() for param in trained)
    return COPIES_OF_PARAMETERS * parameters + COPIES_OF_ACTIVATIONS * activation_bytes(task)


def activation_bytes(task: Task) -> int:
    """Return the bytes of one batch's activations: counted, all that autograd saves in one forward pass."""
    saved: dict[int, int] = {}

    def count(tensor: Tensor) -> Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with borrowed_generators():
        model = task.new_model()
        order = BatchOrder(len(task.split("train")), task.batch_size, seed=0)
        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            # The graph is kept to the end: what it lets go of could be counted twice, or another in its place.
            graph = task.batch_loss(model, task.batch("train", order.indices(0)))
    del graph
    return sum(saved.values())


def widest(task: Task, *, free: int) -> int:
    """Return how many members fit into half of the free memory, at least 1.

    Args:
        task: What is trained.
        free: Bytes of free memory.
    """
    return max(1, int(SHARE_OF_FREE * free) // max(1, member_bytes(task)))
