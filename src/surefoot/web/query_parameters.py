"""Query parameters of a request: each is checked against its bounds, and all faults are reported at once."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import TypeVar

from surefoot.core.errors import QueryError
from surefoot.core.formatting import short_repr

# Longer texts are not parsed as numbers: Python would take long for very long ones.
MAX_NUMBER_CHARACTERS, MAX_INTEGER_CHARACTERS = 39, 11

Default = TypeVar("Default", float, None)


class Query:
    """Reads query parameters; after the last one call :meth:`raise_if_invalid`.

    Every method returns the default where the parameter is missing or invalid, and notes the fault.

    Args:
        parameters: Texts by name.

    Example:
        >>> query = Query({"steps": "1e9", "seed": "x"})
        >>> query.integer("steps", 200, low=1, high=100), query.integer("seed", 0, low=0, high=9)
        (200, 0)
        >>> query.raise_if_invalid()
        Traceback (most recent call last):
        surefoot.core.errors.QueryError: steps must be an integer from 1 to 100, given '1e9'; seed must be an ...
    """

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._parameters = parameters
        self._faults: list[str] = []

    def number(self, name: str, default: Default, *, low: float, high: float) -> float | Default:
        """Return a number from ``low`` to ``high``."""
        text = self._parameters.get(name)
        if text is None:
            return default
        value = _float(text)
        if low <= value <= high:
            return value
        self._faults.append(f"{name} must be a number from {low:g} to {high:g}, given {short_repr(text)}")
        return default

    def integer(self, name: str, default: int, *, low: int, high: int) -> int:
        """Return an integer from ``low`` to ``high``."""
        text = self._parameters.get(name)
        if text is None:
            return default
        is_integer = text.isascii() and text.isdecimal() and len(text) <= MAX_INTEGER_CHARACTERS
        if is_integer and low <= int(text) <= high:
            return int(text)
        self._faults.append(f"{name} must be an integer from {low} to {high}, given {short_repr(text)}")
        return default

    def choice(self, name: str, default: str, *, allowed: Collection[str]) -> str:
        """Return one of the allowed texts."""
        text = self._parameters.get(name, default)
        if text in allowed:
            return text
        self._faults.append(f"{name} must be one of {', '.join(allowed)}, given {short_repr(text)}")
        return default

    def text(self, name: str, default: str, *, max_length: int) -> str:
        """Return a text of at most ``max_length`` characters."""
        text = self._parameters.get(name, default)
        if len(text) <= max_length:
            return text
        self._faults.append(f"{name} must have at most {max_length} characters, given {len(text)}")
        return default

    def point(self, name: str, *, dimensions: int, max_size: float) -> tuple[float, ...] | None:
        """Return the coordinates of a point, given with commas between them; ``None`` where it is missing."""
        text = self._parameters.get(name)
        if text is None:
            return None
        values = tuple(map(_float, text.split(",", dimensions)))
        if len(values) == dimensions and all(abs(value) <= max_size for value in values):
            return values
        count = "1 number" if dimensions == 1 else f"{dimensions} numbers with commas between them"
        self._faults.append(f"{name} must be {count}, from {-max_size:g} to {max_size:g}, given {short_repr(text)}")
        return None

    def raise_if_invalid(self) -> None:
        """Raise an error if any parameter that was read is invalid.

        Raises:
            QueryError: Names every fault, in one line.
        """
        if self._faults:
            raise QueryError(f"{'; '.join(self._faults)}.")


def _float(text: str) -> float:
    """Return a number, NaN if the text is none."""
    try:
        return float(text) if len(text) <= MAX_NUMBER_CHARACTERS else math.nan
    except ValueError:
        return math.nan
