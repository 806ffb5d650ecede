"""Measures of relative loss curves: the loss at every step of a training over that of the untrained network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Bounds of a relative loss. Above the first a training has failed, however far; below the second ratios of losses are
# ratios of rounding errors. Chosen: far outside of what trainings that work end at.
MAX_RELATIVE_LOSS, MIN_RELATIVE_LOSS = 10.0, 1e-4
# Length of the window of the running mean, as a share of the training. Chosen: it smooths mini-batch noise and still
# shows oscillation.
RUNNING_MEAN_SHARE = 0.05
# Added to the total rise of a curve, so that ratios of curves that never rise are 1; a share of the untrained loss.
MIN_RISE = 1e-3


def cap_losses(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return relative losses with everything that is not finite, or above ``MAX_RELATIVE_LOSS``, set to that bound."""
    return np.minimum(np.where(np.isfinite(losses), losses, MAX_RELATIVE_LOSS), MAX_RELATIVE_LOSS)


def running_mean(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean loss of the last 5 % of a training up to each step; at the beginning, of all steps so far.

        mean(t) = (sum of losses from t - w + 1 to t) / w,  w = steps / 20

    Args:
        losses: Loss at every step, shape ``[..., steps]``.

    Example:
        >>> running_mean(np.arange(40.0))[[0, 1, 2, 39]].tolist()
        [0.0, 0.5, 1.5, 38.5]
    """
    steps = losses.shape[-1]
    window = max(1, round(RUNNING_MEAN_SHARE * steps))
    sums = np.cumsum(losses, axis=-1)
    sums_before_window = np.concatenate([np.zeros((*losses.shape[:-1], window)), sums[..., :-window]], axis=-1)
    means: NDArray[np.float64] = (sums - sums_before_window) / np.minimum(np.arange(1, steps + 1), window)
    return means


def losses_at_end(loss_curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the last loss of each curve ``[..., steps]``, at most 1: a training that ends higher learned nothing."""
    return np.clip(loss_curves[..., -1], MIN_RELATIVE_LOSS, 1.0)


def steps_to_loss(loss_curves: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return after how many steps each curve first reaches its target loss.

    Args:
        loss_curves: Loss at every step, shape ``[..., steps]``.
        targets: Loss to reach, shape ``[...]``.

    Returns:
        Number of steps, shape ``[...]``; the length of the curve where it never reaches the target.

    Example:
        >>> steps_to_loss(np.array([[0.9, 0.5, 0.2]]), np.array([0.5])).tolist()
        [2.0]
    """
    reached = loss_curves <= targets[..., None] * (1 + 1e-9)
    return np.where(reached.any(axis=-1), reached.argmax(axis=-1) + 1.0, float(loss_curves.shape[-1]))


def speed_ratio(fast: NDArray[np.float64], slow: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many times as many steps ``slow`` needs as ``fast`` to reach the lowest loss that both reach.

    Args:
        fast: Loss curves, shape ``[..., steps]``.
        slow: Loss curves of the same shape.

    Returns:
        Ratio of step counts, shape ``[...]``: above 1 where ``fast`` is faster, 1 for equal curves.

    Example:
        >>> curve = np.linspace(1.0, 0.0, 100)
        >>> speed_ratio(curve[None, ::2], curve[None, :50]).round(2).tolist()
        [1.92]
    """
    target = np.maximum(losses_at_end(fast), losses_at_end(slow))
    return steps_to_loss(slow, target) / steps_to_loss(fast, target)


def total_rise(loss_curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of all increases of each curve ``[..., steps]``, plus ``MIN_RISE``.

    It measures oscillation: a loss that only falls has ``MIN_RISE``.

    Example:
        >>> round(float(total_rise(np.array([1.0, 0.5, 0.7, 0.4]))), 6)
        0.201
    """
    rises: NDArray[np.float64] = np.maximum(np.diff(loss_curves, axis=-1), 0.0).sum(axis=-1)
    return MIN_RISE + rises
