"""Pieces of Python source text that the kinds of schedule are written with."""

from __future__ import annotations

import math

from surefoot.schedules.scanner import number_text


def since(begin: float, *, of: str = "step") -> str:
    """Return the time since a step, ready to be multiplied or divided.

    Args:
        begin: The step.
        of: Name of the variable that holds the time.

    Example:
        >>> since(0), since(10)
        ('step', '(step - 10)')
    """
    return of if begin == 0 else f"({shifted(-begin, of=of)})"


def shifted(by: float, *, of: str = "step") -> str:
    """Return a variable plus or minus a number.

    Example:
        >>> shifted(-10), shifted(2.5, of="time")
        ('step - 10', 'time + 2.5')
    """
    return of if by == 0 else f"{of} {'+' if by > 0 else '-'} {number_text(math.fabs(by))}"


def between(low: float, high: float, share: str) -> str:
    """Return ``low + (high - low) * share``, shortened where ``low`` is 0 or both are equal.

    Example:
        >>> between(0.0, 0.3, "x"), between(0.1, 0.3, "x")
        ('0.3 * x', '0.1 + (0.3 - 0.1) * x')
    """
    if low == 0:
        return f"{number_text(high)} * {share}"
    if high == low:
        return number_text(low)
    return f"{number_text(low)} + ({number_text(high)} - {number_text(low)}) * {share}"


def half_cosine_text(progress: str) -> str:
    """Return half a cosine, which falls from 1 to 0 while ``progress`` rises from 0 to 1."""
    return f"(1 + math.cos(math.pi * {progress})) / 2"
