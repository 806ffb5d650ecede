"""The schedules of a whole fleet as one table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from surefoot.schedules.base import Array, Schedule


def table(schedules: Sequence[Schedule], *, totals: Sequence[int], begins: Sequence[int], steps: int) -> Array:
    """Return the values of K schedules over the next ``steps`` steps, each from its own place.

    Args:
        schedules: K schedules.
        totals: K lengths of the trainings they belong to.
        begins: K step numbers to begin at.
        steps: How many steps are wanted.

    Returns:
        Values ``[K, steps]`` in float64.

    Example:
        >>> from surefoot.schedules import Constant, Linear
        >>> table([Constant(0.9), Linear(1.0)], totals=[4, 4], begins=[0, 1], steps=3)
        array([[0.9 , 0.9 , 0.9 ],
               [0.75, 0.5 , 0.25]])
    """
    ahead = np.arange(steps)
    rows = [
        schedule.values(begin + ahead, total) for schedule, total, begin in zip(schedules, totals, begins, strict=True)
    ]
    return np.stack(rows) if rows else np.empty((0, steps))
