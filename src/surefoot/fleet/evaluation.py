"""A fleet's members on a whole split."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from surefoot.fleet.memory import activation_bytes, is_out_of_memory
from surefoot.fleet.processes import run_jobs
from surefoot.fleet.protocol import Scores
from surefoot.fleet.threads import using_threads
from surefoot.fleet.training import FORK_SECONDS, on_device
from surefoot.fleet.work import index_of
from surefoot.tasks.batches import chunks
from surefoot.tasks.luck import borrowed_generators, draw_seed, seed_everything
from surefoot.tasks.task import SplitName, Task

if TYPE_CHECKING:
    from surefoot.fleet.local import LocalFleet

# Most samples of one pass, and on the CPU most bytes of activations, those of all members together: a transformer is
# two to three times as fast in small passes, a perceptron is cheapest by the hundred.
SAMPLES, CPU_BYTES = 512, 16 * 2**20


def evaluate_fleet(fleet: LocalFleet, split: SplitName, places: list[int]) -> Scores:
    """Return the loss and metric of some members on a whole split; see :meth:`surefoot.fleet.Fleet.evaluate`."""
    samples = len(fleet.task.split(split))
    sums = torch.zeros(2, len(places), dtype=torch.float64)
    fleet.model.eval()
    with borrowed_generators(), using_threads(fleet.threads):
        for number, indices in enumerate(chunks(samples, fleet.samples_a_pass)):
            forward_seed = draw_seed(fleet.seed, "evaluation", number)
            seed_everything(forward_seed)
            batch = on_device(fleet, fleet.task.batch(split, torch.arange(indices.start, indices.stop)))
            width = fleet.chunk_width(len(places))
            groups = [places[begin : begin + width] for begin in range(0, len(places), width)]
            jobs = [partial(_scores, fleet, group, batch, forward_seed) for group in groups]
            # Less than a step a member: seldom worth forking for, unless the steps are long.
            worth_it = fleet.pace is not None and fleet.pace * len(places) > FORK_SECONDS
            scores = run_jobs(jobs, processes=fleet.processes if worth_it else 1)
            if scores:
                sums += len(indices) * torch.cat(scores, dim=1)
    means = sums / samples
    return Scores(loss=means[0], metric=None if fleet.task.metric is None else means[1])


def samples_a_pass(task: Task, *, members: int, device: str) -> int:
    """Return how many samples to evaluate at once; counted, not timed, so that equal seeds and plans stay equal."""
    most = max(task.batch_size, SAMPLES)
    if torch.device(device).type != "cpu":
        return most
    bytes_a_sample = members * activation_bytes(task) / task.batch_size
    return max(task.batch_size, min(most, int(CPU_BYTES / max(1.0, bytes_a_sample))))


def _scores(fleet: LocalFleet, places: Sequence[int], batch: Any, forward_seed: int) -> Tensor:
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
