"""How often a loss that had come down rose again by itself, by more than its noise."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

# The curve is looked at in so many parts, coarsely and finely: noise shows in one of them, a relapse in both.
PARTS = (12, 24)
# Blocks in a part, at least.
FEWEST = 5
# What counts as a rise: so many standard errors, and so much of the loss.
ERRORS, RISE = 4.0, 0.15


def relapses(curve: NDArray[np.float64]) -> int:
    """Return how often the loss rose, however finely one looks.

    Args:
        curve: Losses, or means of blocks of them.

    Example:
        >>> falls = np.linspace(2.0, 0.5, 100)
        >>> relapses(falls), relapses(np.concatenate([falls, falls[::-1]]))
        (0, 1)
    """
    return min(_rises(curve, parts) if len(curve) >= FEWEST * parts else 0 for parts in PARTS)


def _rises(curve: NDArray[np.float64], parts: int) -> int:
    """Count the rises from a lowest part to a later one; after each the loss has to come down before the next."""
    count, turned, up = 0, 0, False
    size = len(curve) // parts
    table = curve[-size * parts :].reshape(parts, size)
    means, errors = table.mean(axis=1).tolist(), (table.std(axis=1) / size**0.5).tolist()
    for place in range(1, parts):
        change = means[place] - means[turned]
        noise = ERRORS * math.hypot(errors[place], errors[turned])
        if change > 0.0 if up else change < 0.0:  # it goes on as it went: a new highest or lowest part
            turned = place
        elif up and -change > noise:
            turned, up = place, False
        elif not up and change > max(noise, RISE * abs(means[turned])):
            count, turned, up = count + 1, place, True
    return count
