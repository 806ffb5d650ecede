"""Means over seeds, their confidence intervals, and noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from surefoot.core.value_types import Score

# Confidence of every interval that surefoot reports, two-sided.
INTERVAL_CONFIDENCE = 0.90
# Standard normal quantile at 95 %: a two-sided 90 % interval reaches this many standard deviations to either side.
NORMAL_QUANTILE_95 = 1.645


def mean_score(losses: Sequence[float]) -> Score:
    """Return the mean of a recipe's losses on several seeds, with its two-sided 90 % Student-t interval.

        mean ± t(0.95, n - 1) * sd / sqrt(n)

    Where a seed diverged the mean is infinite. With a single seed the interval is unbounded: from -inf to inf.

    Example:
        >>> score = mean_score([1.0, 2.0, 3.0])
        >>> score.mean, round(score.low, 3), round(score.high, 3)
        (2.0, 0.314, 3.686)
    """
    values = np.asarray(losses, dtype=np.float64)
    count = len(values)
    if not np.isfinite(values).all():
        return Score(float("inf"), float("inf"), float("inf"), count)
    half = interval_half_width(values)
    return Score(float(values.mean()), float(values.mean() - half), float(values.mean() + half), count)


def student_t_quantile(freedom: int) -> float:
    """Return the bound within which 90 % of Student's t distribution lies, on both sides of 0.

    Args:
        freedom: Degrees of freedom.

    Example:
        >>> round(student_t_quantile(2), 3)
        2.92
    """
    return float(stdtrit(freedom, (1 + INTERVAL_CONFIDENCE) / 2))


def interval_half_width(values: NDArray[np.float64]) -> float:
    """Return half the width of the 90 % interval of the mean; ``inf`` for a single value."""
    count = len(values)
    if count < 2:
        return float("inf")
    return float(student_t_quantile(count - 1) * values.std(ddof=1) / np.sqrt(count))


def log_if_positive(losses: Sequence[float] | Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Return the logarithms of losses, or the losses themselves where a finite one is not positive.

    The noise of positive losses is proportional to them, and so is even on a logarithmic scale.

    Example:
        >>> log_if_positive([1.0, -1.0]).tolist(), log_if_positive([1.0, float("inf")]).tolist()
        ([1.0, -1.0], [0.0, inf])
    """
    values = np.array(losses, dtype=np.float64)
    finite = values[np.isfinite(values)]
    if not finite.size or finite.min() <= 0:
        return values
    return np.log(values)


def paired_noise(losses: NDArray[np.float64]) -> float:
    """Return the standard deviation of the difference of two recipes on one seed, pooled over recipes.

    Args:
        losses: Finite losses ``[recipes, seeds]``.

    Returns:
        sqrt(2) times the root mean square residual after recipe and seed means; 0 with a single recipe or seed.
    """
    recipes, seeds = losses.shape
    if recipes < 2 or seeds < 2:
        return 0.0
    residual = losses - losses.mean(1, keepdims=True) - losses.mean(0, keepdims=True) + losses.mean()
    return float(np.sqrt(2.0 * (residual**2).sum() / ((recipes - 1) * (seeds - 1))))
