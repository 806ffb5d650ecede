"""What a claim's figure shows, as data: drawn in :mod:`surefoot.plots`.

Lines of figures from sweeps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from surefoot.core.formatting import numeral
from surefoot.explanation.experiment import Sweep
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


# As many points as a line shows.
POINTS = 110


def rate_name(sweep: Sweep, place: int) -> str:
    """Return what a training is called: its kind and its learning rate."""
    return f"{sweep.kind.name}, {lr_name(sweep, place)}"


def lr_name(sweep: Sweep, place: int) -> str:
    """Return what a training is called among others of its kind: its learning rate."""
    return f"lr {numeral(float(sweep.rates[place]))}"


def course_line(sweep: Sweep, place: int, name: str) -> Line:
    """Return the course of one training on all seeds, thinned."""
    steps = sweep.courses.shape[-1]
    shown = np.unique(np.linspace(0, steps - 1, min(steps, POINTS)).round().astype(np.int64))
    return Line(name, shown.astype(np.float64) + 1.0, sweep.courses[place][:, shown])


def end_line(sweep: Sweep, *, name: str | None = None, effective: bool = False, valid: bool = False) -> Line:
    """Return where trainings end on all seeds, over their learning rate or over lr / (1 - momentum)."""
    x = sweep.kind.effective(sweep.rates) if effective else sweep.rates
    ends = sweep.valid_ends if valid else sweep.ends
    return Line(name or sweep.kind.name, x, ends.T)
