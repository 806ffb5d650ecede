"""Small types that many rooms share: JSON data, intervals and scores."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

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
