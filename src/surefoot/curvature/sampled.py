"""The mean training loss over a sample of a task's training data, on a model of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils import _pytree as pytree

from surefoot.curvature.mean_loss import MeanLoss
from surefoot.tasks.batches import BatchOrder, chunks
from surefoot.tasks.luck import borrowed_generators, draw_seed, seed_everything
from surefoot.tasks.model_state import load_whole_state
from surefoot.tasks.task import Task


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
