"""Rungs: the training lengths at which trials are compared."""

from __future__ import annotations

# The lowest rung is so many steps, but no less and no more than these shares of the full training (ADR 0020).
TARGET_LOWEST_STEPS, MIN_LOWEST_SHARE, MAX_LOWEST_SHARE = 64, 1 / 64, 1 / 8
# Factor from one rung to the next; it is smaller for short trainings, those whose lowest rung is more than a twelfth.
RUNG_FACTOR, SHORT_TRAINING_FACTOR, SHORT_TRAINING_SHARE = 4, 2, 1 / 12
# The second rung is more than so many times the lowest.
MIN_FIRST_FACTOR = 1.5
# In short trainings no rung but the last is longer than this share of the full training.
MAX_SHORT_TRAINING_SHARE = 0.75
# No trial is shorter: a warmup of 10 % would be less than a step (chosen).
MIN_SCHEDULE_STEPS = 8


def lowest_rung(full_steps: int) -> int:
    """Return the length of the shortest trials, in steps.

    Args:
        full_steps: Length of a full training, in steps.

    Example:
        >>> [lowest_rung(steps) for steps in (40, 220, 400, 4000, 20_000)]
        [8, 28, 50, 64, 312]
    """
    steps = max(round(full_steps * MIN_LOWEST_SHARE), min(round(full_steps * MAX_LOWEST_SHARE), TARGET_LOWEST_STEPS))
    return min(full_steps, max(MIN_SCHEDULE_STEPS, steps))


def is_short(full_steps: int) -> bool:
    """Return whether a training is so short that its lowest rung is a large share of it.

    Example:
        >>> is_short(220), is_short(4000)
        (True, False)
    """
    return lowest_rung(full_steps) > full_steps * SHORT_TRAINING_SHARE


def rungs(full_steps: int) -> tuple[int, ...]:
    """Return the training lengths from the lowest rung to the full training, in steps, ascending.

    Each is about four times the one before, in short trainings twice. In long trainings the rungs are a quarter of the
    full training, a quarter of that, and so on: trials of a quarter of the length predict the full training best.

    Example:
        >>> rungs(220), rungs(2000), rungs(4000), rungs(10)
        ((28, 56, 112, 220), (64, 125, 500, 2000), (64, 250, 1000, 4000), (8, 10))
    """
    lowest = lowest_rung(full_steps)
    if lowest >= full_steps:
        return (full_steps,)
    if is_short(full_steps):
        lengths = [lowest]
        while lengths[-1] * SHORT_TRAINING_FACTOR < full_steps * MAX_SHORT_TRAINING_SHARE:
            lengths.append(lengths[-1] * SHORT_TRAINING_FACTOR)
        return (*lengths, full_steps)
    longer = [full_steps]
    while longer[0] / RUNG_FACTOR > lowest * MIN_FIRST_FACTOR:
        longer.insert(0, round(longer[0] / RUNG_FACTOR))
    return (lowest, *longer)
