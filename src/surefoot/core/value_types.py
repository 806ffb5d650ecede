"""Small types that many rooms share: JSON data, intervals and scores."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import TypeAlias

# Seeds are handed to the generators of NumPy and torch: the largest that both take.
MAX_SEED = 2**32 - 1

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed interval ``[low, high]``, with ``low <= high``.

    Example:
        >>> 0.3 in Interval(0.1, 0.5)
        True
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"an interval needs low <= high; given {self.low} and {self.high}")

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Score:
    """Mean of a recipe's losses on several seeds, with its 90 % interval.

    Attributes:
        mean: Mean loss; ``inf`` where a seed diverged.
        low, high: Bounds of the two-sided 90 % Student-t interval of the mean.
        seeds: Number of seeds.
    """

    mean: float
    low: float
    high: float
    seeds: int


def finite_or_none(value: float | None) -> float | None:
    """Return a number for JSON: ``None`` for NaN and inf, which JSON does not have.

    Example:
        >>> finite_or_none(0.5), finite_or_none(math.inf)
        (0.5, None)
    """
    return value if value is not None and math.isfinite(value) else None


def is_seed(value: object) -> bool:
    """Return whether a value is a whole number that all generators take as a seed; truth values are none.

    Example:
        >>> is_seed(3), is_seed(-1), is_seed(True), is_seed("3")
        (True, False, False, False)
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        return False
    return 0 <= operator.index(value) <= MAX_SEED
