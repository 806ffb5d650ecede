"""Rates a tenth of the best, and ten times it, as far as they were tried."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.explanation.choice import held_out_best, middle
from surefoot.explanation.survey import STEPS_A_DECADE, Sweep
from surefoot.numerals import numeral

WORDS = {0.1: "a tenth of", 0.32: "a third of", 3.2: "3.2 times", 10.0: "ten times"}


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """A place beside the best rate.

    Attributes:
        words: How far: ``ten times``, or less where higher rates were not tried.
        places: Beside the best of the other seeds, for each seed ``[seeds]``.
        place: Beside the best over all.
    """

    words: str
    places: NDArray[np.int64]
    place: int


def beside(sweep: Sweep, steps: int) -> Beside:
    """Return the place so many grid steps above the best rate, or below; the last that was tried where there is none.

    Args:
        sweep: The trainings.
        steps: Quarter decades; negative below.
    """
    best, last = middle(sweep.ends), len(sweep.rates) - 1
    place = min(max(best + steps, 0), last)
    places = np.clip(held_out_best(sweep.ends) + steps, 0, last)
    return Beside(how_far(sweep.rates, best, place), places, place)


def tenth(sweep: Sweep) -> Beside:
    """Return the place at a tenth of the best rate."""
    return beside(sweep, -STEPS_A_DECADE)


def tenfold(sweep: Sweep) -> Beside:
    """Return the place at ten times the best rate."""
    return beside(sweep, STEPS_A_DECADE)


def how_far(rates: NDArray[np.float64], origin: int, place: int) -> str:
    """Return in words how many times a rate is another.

    Example:
        >>> how_far(np.array([0.0316, 0.1, 1.0, 2.0]), 1, 2), how_far(np.array([0.01, 0.5]), 0, 1)
        ('ten times', '50 times')
    """
    ratio = float(rates[place] / rates[origin])
    known = next((words for value, words in WORDS.items() if abs(ratio / value - 1.0) < 0.03), None)
    return known or f"{numeral(ratio, digits=2)} times"
