"""What a claim's figure shows, as data: drawn in :mod:`surefoot.plots`.

Lines of figures from sweeps.

An effect, measured on several seeds, and what it says of a claim.

A claim of the textbook, judged on a network.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from surefoot.core.formatting import numeral
from surefoot.core.statistics import half_width
from surefoot.core.values import Json
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


Verdict: TypeAlias = Literal["holds", "does not hold here", "too close to call"]
Side: TypeAlias = Literal["at least", "at most"]
HOLDS: Verdict = "holds"
FAILS: Verdict = "does not hold here"
CLOSE: Verdict = "too close to call"


@dataclass(frozen=True, slots=True)
class Number:
    """A positive number measured on several seeds, with its 90 % interval in logarithms.

    Attributes:
        name: What it is.
        mean: Geometric mean over seeds.
        low, high: 90 % interval of it.
        unit: ``x`` for a factor, another word, or nothing.

    Example:
        >>> str(Number("how many times the steps", 3.0, 2.5, 3.61, "x"))
        '3x (2.5 to 3.61)'
    """

    name: str
    mean: float
    low: float
    high: float
    unit: str = ""

    @classmethod
    def of(
        cls,
        name: str,
        values: Sequence[float] | NDArray[np.float64],
        *,
        unit: str = "",
        resolution: float = 1.0,
        readings: int = 1,
    ) -> Number:
        """Return the number for some seeds' values.

        Args:
            name: What it is.
            values: Above 0, one for each seed.
            unit: Of them.
            resolution: Factor between neighbouring values that could be told apart; half of it widens the interval.
            readings: From how many values read off so each is made, as a ratio is of two; their errors add up by the
                root of how many there are.
        """
        logs = np.log(np.asarray(values, dtype=np.float64))
        mean, half = float(logs.mean()), math.hypot(half_width(logs), 0.5 * math.sqrt(readings) * math.log(resolution))
        return cls(name, math.exp(mean), _exp(mean - half), _exp(mean + half), unit)

    @property
    def bounds(self) -> str:
        """The interval in words."""
        known = math.isfinite(self.high)
        return f"{numeral(self.low)} to {numeral(self.high)}" if known else "interval not known"

    def __str__(self) -> str:
        shown = numeral(self.mean) + ("x" if self.unit == "x" else f" {self.unit}" if self.unit else "")
        return f"{shown} ({self.bounds})"

    def to_json(self) -> dict[str, Json]:
        """Return it as JSON; bounds that are not known are null."""
        low, high = (None, None) if math.isinf(self.high) else (self.low, self.high)
        return {"name": self.name, "mean": self.mean, "low": low, "high": high, "unit": self.unit}


@dataclass(frozen=True, slots=True)
class Effect:
    """A factor that a claim foretells to be at least, or at most, of some size.

    Attributes:
        number: As it was measured.
        side: Which of the two.
        notable: The size; at least 1.
    """

    number: Number
    side: Side = "at least"
    notable: float = 1.0

    @property
    def verdict(self) -> Verdict:
        """What it says of its claim.

        *At least*: it holds where the mean is of notable size and the interval wholly above 1; it does not where the
        interval excludes the notable size. *At most* is the other way round.

        Example:
            >>> Effect(Number("steps", 3.0, 2.5, 3.6), notable=1.2).verdict
            'holds'
            >>> Effect(Number("steps", 1.05, 0.9, 1.15), notable=1.2).verdict
            'does not hold here'
            >>> Effect(Number("steps", 1.3, 0.9, 1.7), notable=1.2).verdict
            'too close to call'
        """
        large = self.number.low > 1.0 and self.number.mean >= self.notable
        small = self.number.high < self.notable
        if self.side == "at least":
            return HOLDS if large else FAILS if small else CLOSE
        return HOLDS if small else FAILS if large else CLOSE

    def to_json(self) -> dict[str, Json]:
        """Return it as JSON."""
        return {**self.number.to_json(), "foretold": f"{self.side} {self.notable:g}", "verdict": self.verdict}


def judge(effects: Sequence[Effect]) -> Verdict:
    """Return the verdict on a claim of several parts: it holds where all do, and does not where one does not.

    Example:
        >>> sure, unsure = Effect(Number("", 2.0, 1.5, 2.5)), Effect(Number("", 1.1, 0.9, 1.4))
        >>> judge([sure, sure]), judge([sure, unsure])
        ('holds', 'too close to call')
    """
    verdicts = {effect.verdict for effect in effects}
    return FAILS if FAILS in verdicts else CLOSE if CLOSE in verdicts else HOLDS


def _exp(log: float) -> float:
    return math.exp(log) if log < math.log(1e300) else math.inf


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """What the textbook says, and what the network says to it.

    Attributes:
        title: The claim.
        effects: What it foretells, and what was measured: the verdict follows from these alone.
        sentence: What was found, in words.
        figure: To be seen with it.
        numbers: What else was measured.
        name: What ``--claim`` calls it.
    """

    title: str
    effects: tuple[Effect, ...]
    sentence: str
    figure: Figure
    numbers: tuple[Number, ...] = ()
    name: str = ""

    @property
    def verdict(self) -> Verdict:
        """Holds, does not hold here, or too close to call."""
        return judge(self.effects)

    def to_json(self) -> dict[str, Json]:
        """Return it as JSON, without the figure."""
        return {
            "name": self.name,
            "title": self.title,
            "verdict": self.verdict,
            "sentence": self.sentence,
            "effects": [effect.to_json() for effect in self.effects],
            "numbers": [number.to_json() for number in self.numbers],
        }
