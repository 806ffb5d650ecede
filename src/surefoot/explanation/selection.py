"""Which learning rate is best, and how wide the range of good ones.

Rates a tenth of the best, and ten times it, as far as they were tried.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.core.formatting import numeral
from surefoot.explanation.experiment import STEPS_A_DECADE, Sweep

# A rate is good where training learns at least this share of what it learns at the best rate.
GOOD = 0.9
# Seeds on which a setting is chosen for another.
JUDGES = 2
# Settings whose mean log losses differ by less are as good as each other.
AS_GOOD = 0.02


def held_out_best(ends: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return for each seed the setting that is best on the two seeds after it.

    What is chosen on a seed and judged on it looks better than it is, the more settings there are to choose from. And
    were it chosen on *all* others, five seeds would nearly always agree on one setting, that five more would not have
    chosen: between them would be no trace of the luck of the choice, and intervals would be too narrow. Of settings
    as good as the best it is the middle one.

    Args:
        ends: Losses above 0 ``[settings, seeds]``.

    Returns:
        Places ``[seeds]``; with one seed, the best on it.

    Example:
        >>> held_out_best(np.array([[1.0, 1.0, 9.0], [2.0, 2.0, 2.0]])).tolist()
        [1, 1, 0]
    """
    logs, seeds = np.log(ends), ends.shape[1]
    others = [np.roll(logs, -shift, axis=1) for shift in range(1, min(seeds, 1 + JUDGES))]
    judges = np.mean(others, axis=0) if others else logs
    return np.array([_middle_of_lowest(column) for column in judges.T], dtype=np.int64)


def chosen(values: NDArray[np.float64], places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each seed's value ``[seeds, ...]`` of ``[settings, seeds, ...]`` at its place."""
    return values[places, np.arange(values.shape[1])]


def held_out_losses(ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return on each seed the loss of the setting that is best on the others ``[seeds]``."""
    return chosen(ends, held_out_best(ends))


def middle(ends: NDArray[np.float64]) -> int:
    """Return the place of the setting that is best over all seeds."""
    return _middle_of_lowest(np.log(ends).mean(axis=1))


def best_rates(rates: NDArray[np.float64], ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the best rate on each seed: the vertex of a parabola in log rate and log loss around the lowest.

    Args:
        rates: Ascending ``[R]``.
        ends: ``[R, seeds]``.

    Example:
        >>> rates = np.array([0.01, 0.1, 1.0])
        >>> best_rates(rates, np.array([[0.5], [0.1], [0.5]])).round(6).tolist()
        [0.1]
    """
    x, logs = np.log(rates), np.log(ends)
    return np.exp([_vertex(x, column) for column in logs.T])


def good_ranges(rates: NDArray[np.float64], ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return on each seed the rates between which training learns at least 90 % as much as at the best ``[2, seeds]``.

    Interpolated in log rate between the rates tried; a range that runs out of them ends there.

    Example:
        >>> rates = np.array([1e-3, 1e-2, 1e-1, 1.0])
        >>> good_ranges(rates, np.array([[1.0], [0.0], [0.0], [1.0]])).round(5).tolist()
        [[0.00794], [0.12589]]
    """
    x = np.log(rates)
    found = np.array([_range(x, column) for column in ends.T]).T
    return np.asarray(np.exp(found))


def _middle_of_lowest(logs: NDArray[np.float64]) -> int:
    """Return the middle one of the places that are as low as the lowest: where many are, the ends lie at the brink."""
    tied = np.flatnonzero(logs <= logs.min() + AS_GOOD)
    return int(tied[len(tied) // 2])


def _vertex(x: NDArray[np.float64], logs: NDArray[np.float64]) -> float:
    place = int(logs.argmin())
    if place in (0, len(x) - 1):
        return float(x[place])
    left, lowest, right = logs[place - 1 : place + 2]
    bend = left - 2.0 * lowest + right
    shift = 0.5 * (left - right) / bend if bend > 0 else 0.0
    return float(x[place] + shift * (x[place + 1] - x[place]))


def _range(x: NDArray[np.float64], ends: NDArray[np.float64]) -> tuple[float, float]:
    place = int(ends.argmin())
    allowed = 1.0 - GOOD * (1.0 - float(ends[place]))
    return _crossing(x, ends, allowed, range(place, -1, -1)), _crossing(x, ends, allowed, range(place, len(x)))


def _crossing(x: NDArray[np.float64], ends: NDArray[np.float64], allowed: float, places: range) -> float:
    """Return where the loss first exceeds what is allowed on the way through some places."""
    inside = places[0]
    for place in places[1:]:
        if ends[place] > allowed:
            share = (allowed - ends[inside]) / (ends[place] - ends[inside])
            return float(x[inside] + share * (x[place] - x[inside]))
        inside = place
    return float(x[inside])


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
