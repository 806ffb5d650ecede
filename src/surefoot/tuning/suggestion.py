"""Where to start, or why that cannot be said."""

from __future__ import annotations

import math
from collections.abc import Sequence

from surefoot.tuning.found import MomentumRange, Suggestion
from surefoot.tuning.usable import CLEAR_GAIN

# A loss that ends so many times its start below zero, and fell so much further at the next larger rate, has no bottom.
BOTTOMLESS = 1e3


def suggest(ranges: Sequence[MomentumRange]) -> Suggestion | None:
    """Return the best rate of the momentum whose best short run ended lowest; ``None`` where no momentum has one."""
    found = [
        (row.best_loss, Suggestion(lr=row.best, momentum=row.momentum, low=row.low, high=row.high))
        for row in ranges
        if row.best is not None and row.low is not None and row.high is not None
    ]
    return min(found, key=lambda pair: pair[0])[1] if found else None


def refusal(ranges: Sequence[MomentumRange], *, start: float, noise: float, steps: int, bottomless: bool) -> str | None:
    """Return why there is no suggestion, ``None`` where there is one.

    Args:
        ranges: What was read off the short runs.
        start: Loss before the first step.
        noise: Standard error of a mean gain, from batch to batch.
        steps: Length of a short run.
        bottomless: Whether a loss reached minus infinity.
    """
    losses = [loss for row in ranges for loss in row.losses]
    lowest_rate, highest_rate = min(row.rates[0] for row in ranges), max(row.rates[-1] for row in ranges)
    if bottomless or any(_falls_without_end(row, start) for row in ranges):
        return "the training loss falls without end: is it bounded below? A sign may be wrong."
    if not any(math.isfinite(loss) for loss in losses):
        return (
            f"training diverges at every learning rate tried, down to {lowest_rate:.3g}; check the loss and the data."
        )
    if noise == 0 and all(loss == start for loss in losses if math.isfinite(loss)):
        return f"the training loss is {start:.4g} at every learning rate: it does not depend on the parameters."
    if not start - min(losses) > CLEAR_GAIN * noise:
        said = f"no learning rate lowered the loss clearly below its start of {start:.4g} within {steps} steps"
        return f"{said}; check the loss and the data."
    if suggest(ranges) is None:
        return (
            f"the loss falls faster with every larger learning rate, up to {highest_rate:.3g}: is it bounded below? "
            "If so, scale it up."
        )
    return None


def _falls_without_end(row: MomentumRange, start: float) -> bool:
    best = row.losses.index(row.best_loss)
    gains = [start - loss for loss in row.losses]
    return best > 0 and row.best_loss < -BOTTOMLESS * abs(start) and gains[best] > BOTTOMLESS * gains[best - 1] > 0
