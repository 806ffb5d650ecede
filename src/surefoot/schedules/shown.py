"""How messages show what somebody gave."""

from __future__ import annotations

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
