"""Rungs: the training lengths at which trials are compared."""

from __future__ import annotations

# The lowest rung is so many steps, and a share of the training between these two.
LOWEST_STEPS, SMALLEST_SHARE, LARGEST_SHARE = 64, 1 / 64, 1 / 8
# From one rung to the next; where the lowest is a large share of the training, there is room for smaller strides only.
FACTOR, SHORT_FACTOR, SHORT_SHARE = 4, 2, 1 / 12
# The second rung is at least so many times the lowest.
LEAST_FACTOR = 1.5
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


def is_short(full_steps: int) -> bool:
    """Tell whether the lowest rung of a training is a large share of it.

    Example:
        >>> is_short(220), is_short(4000)
        (True, False)
    """
    return lowest_rung(full_steps) > full_steps * SHORT_SHARE


def rungs(full_steps: int) -> tuple[int, ...]:
    """Return the lengths from the lowest rung to the full training, each two or four times the one before, or nearly.

    Those above the lowest are quarters of quarters of the full training: what is a quarter of it tells most.

    Example:
        >>> rungs(220), rungs(2000), rungs(4000), rungs(10)
        ((28, 56, 112, 220), (64, 125, 500, 2000), (64, 250, 1000, 4000), (8, 10))
    """
    lowest = lowest_rung(full_steps)
    if lowest >= full_steps:
        return (full_steps,)
    if is_short(full_steps):
        found = [lowest]
        while found[-1] * SHORT_FACTOR < full_steps * 0.75:
            found.append(found[-1] * SHORT_FACTOR)
        return (*found, full_steps)
    longer = [full_steps]
    while longer[0] / FACTOR > lowest * LEAST_FACTOR:
        longer.insert(0, round(longer[0] / FACTOR))
    return (lowest, *longer)
