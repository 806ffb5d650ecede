"""Up to which learning rate training is stable: with all samples in one batch, and with an eighth of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surefoot.explanation.curve import standing
from surefoot.explanation.experiment import USUAL_MOMENTUM, Batch, Kind, Limits, Trainer
from surefoot.tasks.split import Split
from surefoot.tasks.task import Task

STABLE_MOMENTA = (0.0, USUAL_MOMENTUM)
# So many batches are the data of this experiment: one batch of all, or one of each.
BATCHES = 8
# Rates from this part of the ramp's limit to so many times that; neighbours are a twelfth of a decade apart.
LOWEST, HIGHEST, LIMIT_STEPS_A_DECADE = 0.2, 4.0, 12
LIMIT_RESOLUTION = 10.0 ** (1 / LIMIT_STEPS_A_DECADE)
LIMIT_STEPS = 60
BATCH_KINDS: tuple[Batch, ...] = ("full", "small")
# Where a training ends is the mean of this share of its losses.
END = 0.2
# A rate at which less than this share is learnt of what the best rate learns is none to train with: a network may come
# to rest with every unit dead, its loss a little lower than at the start.
LEARNS = 0.1


def stable_rates(limit: float) -> NDArray[np.float64]:
    """Return the rates to try around the limit of a ramp."""
    count = round(LIMIT_STEPS_A_DECADE * np.log10(HIGHEST / LOWEST)) + 1
    rates: NDArray[np.float64] = limit * LOWEST * LIMIT_RESOLUTION ** np.arange(count)
    return rates


def stable_config_steps(seeds: int) -> int:
    """Return the members' steps of the whole experiment."""
    return len(stable_rates(1.0)) * len(STABLE_MOMENTA) * 2 * LIMIT_STEPS * seeds


def stable_ranges(task: Task, limit: float, *, trainer: Trainer) -> tuple[Limits, ...]:
    """Find the largest stable rates, with and without momentum, with full batches and small ones.

    Both train on the same samples: as many as eight of the task's own batches, where there are as many.

    Args:
        task: What is trained.
        limit: About where training breaks without momentum.
        trainer: Trains.
    """
    rates = stable_rates(limit)
    full, small = (_ranges(task, trainer, rates, batch=batch) for batch in BATCH_KINDS)
    return (*full, *small)


def largest_stable(rates: NDArray[np.float64], losses: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Return the largest rate on each seed below which all are stable, and on how many seeds one is not.

    A rate is stable where training learns at least a tenth of what it learns at the best rate. The answer lies
    half-way, in log rate, between the last stable rate and the first that is not; where all are stable it is the
    highest tried, and where none is the lowest.

    Args:
        rates: Ascending ``[R]``.
        losses: ``[R, seeds, steps]``.

    Example:
        >>> falls, rises = [1.0, 0.5], [1.0, 2.0]
        >>> largest_stable(np.array([1.0, 4.0, 16.0]), np.array([[falls], [rises], [falls]]))
        (array([2.]), 1)
    """
    losses = standing(losses / losses[:1, :, :1])
    tail = max(1, round(END * losses.shape[-1]))
    learnt = 1.0 - losses[..., -tail:].mean(axis=-1)
    unstable = learnt < np.maximum(LEARNS * learnt.max(axis=0), 1e-6)
    first = np.where(unstable.any(axis=0), unstable.argmax(axis=0), len(rates))
    below, above = rates[np.maximum(first - 1, 0)], rates[np.minimum(first, len(rates) - 1)]
    return np.sqrt(below * above), int(unstable.any(axis=0).sum())


def _ranges(task: Task, trainer: Trainer, rates: NDArray[np.float64], *, batch: Batch) -> list[Limits]:
    part = part_of(task, batch=batch)
    recipes = [Kind(momentum=momentum).recipe(float(lr)) for momentum in STABLE_MOMENTA for lr in rates]
    losses, _ = trainer.courses(part, recipes)
    found = [largest_stable(rates, each) for each in np.split(losses, len(STABLE_MOMENTA))]
    return [
        Limits(batch, momentum, part.batch_size, largest, reached)
        for momentum, (largest, reached) in zip(STABLE_MOMENTA, found, strict=True)
    ]


def part_of(task: Task, *, batch: Batch) -> Task:
    """Return the task on a few of its samples, all in one batch or an eighth of them in each."""
    whole = task.split("train")
    samples = min(len(whole), BATCHES * task.step_samples)
    # Not the first ones: data may lie sorted.
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(0))[:samples]
    size = samples if batch == "full" else max(1, samples // BATCHES)
    return replace(task, train=_Part(whole, order), batch_size=size, accumulate=1, steps=LIMIT_STEPS, epochs=None)


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Some samples of a split, as a split."""

    whole: Split
    order: Tensor

    def __len__(self) -> int:
        return len(self.order)

    def batch(self, indices: Tensor) -> Any:
        """Return the samples at ``indices`` as one batch."""
        return self.whole.batch(self.order[indices])
