"""What is read off a course: the losses of a training, step by step, over the loss of standing still."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# A loss above this many times the start is out of sight; one below this share of it is as good as none.
CEILING, FLOOR = 10.0, 1e-4


# A running mean is over this share of the training.
WINDOW = 0.05


# Climbing back by less than this share of the start is none.
STILL_CLIMB = 1e-3


def standing(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return losses with all that is not finite, or out of sight, at the ceiling."""
    return np.minimum(np.where(np.isfinite(losses), losses, CEILING), CEILING)


def running_mean(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over the last twentieth of a training up to each step; in the beginning over what there is.

        mean(t) = (sum of losses from t - w + 1 to t) / w,  w = steps / 20

    Args:
        losses: ``[..., steps]``.

    Example:
        >>> running_mean(np.arange(40.0))[[0, 1, 2, 39]].tolist()
        [0.0, 0.5, 1.5, 38.5]
    """
    steps = losses.shape[-1]
    window = max(1, round(WINDOW * steps))
    sums = np.cumsum(losses, axis=-1)
    before = np.concatenate([np.zeros((*losses.shape[:-1], window)), sums[..., :-window]], axis=-1)
    means: NDArray[np.float64] = (sums - before) / np.minimum(np.arange(1, steps + 1), window)
    return means


def end_losses(courses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where courses ``[..., steps]`` end; one that ends above its start, or diverged, has learnt nothing: 1."""
    return np.clip(courses[..., -1], FLOOR, 1.0)


def steps_to(courses: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return after how many steps courses ``[..., steps]`` first reach targets ``[...]``; all of them where never.

    Example:
        >>> steps_to(np.array([[0.9, 0.5, 0.2]]), np.array([0.5])).tolist()
        [2.0]
    """
    below = courses <= targets[..., None] * (1 + 1e-9)
    return np.where(below.any(axis=-1), below.argmax(axis=-1) + 1.0, float(courses.shape[-1]))


def speed_ratio(quick: NDArray[np.float64], slow: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many times as many steps ``slow`` needs as ``quick`` to the lowest loss that both reach ``[...]``.

    Above 1 where ``quick`` is quicker, and 1 for courses that are the same.

    Example:
        >>> course = np.linspace(1.0, 0.0, 100)
        >>> speed_ratio(course[None, ::2], course[None, :50]).round(2).tolist()
        [1.92]
    """
    target = np.maximum(end_losses(quick), end_losses(slow))
    return steps_to(slow, target) / steps_to(quick, target)


def climbs(courses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far courses ``[..., steps]`` climbed back in all, in shares of the loss of standing still.

    The sum of all rises of the running mean: 0 for a loss that only falls.

    Example:
        >>> round(float(climbs(np.array([1.0, 0.5, 0.7, 0.4]))), 6)
        0.201
    """
    rises: NDArray[np.float64] = np.maximum(np.diff(courses, axis=-1), 0.0).sum(axis=-1)
    return STILL_CLIMB + rises
