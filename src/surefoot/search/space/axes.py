"""Axes of a search space: the values of one hyperparameter or choice, on the unit interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from surefoot.optimizers import RULES

Array: TypeAlias = NDArray[np.float64]
Scale: TypeAlias = Literal["linear", "log", "memory"]
# Hyperparameters that average over 1 / (1 - value) steps are searched on the memory scale, those that may be 0 on the
# linear one, and all others on the logarithmic one.
AVERAGING_HYPERPARAMETERS = ("beta2", "alpha", "rho")
HYPERPARAMETERS_FROM_ZERO = ("dampening", "momentum_decay", "beta2_decay", "lr_decay", "initial_accumulator")
# Hyperparameters that are fields of a search space; the further ones are entries of its field ``hyper``.
OWN_FIELDS = ("lr", "momentum", "beta1", "weight_decay")


def further_hyperparameters() -> tuple[str, ...]:
    """Return the hyperparameters of all optimizers that are no fields of a search space."""
    names = dict.fromkeys(spec.name for rule in RULES.values() for spec in rule.hyperparameters)
    return tuple(name for name in names if name not in OWN_FIELDS)


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from ``low`` to ``high``; if the two are equal, that number alone."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:g}" if self.fixed else f"[{self.low:g}, {self.high:g}]"

    @property
    def fixed(self) -> bool:
        """Whether it is a single number, with nothing to search."""
        return self.low == self.high

    @classmethod
    def of(cls, value: Any) -> Range:
        """Return the range of a number, a pair of numbers, or a range.

        Raises:
            ValueError: If the value is none of these; the message says what is allowed.

        Example:
            >>> Range.of([0.5, 0.9]), Range.of(0.9).fixed
            (Range(low=0.5, high=0.9), True)
        """
        if isinstance(value, Range):
            return value
        values = [*value] if isinstance(value, list | tuple) else [value, value]
        numbers = [each for each in values if isinstance(each, int | float) and not isinstance(each, bool)]
        if len(values) != 2 or len(numbers) != 2 or not all(map(math.isfinite, numbers)) or numbers[0] > numbers[1]:
            raise ValueError(f"a number, or [low, high] with low <= high; given {value!r}")
        return cls(float(numbers[0]), float(numbers[1]))


@dataclass(frozen=True, slots=True)
class Axis:
    """A number between two bounds, spaced evenly on some scale.

    Attributes:
        name: Name of the hyperparameter.
        low, high: Values at the coordinates 0 and 1; coordinates beyond these are extrapolated.
        scale: ``linear``: equal steps are equal differences. ``log``: equal steps are equal factors. ``memory``: equal
            steps are equal factors of 1 / (1 - value), the number of steps over which a momentum or a beta averages.

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
        """Return the value at a coordinate of the unit interval."""
        return float(self.values(np.float64(unit)))

    def values(self, units: Array | np.float64) -> Array | np.float64:
        """Return the values at some coordinates, in their shape."""
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
    """One of several options, each with an equal part of the unit interval.

    Attributes:
        name: Name of the choice, such as ``optimizer``.
        options: The options in order.

    Example:
        >>> Choice("optimizer", ("sgd", "adam")).value(0.7), Choice("optimizer", ("sgd", "adam")).unit("sgd")
        ('adam', 0.25)
    """

    name: str
    options: tuple[str, ...]

    def value(self, unit: float) -> str:
        """Return the option at a coordinate of the unit interval."""
        return self.options[min(max(int(unit * len(self.options)), 0), len(self.options) - 1)]

    def unit(self, value: str) -> float:
        """Return the coordinate in the middle of an option's part."""
        return (self.options.index(value) + 0.5) / len(self.options)


def range_axis(name: str, bounds: Range, *, scale: Scale = "linear") -> Axis | None:
    """Return the axis of a range, ``None`` if it is a single number."""
    return None if bounds.fixed else Axis(name, bounds.low, bounds.high, scale)


def choice_axis(name: str, options: tuple[str, ...]) -> Choice | None:
    """Return the axis of some options, ``None`` if there is only one."""
    return Choice(name, options) if len(options) > 1 else None


def scale_of(hyperparameter: str) -> Scale:
    """Return the scale on which a hyperparameter is searched.

    Example:
        >>> scale_of("beta2"), scale_of("eps"), scale_of("dampening")
        ('memory', 'log', 'linear')
    """
    if hyperparameter in AVERAGING_HYPERPARAMETERS:
        return "memory"
    return "linear" if hyperparameter in HYPERPARAMETERS_FROM_ZERO else "log"
