"""The learning rate range test: raise the learning rate step by step until the loss diverges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.recipe.names import momentum_use
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.exponential import Exponential

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
