"""A Range: the numbers that a setting may take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from ``low`` to ``high``; where the two are equal, that number alone."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:g}" if self.fixed else f"[{self.low:g}, {self.high:g}]"

    @property
    def fixed(self) -> bool:
        """Whether there is nothing to search."""
        return self.low == self.high

    @classmethod
    def of(cls, given: Any) -> Range:
        """Return a range from a number or from two.

        Raises:
            ValueError: If it is neither.

        Example:
            >>> Range.of([0.5, 0.9]), Range.of(0.9).fixed
            (Range(low=0.5, high=0.9), True)
        """
        if isinstance(given, Range):
            return given
        values = [*given] if isinstance(given, list | tuple) else [given, given]
        numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
        if len(values) != 2 or len(numbers) != 2 or not all(map(math.isfinite, numbers)) or numbers[0] > numbers[1]:
            raise ValueError(f"a number, or [low, high] with low <= high; given {given!r}")
        return cls(float(numbers[0]), float(numbers[1]))
