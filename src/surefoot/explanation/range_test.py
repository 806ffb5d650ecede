"""The range test: learning rates ramp up for several optimizers and momenta at once until each diverges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.recipe.names import family_of
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.exponential import Exponential

# Rates below this never matter in 32 bits, rates above never train.
LOWEST_EFFECTIVE = 1e-6
HIGHEST_EFFECTIVE = 1e3
# Half-life of the smoothing, in steps of the ramp.
SMOOTHING = 3.0


@dataclass(frozen=True, slots=True)
class Ramp:
    """What one momentum's ramp showed, averaged over seeds.

    Attributes:
        momentum: The momentum.
        rates: Learning rate at each step.
        losses: Smoothed training loss at each step; ``inf`` after divergence.
        limit: Largest rate before the loss rose for good, or ``None`` where it never did.
    """

    momentum: float
    rates: tuple[float, ...]
    losses: tuple[float, ...]
    limit: float | None
    optimizer: str = "sgd"

    @property
    def effective_limit(self) -> float | None:
        """The limit as an effective rate: lr / (1 - momentum) where past gradients are summed, as in SGD."""
        return None if self.limit is None else family_of(self.optimizer).effective(self.limit, self.momentum)


def ramp_recipe(momentum: float, *, steps: int, optimizer: str = "sgd") -> Recipe:
    """Return a recipe whose effective rate grows by the same factor at every step, from 1e-6 to 1e3."""
    family = family_of(optimizer)
    lowest, highest = (family.lr(rate, momentum) for rate in (LOWEST_EFFECTIVE, HIGHEST_EFFECTIVE))
    # The last step, number steps - 1, is to have the highest rate.
    rate = (highest / lowest) ** (steps / max(1, steps - 1))
    own = {} if family.momentum is None else {family.momentum: momentum}
    return Recipe.of(optimizer, lr=Exponential(lowest, rate=rate), **own)


def read_ramp(recipe: Recipe, losses: NDArray[np.float64]) -> Ramp:
    """Read one ramp.

    The limit is the last rate before the smoothed loss exceeds its start by half of what it had fallen by, or by
    four times the noise of the steps before it began to fall, whichever is more.

    Args:
        recipe: As :func:`ramp_recipe` made it.
        losses: Training losses ``[steps, seeds]``; not finite after divergence.
    """
    steps = len(losses)
    rates = recipe.lr.values(np.arange(steps), steps)
    smooth = smoothed(np.where(np.isfinite(losses), losses, np.inf).mean(1))
    limits = [limit_step(column) for column in losses.T]
    known = [rates[step] for step in limits if step is not None]
    limit = float(np.exp(np.mean(np.log(known)))) if len(known) == len(limits) else None
    momentum = recipe.momentum.value(0, steps)
    return Ramp(momentum, tuple(rates.tolist()), tuple(smooth.tolist()), limit, recipe.optimizer)


def limit_step(losses: NDArray[np.float64]) -> int | None:
    """Return the last step before a ramp's smoothed loss rose above what is allowed, ``None`` where it never did."""
    smooth = smoothed(np.where(np.isfinite(losses), losses, np.inf))
    head = losses[: max(3, len(losses) // 10)]
    if not np.isfinite(head).all():
        return max(0, int(np.flatnonzero(~np.isfinite(losses))[0]) - 1)
    start, noise = float(head.mean()), float(head.std())
    lowest = np.minimum.accumulate(smooth)
    allowed = start + np.maximum(0.5 * (start - lowest), 4.0 * noise + 1e-6 * abs(start))
    above = np.flatnonzero(~(smooth <= allowed))
    if not len(above):
        return None
    return max(0, int(above[0]) - 1)


def smoothed(losses: NDArray[np.float64], half_life: float = SMOOTHING) -> NDArray[np.float64]:
    """Return the exponentially weighted mean of a curve, corrected for its start; infinite from divergence on."""
    keep = 0.5 ** (1.0 / half_life)
    mean, weight, smooth = 0.0, 0.0, np.full(len(losses), np.inf)
    for step, loss in enumerate(losses):
        if not np.isfinite(loss):
            break
        mean, weight = keep * mean + (1 - keep) * loss, keep * weight + (1 - keep)
        smooth[step] = mean / weight
    return smooth


def effective_limit(ramps: Sequence[Ramp]) -> float:
    """Return the largest limit of one optimizer's ramps as an effective rate; far up where none was found."""
    limits = [limit for ramp in ramps if (limit := ramp.effective_limit) is not None]
    return max(limits) if limits else math.sqrt(HIGHEST_EFFECTIVE)
