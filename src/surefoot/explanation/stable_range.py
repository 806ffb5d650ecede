"""The largest stable learning rate: with all samples in one batch, and with an eighth of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surefoot.explanation.curve import cap_losses
from surefoot.explanation.experiment import DEFAULT_MOMENTUM, BatchKind, StabilityLimit, Variant
from surefoot.explanation.runners import TaskExperimentRunner
from surefoot.tasks.split import Split
from surefoot.tasks.task import Task

STABILITY_MOMENTA = (0.0, DEFAULT_MOMENTUM)
BATCH_KINDS: tuple[BatchKind, ...] = ("full", "small")
# A small batch is this part of the samples, which are as many as this number of the task's own batches.
SMALL_BATCHES = 8
# Lowest and highest rate that is tried, as multiples of the limit of a range test without momentum. Chosen: wider than
# what momentum changes it by in theory, a factor of 1.9 up with full batches.
LOWEST_RATE_SHARE, HIGHEST_RATE_FACTOR = 0.2, 4.0
STABLE_RATES_PER_DECADE = 12
# Ratio of neighbouring rates that are tried.
STABLE_RATE_SPACING = 10.0 ** (1 / STABLE_RATES_PER_DECADE)
# Number of steps of each training.
STABILITY_STEPS = 60
# The final loss is the mean over this share of the training.
FINAL_SHARE = 0.2
# A rate is unstable if training learns less than this share of what it learns with the best rate. Settled on digits and
# wine: a network whose units all died can end a little lower than it began.
MIN_LEARNED_SHARE = 0.1


def candidate_rates(limit: float) -> NDArray[np.float64]:
    """Return the learning rates to try around the limit of a ramp, ascending ``[R]``."""
    count = round(STABLE_RATES_PER_DECADE * np.log10(HIGHEST_RATE_FACTOR / LOWEST_RATE_SHARE)) + 1
    rates: NDArray[np.float64] = limit * LOWEST_RATE_SHARE * STABLE_RATE_SPACING ** np.arange(count)
    return rates


def stability_config_steps(seeds: int) -> int:
    """Return the number of config-steps of the whole measurement."""
    return len(candidate_rates(1.0)) * len(STABILITY_MOMENTA) * len(BATCH_KINDS) * STABILITY_STEPS * seeds


def measure_stability_limits(task: Task, limit: float, *, runner: TaskExperimentRunner) -> tuple[StabilityLimit, ...]:
    """Measure the largest stable learning rates without and with momentum, with full and small batches.

    All trainings are on the same samples: eight of the task's own batches, or all samples if there are fewer.

    Args:
        task: What is trained.
        limit: Limit of a ramp without momentum; rates are tried around it.
        runner: Trains.
    """
    rates = candidate_rates(limit)
    return tuple(each for batch in BATCH_KINDS for each in _measure_limits(task, rates, batch=batch, runner=runner))


def largest_stable_rates(rates: NDArray[np.float64], losses: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Return the largest stable learning rate on each seed, and the number of seeds with an unstable rate.

    A rate is stable if training learns at least a tenth of what it learns with the best rate, and all lower rates are
    stable too. The answer is the geometric mean of the last stable rate and the first unstable one. If all rates are
    stable it is the highest, and if none is, the lowest.

    Args:
        rates: Learning rates, ascending, shape ``[R]``.
        losses: Training losses, shape ``[R, seeds, steps]``.

    Example:
        >>> falls, rises = [1.0, 0.5], [1.0, 2.0]
        >>> largest_stable_rates(np.array([1.0, 4.0, 16.0]), np.array([[falls], [rises], [falls]]))
        (array([2.]), 1)
    """
    losses = cap_losses(losses / losses[:1, :, :1])
    final_steps = max(1, round(FINAL_SHARE * losses.shape[-1]))
    learned = 1.0 - losses[..., -final_steps:].mean(axis=-1)
    unstable = learned < np.maximum(MIN_LEARNED_SHARE * learned.max(axis=0), 1e-6)
    first_unstable = np.where(unstable.any(axis=0), unstable.argmax(axis=0), len(rates))
    below, above = rates[np.maximum(first_unstable - 1, 0)], rates[np.minimum(first_unstable, len(rates) - 1)]
    return np.sqrt(below * above), int(unstable.any(axis=0).sum())


def subset_task(task: Task, *, batch: BatchKind) -> Task:
    """Return the task on a random subset of its samples: all in one batch, or an eighth of them in each."""
    train = task.split("train")
    samples = min(len(train), SMALL_BATCHES * task.step_samples)
    # Random samples, for a data set may be sorted by class.
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))[:samples]
    size = samples if batch == "full" else max(1, samples // SMALL_BATCHES)
    subset = _SplitSubset(train, order)
    return replace(task, train=subset, batch_size=size, accumulate=1, steps=STABILITY_STEPS, epochs=None)


def _measure_limits(
    task: Task, rates: NDArray[np.float64], *, batch: BatchKind, runner: TaskExperimentRunner
) -> list[StabilityLimit]:
    subset = subset_task(task, batch=batch)
    recipes = [Variant(momentum=momentum).recipe(float(lr)) for momentum in STABILITY_MOMENTA for lr in rates]
    losses, _ = runner.loss_curves(subset, recipes)
    largest = [largest_stable_rates(rates, each) for each in np.split(losses, len(STABILITY_MOMENTA))]
    return [
        StabilityLimit(batch, momentum, subset.batch_size, stable_rates, unstable_seeds)
        for momentum, (stable_rates, unstable_seeds) in zip(STABILITY_MOMENTA, largest, strict=True)
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _SplitSubset:
    """Some samples of a split, as a split."""

    split: Split
    order: Tensor

    def __len__(self) -> int:
        return len(self.order)

    def batch(self, indices: Tensor) -> Any:
        """Return the samples at ``indices`` as one batch."""
        return self.split.batch(self.order[indices])
