"""Numbers as people read them.

How messages show what somebody gave.
"""

from __future__ import annotations

import math

# Below this factor a difference reads better in percent.
NOTABLE = 1.5


def numeral(value: float, *, digits: int = 3) -> str:
    """Return a number to a few significant digits, without an exponent where it reads well without one.

    A loss that is not finite has a word instead: it diverged.

    Example:
        >>> [numeral(value) for value in (0.10023641, 0.75, 1234.5, 2.069e-4, 1.3e-6, float("inf"))]
        ['0.1', '0.75', '1230', '0.000207', '1.3e-6', 'diverged']
    """
    if not math.isfinite(value):
        return "diverged"
    if value != 0 and not 1e-5 <= abs(value) < 1e6:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        return f"{_bare(mantissa)}e{int(exponent)}"
    places = digits - 1 - math.floor(math.log10(abs(value))) if value else 0
    rounded = round(value, places)
    return _bare(f"{rounded:.{max(places, 0)}f}")


def measured(value: float) -> str:
    """Return a measured value to three significant digits, zeros at the end kept: they were measured too.

    Example:
        >>> [measured(value) for value in (0.10023641, 5.0, float("inf"))]
        ['0.100', '5.00', 'diverged']
    """
    plain = numeral(value)
    return f"{value:#.3g}" if math.isfinite(value) and "e" not in plain and 1e-4 <= abs(value) < 100 else plain


def how_much_lower(times: float) -> str:
    """Return in words how much lower a loss is than another that is so many times as high.

    Example:
        >>> how_much_lower(5.62), how_much_lower(46.3), how_much_lower(1.045)
        ('5.6x lower', '46x lower', '4.3 % lower')
    """
    if times < NOTABLE:
        return f"{numeral(100.0 * (1.0 - 1.0 / times), digits=2)} % lower"
    return f"{numeral(times, digits=2)}x lower"


def percent(share: float) -> str:
    """Return a share in whole per cent.

    Example:
        >>> percent(0.906), percent(0.0004), percent(0.0)
        ('91 %', 'less than 1 %', '0 %')
    """
    return f"{100 * share:.0f} %" if share >= 0.005 or not share else "less than 1 %"


def seconds_text(seconds: float) -> str:
    """Return a duration as people say it.

    Example:
        >>> seconds_text(5.39), seconds_text(75), seconds_text(7300)
        ('5.4 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{numeral(seconds, digits=2)} s"
    minutes, left = divmod(round(seconds), 60)
    return f"{minutes} min {left} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _bare(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


LONGEST = 120


def shown(value: object) -> str:
    """Return a value's text for a message: on one line, not too long.

    Example:
        >>> print(shown([1, 2]), shown(0.5), shown("x" * 1000)[-10:])
        [1, 2] 0.5 xxxxxxx...
    """
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python does not write out whole numbers of more than 4300 digits
        text = f"a very long {type(value).__name__}"
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
