"""A fleet's members on a whole split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from surefoot.fleet.fleet import Fleet
from surefoot.fleet.processes import run_jobs, using_threads
from surefoot.fleet.step import index_of
from surefoot.fleet.training import READ_AHEAD_BYTES, bytes_of, on_device, processes_for
from surefoot.tasks.batches import chunks
from surefoot.tasks.seeding import borrowed_generators, draw_seed, seed_everything
from surefoot.tasks.task import SplitName
from surefoot.tasks.user_code_errors import is_out_of_memory


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Results of some members on one split.

    Attributes:
        loss: Mean loss ``[k]``, float64.
        metric: The task's metric ``[k]``, or ``None`` where it has none.
    """

    loss: Tensor
    metric: Tensor | None


def evaluate_members(fleet: Fleet, split: SplitName, *, members: Sequence[int] | None = None) -> Scores:
    """Return the loss and metric of every member, or of some, on a whole split, in evaluation mode.

    It leaves no trace: buffers and generators are as before, and what a model draws depends on the seed alone.

    Args:
        fleet: The fleet.
        split: Which data.
        members: Indices of the members wanted; all by default.
    """
    places = fleet.members(members)
    samples = len(fleet.task.split(split))
    sums = torch.zeros(2, len(places), dtype=torch.float64)
    width = fleet.chunk_width(len(places), processes=fleet.processes)
    groups = [places[begin : begin + width] for begin in range(0, len(places), width)]
    fleet.model.eval()
    with borrowed_generators(), using_threads(fleet.threads):
        for passes in _read(fleet, split, samples):
            jobs = [partial(_sums, fleet, group, passes) for group in groups]
            if jobs:
                sums += torch.cat(run_jobs(jobs, processes=_processes(fleet, len(places), passes)), dim=1)
    means = sums / samples
    return Scores(loss=means[0], metric=None if fleet.task.metric is None else means[1])


@dataclass(frozen=True, slots=True)
class Pass:
    """Samples that go through the model together, and the seed of what it draws."""

    samples: int
    batch: Any
    forward_seed: int


def _read(fleet: Fleet, split: SplitName, samples: int) -> Iterator[list[Pass]]:
    """Yield a split's passes, as many at a time as are read ahead."""
    passes: list[Pass] = []
    held = 0
    for number, indices in enumerate(chunks(samples, fleet.samples_a_pass)):
        forward_seed = draw_seed(fleet.seed, "evaluation", number)
        seed_everything(forward_seed)
        batch = on_device(fleet, fleet.task.batch(split, torch.arange(indices.start, indices.stop)))
        passes.append(Pass(len(indices), batch, forward_seed))
        held += bytes_of(batch)
        if held > READ_AHEAD_BYTES:
            yield passes
            passes, held = [], 0
    if passes:
        yield passes


def _processes(fleet: Fleet, members: int, passes: Sequence[Pass]) -> int:
    """Return how many processes some passes are worth: a forward pass is about a third of a step."""
    steps = sum(part.samples for part in passes) / fleet.task.step_samples
    return 1 if fleet.pace is None else processes_for(fleet, members * steps / 3)


def _sums(fleet: Fleet, places: Sequence[int], passes: Sequence[Pass]) -> Tensor:
    """Return losses and metrics of some members, summed over the samples of some passes, ``[2, k]``."""
    return torch.stack([part.samples * _scores(fleet, places, part.batch, part.forward_seed) for part in passes]).sum(0)


def _scores(fleet: Fleet, places: Sequence[int], batch: Any, forward_seed: int) -> Tensor:
    """Return losses and metrics ``[2, k]``; in halves where memory runs out."""
    rows = index_of(places)
    try:
        buffers = {name: buffer[rows].clone() for name, buffer in fleet.buffers.items()}
        return fleet.scores(fleet.params[rows], buffers, batch, forward_seed=forward_seed).cpu().double()
    except (MemoryError, RuntimeError) as error:
        if len(places) == 1 or not is_out_of_memory(error):
            raise
    half = len(places) // 2
    return torch.cat([_scores(fleet, part, batch, forward_seed) for part in (places[:half], places[half:])], dim=1)
