"""Formatting of numbers, intervals, durations and values in messages, tables and figures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from surefoot.core.value_types import Interval, Score

# A reduction by a smaller factor than this is written in per cent. Chosen.
MIN_FACTOR_AS_TIMES = 1.5
# Most characters of a value that a message shows. Chosen: a message is one line.
MAX_REPR_LENGTH = 120


def format_number(value: float, *, digits: int = 3) -> str:
    """Return a number with a few significant digits; with an exponent only where it is very small or very large.

    NaN and inf become ``diverged``: the numbers of messages are losses, or come from losses.

    Args:
        value: The number.
        digits: Number of significant digits; zeros at the end are dropped.

    Example:
        >>> [format_number(value) for value in (0.10023641, 0.75, 1234.5, 2.069e-4, 1.3e-6, float("inf"))]
        ['0.1', '0.75', '1230', '0.000207', '1.3e-6', 'diverged']
    """
    if not math.isfinite(value):
        return "diverged"
    if value != 0 and not 1e-5 <= abs(value) < 1e6:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        return f"{_without_trailing_zeros(mantissa)}e{int(exponent)}"
    places = digits - 1 - math.floor(math.log10(abs(value))) if value else 0
    rounded = round(value, places)
    return _without_trailing_zeros(f"{rounded:.{max(places, 0)}f}")


def format_measurement(value: float) -> str:
    """Return a measured value with three significant digits; zeros at the end are kept, for they were measured too.

    Example:
        >>> [format_measurement(value) for value in (0.10023641, 5.0, float("inf"))]
        ['0.100', '5.00', 'diverged']
    """
    plain = format_number(value)
    return f"{value:#.3g}" if math.isfinite(value) and "e" not in plain and 1e-4 <= abs(value) < 100 else plain


def format_reduction(times: float) -> str:
    """Return by how much a loss is lower than another.

    Args:
        times: The other loss over this one.

    Example:
        >>> format_reduction(5.62), format_reduction(46.3), format_reduction(1.045)
        ('5.6x lower', '46x lower', '4.3 % lower')
    """
    if times < MIN_FACTOR_AS_TIMES:
        return f"{format_number(100.0 * (1.0 - 1.0 / times), digits=2)} % lower"
    return f"{format_number(times, digits=2)}x lower"


def format_percent(share: float) -> str:
    """Return a share, such as 0.25, in whole per cent.

    Example:
        >>> format_percent(0.906), format_percent(0.0004), format_percent(0.0)
        ('91 %', 'less than 1 %', '0 %')
    """
    return f"{100 * share:.0f} %" if share >= 0.005 or not share else "less than 1 %"


def format_duration(seconds: float) -> str:
    """Return a duration, given in seconds, in the units that fit it.

    Example:
        >>> format_duration(5.39), format_duration(75), format_duration(7300)
        ('5.4 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{format_number(seconds, digits=2)} s"
    minutes, left = divmod(round(seconds), 60)
    return f"{minutes} min {left} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def short_repr(value: object) -> str:
    """Return the ``repr`` of a value for a message: on one line, and of at most 120 characters.

    Example:
        >>> print(short_repr([1, 2]), short_repr(0.5), short_repr("x" * 1000)[-10:])
        [1, 2] 0.5 xxxxxxx...
    """
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python refuses to write an int of more than 4300 digits
        text = f"a very long {type(value).__name__}"
    return text if len(text) <= MAX_REPR_LENGTH else text[: MAX_REPR_LENGTH - 3] + "..."


def format_score(score: Score) -> str:
    """Return a loss with its interval.

    Args:
        score: A loss measured on several seeds.

    Example:
        >>> from surefoot.core.value_types import Score
        >>> format_score(Score(0.1, 0.0927, 0.1078, 3))
        '0.100 (90 % interval 0.0927 to 0.108)'
    """
    mean, bounds = format_measurement(score.mean), format_bounds(score)
    return mean if bounds is None else f"{mean} (90 % interval {bounds})"


def format_bounds(score: Score) -> str | None:
    """Return the bounds of a loss's interval; ``None`` where it has none: a seed diverged, or there was only one.

    Args:
        score: A loss measured on several seeds.
    """
    if not (math.isfinite(score.low) and math.isfinite(score.high)):
        return None
    return f"{format_measurement(score.low)} to {format_measurement(score.high)}"


def format_half_width(score: Score, *, separator: str = " ") -> str:
    """Return a loss with half the width of its interval, for narrow columns.

    Args:
        score: A loss measured on several seeds.
        separator: What stands between the two, as a line break.

    Example:
        >>> from surefoot.core.value_types import Score
        >>> format_half_width(Score(0.1, 0.0927, 0.1078, 3))
        '0.100 ± 0.0076'
    """
    if format_bounds(score) is None:
        return format_measurement(score.mean)
    half = format_number((score.high - score.low) / 2, digits=2)
    return f"{format_measurement(score.mean)}{separator}± {half}"


def format_tolerance(tolerance: float) -> str:
    """Return a tolerance, a share of the loss, in per cent.

    Example:
        >>> format_tolerance(0.05)
        '5 %'
    """
    return f"{format_number(100 * tolerance)} %"


def format_interval(interval: Interval) -> str:
    """Return an interval in words.

    Args:
        interval: Of learning rates or momenta.

    Example:
        >>> from surefoot.core.value_types import Interval
        >>> format_interval(Interval(0.1, 0.5)), format_interval(Interval(0.1, 0.1))
        ('0.1 to 0.5', '0.1')
    """
    low, high = format_number(interval.low), format_number(interval.high)
    return low if low == high else f"{low} to {high}"


def _without_trailing_zeros(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
