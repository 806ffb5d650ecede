"""Intervals and tolerances in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from surefoot.core.formatting import format_measurement, format_number

if TYPE_CHECKING:
    from surefoot.core.values import Interval, Score


def interval_text(score: Score) -> str:
    """Return a loss with its interval.

    Args:
        score: A loss measured on several seeds.

    Example:
        >>> from surefoot.core.values import Score
        >>> interval_text(Score(0.1, 0.0927, 0.1078, 3))
        '0.100 (90 % interval 0.0927 to 0.108)'
    """
    mean, bounds = format_measurement(score.mean), bounds_text(score)
    return mean if bounds is None else f"{mean} (90 % interval {bounds})"


def bounds_text(score: Score) -> str | None:
    """Return the bounds of a loss's interval; ``None`` where it has none: a seed diverged, or there was only one.

    Args:
        score: A loss measured on several seeds.
    """
    if not (math.isfinite(score.low) and math.isfinite(score.high)):
        return None
    return f"{format_measurement(score.low)} to {format_measurement(score.high)}"


def half_width_text(score: Score, *, separator: str = " ") -> str:
    """Return a loss with half the width of its interval, for narrow columns.

    Args:
        score: A loss measured on several seeds.
        separator: What stands between the two, as a line break.

    Example:
        >>> from surefoot.core.values import Score
        >>> half_width_text(Score(0.1, 0.0927, 0.1078, 3))
        '0.100 ± 0.0076'
    """
    if bounds_text(score) is None:
        return format_measurement(score.mean)
    half = format_number((score.high - score.low) / 2, digits=2)
    return f"{format_measurement(score.mean)}{separator}± {half}"


def tolerance_text(tolerance: float) -> str:
    """Return a tolerance, a share of the loss, in per cent.

    Example:
        >>> tolerance_text(0.05)
        '5 %'
    """
    return f"{format_number(100 * tolerance)} %"


def range_text(interval: Interval) -> str:
    """Return an interval in words.

    Args:
        interval: Of learning rates or momenta.

    Example:
        >>> from surefoot.core.values import Interval
        >>> range_text(Interval(0.1, 0.5)), range_text(Interval(0.1, 0.1))
        ('0.1 to 0.5', '0.1')
    """
    low, high = format_number(interval.low), format_number(interval.high)
    return low if low == high else f"{low} to {high}"
