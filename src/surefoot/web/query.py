"""The numbers and names in an address: each is bounded, and all that is wrong is said at once."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import TypeVar

from surefoot.core.errors import QueryError
from surefoot.core.formatting import shown

Default = TypeVar("Default", float, None)


class Query:
    """What was asked; read it with the methods, then :meth:`settle`.

    Args:
        given: Names and texts.

    Example:
        >>> query = Query({"steps": "1e9", "seed": "x"})
        >>> query.whole("steps", 200, low=1, high=100), query.whole("seed", 0, low=0, high=9)
        (200, 0)
        >>> query.settle()
        Traceback (most recent call last):
        surefoot.core.errors.QueryError: steps is a whole number from 1 to 100, given '1e9'; seed is a whole number ...
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self._faults: list[str] = []

    def number(self, name: str, default: Default, *, low: float, high: float) -> float | Default:
        """Return a number from ``low`` to ``high``, or the default where it is not given."""
        text = self._given.get(name)
        if text is None:
            return default
        value = _float(text)
        if low <= value <= high:
            return value
        self._faults.append(f"{name} is a number from {low:g} to {high:g}, given {shown(text)}")
        return default

    def whole(self, name: str, default: int, *, low: int, high: int) -> int:
        """Return a whole number from ``low`` to ``high``."""
        text = self._given.get(name)
        if text is None:
            return default
        if text.isascii() and text.isdecimal() and len(text) < 12 and low <= int(text) <= high:
            return int(text)
        self._faults.append(f"{name} is a whole number from {low} to {high}, given {shown(text)}")
        return default

    def name(self, name: str, default: str, known: Collection[str]) -> str:
        """Return one of some known names."""
        text = self._given.get(name, default)
        if text in known:
            return text
        self._faults.append(f"{name} is one of {', '.join(known)}, given {shown(text)}")
        return default

    def text(self, name: str, default: str, *, longest: int) -> str:
        """Return a text that is not too long."""
        text = self._given.get(name, default)
        if len(text) <= longest:
            return text
        self._faults.append(f"{name} has at most {longest} characters, given {len(text)}")
        return default

    def place(self, name: str, *, dimensions: int, largest: float) -> tuple[float, ...] | None:
        """Return numbers joined by commas, ``None`` where they are not given."""
        text = self._given.get(name)
        if text is None:
            return None
        values = tuple(map(_float, text.split(",", dimensions)))
        if len(values) == dimensions and all(abs(value) <= largest for value in values):
            return values
        self._faults.append(f"{name} is {dimensions} numbers up to {largest:g}, given {shown(text)}")
        return None

    def settle(self) -> None:
        """Refuse a query in which anything is wrong.

        Raises:
            QueryError: All of it, in one line.
        """
        if self._faults:
            raise QueryError(f"{'; '.join(self._faults)}.")


def _float(text: str) -> float:
    try:
        return float(text) if len(text) < 40 else math.nan
    except ValueError:
        return math.nan
