"""One searched setting: the map between the unit interval and its values.

On which scale a search spreads each hyperparameter of the optimizers.

What a search may vary beside rate, momentum, optimizer and schedule: a setting's axis, and its place in a recipe.

"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from surefoot.optimizers import RULES


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


Array: TypeAlias = NDArray[np.float64]
Scale: TypeAlias = Literal["linear", "log", "memory"]


@dataclass(frozen=True, slots=True)
class Axis:
    """A number between two bounds, evenly spaced on a scale of its own.

    Attributes:
        name: The setting.
        low, high: Its values at 0 and 1; the map goes on beyond them.
        scale: ``linear``: equal steps are equal differences. ``log``: they are equal factors. ``memory``: they are
            equal factors of 1 / (1 - value), the steps over which a momentum or a beta averages.

    Example:
        >>> Axis("clip", 0.1, 10.0, "log").value(0.5), Axis("final", 0.0, 0.2).unit(0.05)
        (1.0, 0.25)
        >>> round(Axis("momentum", 0.0, 0.99, "memory").value(0.5), 9)
        0.9
    """

    name: str
    low: float
    high: float
    scale: Scale = "linear"

    def value(self, unit: float) -> float:
        """Return the value at a coordinate."""
        return float(self.values(np.float64(unit)))

    def values(self, units: Array | np.float64) -> Array | np.float64:
        """Return the values at some coordinates."""
        if self.scale == "linear":
            return self.low + (self.high - self.low) * units
        if self.scale == "log":
            return self.low * (self.high / self.low) ** units
        return 1.0 - (1.0 - self.low) * ((1.0 - self.high) / (1.0 - self.low)) ** units

    def unit(self, value: float) -> float:
        """Return the coordinate of a value; the inverse of :meth:`value`."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        return (self._scaled(value) - low) / (high - low)

    def _scaled(self, value: float) -> float:
        if self.scale == "log":
            return math.log(value)
        return -math.log1p(-value) if self.scale == "memory" else value


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several things; each has an equal part of the unit interval.

    Example:
        >>> Choice("optimizer", ("sgd", "adam")).value(0.7), Choice("optimizer", ("sgd", "adam")).unit("sgd")
        ('adam', 0.25)
    """

    name: str
    options: tuple[str, ...]

    def value(self, unit: float) -> str:
        """Return the thing at a coordinate."""
        return self.options[min(max(int(unit * len(self.options)), 0), len(self.options) - 1)]

    def unit(self, value: str) -> float:
        """Return the middle of a thing's part."""
        return (self.options.index(value) + 0.5) / len(self.options)


def axis_over(name: str, found: Range, scale: Scale = "linear") -> Axis | None:
    """Return the axis of a range, ``None`` where it is one number."""
    return None if found.fixed else Axis(name, found.low, found.high, scale)


def choice_of(name: str, options: tuple[str, ...]) -> Choice | None:
    """Return the axis of some options, ``None`` where there is one."""
    return Choice(name, options) if len(options) > 1 else None


# Hyperparameters that average over 1 / (1 - value) steps, and those that may be 0; the others are tried by factors.
AVERAGING = ("beta2", "alpha", "rho")
FROM_ZERO = ("dampening", "momentum_decay", "beta2_decay", "lr_decay", "initial_accumulator")
# What has an axis or a field of its own in a search space.
NAMED = ("lr", "momentum", "beta1", "weight_decay")
HYPER = tuple(dict.fromkeys(spec.name for rule in RULES.values() for spec in rule.hyperparameters))
OTHER_HYPER = tuple(name for name in HYPER if name not in NAMED)


def scale_of(hyperparameter: str) -> Scale:
    """Return the scale on which a hyperparameter is searched.

    Example:
        >>> scale_of("beta2"), scale_of("eps"), scale_of("dampening")
        ('memory', 'log', 'linear')
    """
    if hyperparameter in AVERAGING:
        return "memory"
    return "linear" if hyperparameter in FROM_ZERO else "log"
