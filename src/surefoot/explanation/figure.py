"""What a claim's figure shows, as data: drawn in :mod:`surefoot.plots`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from surefoot.surfaces.surface import Surface

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line with a value of each seed at each place.

    Attributes:
        name: In the legend.
        x: Places ``[X]``.
        y: Values ``[seeds, X]``.
    """

    name: str
    x: Array
    y: Array


@dataclass(frozen=True, slots=True, eq=False)
class Courses:
    """Training losses over steps, as shares of the loss of standing still."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Ends:
    """Where trainings end, over their learning rate.

    Attributes:
        title: What is seen.
        lines: One for each kind.
        x_title: What the rate is.
        good: Rates between which each line is good, by its name: low and high.
    """

    title: str
    lines: tuple[Line, ...]
    x_title: str = "learning rate"
    good: tuple[tuple[str, float, float], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """How many times the lowest loss each setting ends at.

    Attributes:
        title: What is seen.
        rates: Learning rates ``[R]``.
        momenta: ``[M]``.
        factors: ``[M, R]``, at least 1.
        marked: Learning rates that the claim speaks of, with their names.
    """

    title: str
    rates: Array
    momenta: tuple[float, ...]
    factors: Array
    marked: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Ranges:
    """Largest stable learning rates.

    Attributes:
        title: What is seen.
        rows: Name, momentum, and the rate on each seed.
    """

    title: str
    rows: tuple[tuple[str, str, Array], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Ways:
    """The ways of balls on a landscape.

    Attributes:
        title: What is seen.
        surface: Where.
        ways: Each with its name, positions ``[steps + 1, D]``.
    """

    title: str
    surface: Surface
    ways: tuple[tuple[str, Array], ...]


Figure: TypeAlias = Courses | Ends | Plane | Ranges | Ways
