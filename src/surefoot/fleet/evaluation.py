"""Evaluate a fleet's members on a whole split of the data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from surefoot.fleet.fleet import Fleet
from surefoot.fleet.forked_processes import run_jobs, using_threads
from surefoot.fleet.step import fast_index
from surefoot.fleet.training import READ_AHEAD_BYTES, on_device, processes_for, tensor_bytes
from surefoot.tasks.batch_order_and_trees import sample_ranges
from surefoot.tasks.seeding import derive_seed, preserved_generators, seed_everything
from surefoot.tasks.task import SplitName
from surefoot.tasks.user_code_errors import is_out_of_memory


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Losses and metrics of k members on one split.

    Attributes:
        loss: Mean loss of each member ``[k]``, float64.
        metric: Metric of each member ``[k]``, float64; ``None`` where the task has none.
    """

    loss: Tensor
    metric: Tensor | None


def evaluate_members(fleet: Fleet, split: SplitName, *, members: Sequence[int] | None = None) -> Scores:
    """Return the loss and metric of every member, or of some, on a whole split, in evaluation mode.

    It changes no state: buffers and random generators are as before, and the model's random numbers depend on the
    fleet's seed alone.

    Args:
        fleet: The fleet.
        split: Name of the split.
        members: Indices of the members to evaluate; all by default.
    """
    chosen = fleet.member_indices(members)
    samples = len(fleet.task.split(split))
    sums = torch.zeros(2, len(chosen), dtype=torch.float64)
    width = fleet.group_width(len(chosen), processes=fleet.processes)
    groups = [chosen[start : start + width] for start in range(0, len(chosen), width)]
    fleet.model.eval()
    with preserved_generators(), using_threads(fleet.threads):
        for batches in _read_batches(fleet, split):
            jobs = [partial(_summed_scores, fleet, group, batches) for group in groups]
            if jobs:
                sums += torch.cat(run_jobs(jobs, processes=_processes(fleet, len(chosen), batches)), dim=1)
    means = sums / samples
    return Scores(loss=means[0], metric=None if fleet.task.metric is None else means[1])


@dataclass(frozen=True, slots=True)
class EvaluationBatch:
    """Samples that go through the model in one forward pass.

    Attributes:
        samples: Number of samples.
        batch: The samples, on the fleet's device.
        forward_seed: Seed of the generators for the forward pass.
    """

    samples: int
    batch: Any
    forward_seed: int


def _read_batches(fleet: Fleet, split: SplitName) -> Iterator[list[EvaluationBatch]]:
    """Yield all batches of a split, in lists of as many as may be read ahead."""
    batches: list[EvaluationBatch] = []
    bytes_read = 0
    for number, indices in enumerate(sample_ranges(len(fleet.task.split(split)), fleet.evaluation_batch_size)):
        forward_seed = derive_seed(fleet.seed, "evaluation", number)
        seed_everything(forward_seed)
        batch = on_device(fleet, fleet.task.batch(split, torch.arange(indices.start, indices.stop)))
        batches.append(EvaluationBatch(len(indices), batch, forward_seed))
        bytes_read += tensor_bytes(batch)
        if bytes_read > READ_AHEAD_BYTES:
            yield batches
            batches, bytes_read = [], 0
    if batches:
        yield batches


def _processes(fleet: Fleet, members: int, batches: Sequence[EvaluationBatch]) -> int:
    """Return how many processes to share some forward passes among; each costs about a third of a training step."""
    steps = sum(batch.samples for batch in batches) / fleet.task.step_samples
    return 1 if fleet.config_step_seconds is None else processes_for(fleet, members * steps / 3)


def _summed_scores(fleet: Fleet, members: Sequence[int], batches: Sequence[EvaluationBatch]) -> Tensor:
    """Return losses and metrics of k members, summed over the samples of some batches, ``[2, k]``."""
    return torch.stack([batch.samples * _mean_scores(fleet, members, batch) for batch in batches]).sum(0)


def _mean_scores(fleet: Fleet, members: Sequence[int], batch: EvaluationBatch) -> Tensor:
    """Return losses and metrics ``[2, k]`` of one batch; in halves where memory runs out."""
    rows = fast_index(members)
    try:
        buffers = {name: buffer[rows].clone() for name, buffer in fleet.buffers.items()}
        scores = fleet.scores(fleet.params[rows], buffers, batch.batch, forward_seed=batch.forward_seed)
        return scores.cpu().double()
    except (MemoryError, RuntimeError) as error:
        if len(members) == 1 or not is_out_of_memory(error):
            raise
    half = len(members) // 2
    return torch.cat([_mean_scores(fleet, part, batch) for part in (members[:half], members[half:])], dim=1)
