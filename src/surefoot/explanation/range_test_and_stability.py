"""The highest learning rates: where the loss diverges while the rate rises, and the largest that stays stable."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surefoot.explanation.experiment_results import DEFAULT_MOMENTUM, BatchKind, StableRateLimit, Variant, cap_losses
from surefoot.explanation.experiment_runners import TaskExperimentRunner
from surefoot.recipe.recipe import Recipe
from surefoot.recipe.settings import momentum_use
from surefoot.schedules.exponential import Exponential
from surefoot.tasks.as_split import Split
from surefoot.tasks.task import Task

# Effective learning rates that a ramp begins and ends with. Chosen: lower ones change no weight in float32, and no
# network trains with higher ones.
LOWEST_EFFECTIVE_RATE = 1e-6
HIGHEST_EFFECTIVE_RATE = 1e3
# Half-life of the exponential smoothing of losses, in steps of the ramp. Chosen.
SMOOTHING_HALF_LIFE_STEPS = 3.0


@dataclass(frozen=True, slots=True)
class RampResult:
    """Result of one ramp, averaged over seeds.

    Attributes:
        momentum: Momentum of the ramp.
        rates: Learning rate at each step.
        losses: Smoothed training loss at each step; ``inf`` after divergence.
        limit: Largest learning rate before the loss rose for good; ``None`` if it never did.
        optimizer: Name of the optimizer.
    """

    momentum: float
    rates: tuple[float, ...]
    losses: tuple[float, ...]
    limit: float | None
    optimizer: str = "sgd"

    @property
    def effective_limit(self) -> float | None:
        """The limit as an effective rate: lr / (1 - momentum) where past gradients are summed, as in SGD."""
        return None if self.limit is None else momentum_use(self.optimizer).effective(self.limit, self.momentum)


def ramp_recipe(momentum: float, *, steps: int, optimizer: str = "sgd") -> Recipe:
    """Return a recipe whose effective learning rate grows by the same factor at every step, from 1e-6 to 1e3.

    Args:
        momentum: Momentum, constant during the ramp.
        steps: Number of steps of the ramp.
        optimizer: Name of the optimizer.
    """
    use = momentum_use(optimizer)
    lowest, highest = (use.lr(rate, momentum) for rate in (LOWEST_EFFECTIVE_RATE, HIGHEST_EFFECTIVE_RATE))
    # The highest rate is that of the last step, whose index is steps - 1.
    ratio = (highest / lowest) ** (steps / max(1, steps - 1))
    momentum_setting = {} if use.momentum is None else {use.momentum: momentum}
    return Recipe.of(optimizer, lr=Exponential(lowest, rate=ratio), **momentum_setting)


def read_ramp(recipe: Recipe, losses: NDArray[np.float64]) -> RampResult:
    """Find the largest usable learning rate of a ramp.

    It is the last one before the smoothed loss exceeds its start by half of what it had fallen by, or by four standard
    deviations of the first losses, whichever is more; its geometric mean over seeds.

    Args:
        recipe: Recipe of the ramp, from :func:`ramp_recipe`.
        losses: Training losses, not finite after divergence, shape ``[steps, seeds]``.
    """
    steps = len(losses)
    rates = recipe.lr.values(np.arange(steps), steps)
    smooth = smoothed(np.where(np.isfinite(losses), losses, np.inf).mean(1))
    limit_steps = [limit_step(column) for column in losses.T]
    limits = [rates[step] for step in limit_steps if step is not None]
    limit = float(np.exp(np.mean(np.log(limits)))) if len(limits) == len(limit_steps) else None
    momentum = recipe.momentum.value(0, steps)
    return RampResult(momentum, tuple(rates.tolist()), tuple(smooth.tolist()), limit, recipe.optimizer)


def limit_step(losses: NDArray[np.float64]) -> int | None:
    """Return the last step before the smoothed loss of a ramp rose too far; ``None`` if it never did.

    Args:
        losses: Training losses of one seed, shape ``[steps]``.
    """
    smooth = smoothed(np.where(np.isfinite(losses), losses, np.inf))
    first_losses = losses[: max(3, len(losses) // 10)]
    if not np.isfinite(first_losses).all():
        return max(0, int(np.flatnonzero(~np.isfinite(losses))[0]) - 1)
    start, noise = float(first_losses.mean()), float(first_losses.std())
    lowest_so_far = np.minimum.accumulate(smooth)
    allowed = start + np.maximum(0.5 * (start - lowest_so_far), 4.0 * noise + 1e-6 * abs(start))
    too_high = np.flatnonzero(~(smooth <= allowed))
    if not len(too_high):
        return None
    return max(0, int(too_high[0]) - 1)


def smoothed(losses: NDArray[np.float64], half_life: float = SMOOTHING_HALF_LIFE_STEPS) -> NDArray[np.float64]:
    """Return the exponentially weighted mean of a curve, corrected for its start; infinite after divergence."""
    decay = 0.5 ** (1.0 / half_life)
    mean, weight, smooth = 0.0, 0.0, np.full(len(losses), np.inf)
    for step, loss in enumerate(losses):
        if not np.isfinite(loss):
            break
        mean, weight = decay * mean + (1 - decay) * loss, decay * weight + (1 - decay)
        smooth[step] = mean / weight
    return smooth


def effective_limit(ramps: Sequence[RampResult]) -> float:
    """Return the largest limit of one optimizer's ramps as an effective rate; a high one if no ramp has a limit."""
    limits = [limit for ramp in ramps if (limit := ramp.effective_limit) is not None]
    return max(limits) if limits else math.sqrt(HIGHEST_EFFECTIVE_RATE)


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


def measure_stability_limits(task: Task, limit: float, *, runner: TaskExperimentRunner) -> tuple[StableRateLimit, ...]:
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
) -> list[StableRateLimit]:
    subset = subset_task(task, batch=batch)
    recipes = [Variant(momentum=momentum).recipe(float(lr)) for momentum in STABILITY_MOMENTA for lr in rates]
    losses, _ = runner.loss_curves(subset, recipes)
    largest = [largest_stable_rates(rates, each) for each in np.split(losses, len(STABILITY_MOMENTA))]
    return [
        StableRateLimit(batch, momentum, subset.batch_size, stable_rates, unstable_seeds)
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
