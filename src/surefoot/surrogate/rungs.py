"""Rungs: the training lengths at which trials are compared."""

from __future__ import annotations

# The lowest rung is so many steps, and a share of the training between these two.
LOWEST_STEPS, SMALLEST_SHARE, LARGEST_SHARE = 64, 1 / 64, 1 / 8
# From one rung to the next; where the lowest is a large share of the training, there is room for smaller strides only.
FACTOR, SHORT_FACTOR, SHORT_SHARE = 4, 2, 1 / 12
# A schedule of fewer steps has no shape.
FEWEST_STEPS = 8


def lowest_rung(full_steps: int) -> int:
    """Return the length at which a search begins.

    Example:
        >>> [lowest_rung(steps) for steps in (40, 220, 400, 4000, 20_000)]
        [8, 28, 50, 64, 312]
    """
    steps = max(round(full_steps * SMALLEST_SHARE), min(round(full_steps * LARGEST_SHARE), LOWEST_STEPS))
    return min(full_steps, max(FEWEST_STEPS, steps))


def rungs(full_steps: int) -> tuple[int, ...]:
    """Return the lengths from the lowest rung to the full training, each two or four times the one before.

    Example:
        >>> rungs(220), rungs(4000), rungs(10)
        ((28, 56, 112, 220), (64, 256, 1024, 4000), (8, 10))
    """
    found = [lowest_rung(full_steps)]
    factor = SHORT_FACTOR if found[0] > full_steps * SHORT_SHARE else FACTOR
    while found[-1] * factor < full_steps * 0.75:
        found.append(found[-1] * factor)
    return (*found, full_steps) if found[-1] < full_steps else tuple(found)
