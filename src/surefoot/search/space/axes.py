"""One searched setting: the map between the unit interval and its values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

Name: TypeAlias = Literal[
    "rate", "memory", "optimizer", "schedule", "nesterov", "warmup", "final", "weight_decay", "clip"
]


@dataclass(frozen=True, slots=True)
class Axis:
    """A number between two bounds, evenly spaced in itself or in its logarithm.

    Attributes:
        name: The setting.
        low, high: Its values at 0 and 1; the map goes on beyond them.
        logarithmic: Whether equal steps are equal factors.

    Example:
        >>> Axis("clip", 0.1, 10.0, logarithmic=True).value(0.5), Axis("final", 0.0, 0.2).unit(0.05)
        (1.0, 0.25)
    """

    name: Name
    low: float
    high: float
    logarithmic: bool = False

    def value(self, unit: float) -> float:
        """Return the value at a coordinate."""
        if self.logarithmic:
            return float(self.low * (self.high / self.low) ** unit)
        return self.low + (self.high - self.low) * unit

    def unit(self, value: float) -> float:
        """Return the coordinate of a value; the inverse of :meth:`value`."""
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several things; each has an equal part of the unit interval.

    Example:
        >>> Choice("optimizer", ("sgd", "adam")).value(0.7), Choice("optimizer", ("sgd", "adam")).unit("sgd")
        ('adam', 0.25)
    """

    name: Name
    options: tuple[str, ...]

    def value(self, unit: float) -> str:
        """Return the thing at a coordinate."""
        return self.options[min(max(int(unit * len(self.options)), 0), len(self.options) - 1)]

    def unit(self, value: str) -> float:
        """Return the middle of a thing's part."""
        return (self.options.index(value) + 0.5) / len(self.options)
