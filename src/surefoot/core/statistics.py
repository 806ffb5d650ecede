"""Means, intervals and what cannot be told apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from surefoot.core.values import Score

CONFIDENCE = 0.90


def score(losses: Sequence[float]) -> Score:
    """Return the mean of some seeds' losses with its two-sided 90 % Student-t interval.

        mean ± t(0.95, n - 1) * sd / sqrt(n)

    Where a seed diverged the mean is infinite; with a single seed the interval is not known: it is all numbers
    from minus to plus infinity.

    Example:
        >>> found = score([1.0, 2.0, 3.0])
        >>> found.mean, round(found.low, 3), round(found.high, 3)
        (2.0, 0.314, 3.686)
    """
    values = np.asarray(losses, dtype=np.float64)
    count = len(values)
    if not np.isfinite(values).all():
        return Score(float("inf"), float("inf"), float("inf"), count)
    half = half_width(values)
    return Score(float(values.mean()), float(values.mean() - half), float(values.mean() + half), count)


def student_t(freedom: int) -> float:
    """Return the quantile of Student's t that 90 % of its values do not exceed in size.

    Example:
        >>> round(student_t(2), 3)
        2.92
    """
    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))


def half_width(values: NDArray[np.float64]) -> float:
    """Return half the width of the 90 % interval of a mean; infinite for a single value."""
    count = len(values)
    if count < 2:
        return float("inf")
    return float(student_t(count - 1) * values.std(ddof=1) / np.sqrt(count))


def comparable(losses: Sequence[float] | Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Return losses on the scale on which their noise is even: logarithms, where all that are finite are positive.

    Example:
        >>> comparable([1.0, -1.0]).tolist(), comparable([1.0, float("inf")]).tolist()
        ([1.0, -1.0], [0.0, inf])
    """
    values = np.array(losses, dtype=np.float64)
    finite = values[np.isfinite(values)]
    if not finite.size or finite.min() <= 0:
        return values
    return np.log(values)


def paired_noise(losses: NDArray[np.float64]) -> float:
    """Return the standard deviation of the difference of two settings on one seed, pooled over settings.

    Args:
        losses: Finite losses ``[settings, seeds]``.

    Returns:
        sqrt(2) times the root mean square residual after setting and seed means; 0 where there is too little.
    """
    settings, seeds = losses.shape
    if settings < 2 or seeds < 2:
        return 0.0
    residual = losses - losses.mean(1, keepdims=True) - losses.mean(0, keepdims=True) + losses.mean()
    return float(np.sqrt(2.0 * (residual**2).sum() / ((settings - 1) * (seeds - 1))))
