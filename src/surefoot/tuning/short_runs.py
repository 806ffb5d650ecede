"""Short runs at constant rates: what they came to, and which rates are to be tried next.

Rates lie on one lattice for all tasks, lr / (1 - momentum) = 2^(place / 4) with whole places. What is tried depends on
where a ramp broke only as to where one begins: whatever its length, the refinement ends on the same places.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from surefoot.tuning.range_test import HIGHEST_EFFECTIVE, LOWEST_EFFECTIVE

PLACES_PER_OCTAVE = 4
# At first every factor of four, from four times the rate at which the ramp broke.
COARSE = 8
FIRST = 4
# Then two rates a round: 10 rates in all.
ROUNDS, A_ROUND = 3, 2
# Nothing is tried beyond the ramp.
TOP = math.floor(PLACES_PER_OCTAVE * math.log2(HIGHEST_EFFECTIVE))
BOTTOM = math.ceil(PLACES_PER_OCTAVE * math.log2(LOWEST_EFFECTIVE))
# As near as is asked for: to the limit a factor of sqrt(2), around the best rate and at the lower end one of 2.
LIMIT_GAP, BEST_GAP = 2, 4
# A rate is usable when its run gained at least this share of what the best one gained, and it holds at this share.
USABLE, HELD = 0.9, 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Short runs of one momentum at several rates, on the same luck.

    Attributes:
        places: On the lattice, ascending, R of them.
        gains: By how much each run lowered the loss ``[R, seeds]``; minus infinity where it diverged.
    """

    places: tuple[int, ...]
    gains: NDArray[np.float64]

    def merged(self, places: tuple[int, ...], gains: NDArray[np.float64]) -> Runs:
        """Return these runs and others together."""
        together = {**dict(zip(self.places, self.gains, strict=True)), **dict(zip(places, gains, strict=True))}
        ordered = sorted(together)
        return Runs(tuple(ordered), np.array([together[place] for place in ordered]))

    @property
    def mean(self) -> NDArray[np.float64]:
        """Gains averaged over seeds ``[R]``; minus infinity where a seed diverged."""
        mean: NDArray[np.float64] = self.gains.mean(axis=1)
        return mean


def rate_at(place: float) -> float:
    """Return lr / (1 - momentum) at a place of the lattice, or between two.

    Example:
        >>> rate_at(0), rate_at(4), rate_at(-8)
        (1.0, 2.0, 0.25)
    """
    return float(2.0 ** (place / PLACES_PER_OCTAVE))


def first_places(limit: float | None) -> tuple[int, ...]:
    """Return the places to begin with, a factor of four apart.

    Args:
        limit: lr / (1 - momentum) at which the ramp broke; ``None`` where it did not.

    Example:
        >>> [rate_at(place) for place in first_places(1.3)]
        [0.0625, 0.25, 1.0, 4.0]
    """
    near = TOP if limit is None else PLACES_PER_OCTAVE * math.log2(limit) + COARSE
    highest = min(TOP // COARSE, max(math.ceil(BOTTOM / COARSE) + FIRST - 1, round(near / COARSE)))
    return tuple(COARSE * (highest - number) for number in reversed(range(FIRST)))


def next_places(runs: Runs) -> tuple[int, ...]:
    """Return the places to try next, the most telling first; fewer than a round has where enough is known.

    The best rate and the limit are bracketed first; then the gaps at the limit, beside the best and at the lower end of
    the usable range are halved.

    Example:
        >>> runs = Runs((0, 8, 16, 24), np.array([[0.2], [1.0], [0.9], [-np.inf]]))
        >>> next_places(runs)  # between 16 and 24, where it breaks, and above the best
        (20, 12)
    """
    unseen = (place for place in dict.fromkeys(_wanted(runs)) if place not in runs.places and BOTTOM <= place <= TOP)
    return tuple(islice(unseen, A_ROUND))


def _wanted(runs: Runs) -> Iterator[int]:
    places, gains = runs.places, runs.mean
    best = int(np.argmax(gains))
    if not gains[best] > 0:  # nothing learned: everything broke, or the rates were too low
        yield from (places[0] - COARSE, places[-1] + COARSE)
        return
    broken = first_broken(gains)
    if broken is None:
        yield places[-1] + COARSE
    if best == 0:
        yield places[0] - COARSE
    at_limit = [] if broken is None else [broken]
    yield from _halved(places, at_limit, wider_than=BEST_GAP)
    yield from _halved(places, [step for step in (best + 1, best) if 0 < step < len(places)], wider_than=BEST_GAP)
    if any(first_broken(column) is None for column in runs.gains.T):  # a seed that holds where others broke
        yield places[-1] + COARSE
    yield from _halved(places, at_limit, wider_than=LIMIT_GAP)
    lowest = int(np.flatnonzero(gains >= USABLE * gains[best])[0])
    if lowest == 0:
        yield places[0] - COARSE
    yield from _halved(places, [lowest] if lowest else [], wider_than=BEST_GAP)


def _halved(places: tuple[int, ...], above: list[int], *, wider_than: int) -> Iterator[int]:
    """Yield the middle of the gap below each of some places, if it is wide."""
    for upper in above:
        if places[upper] - places[upper - 1] > wider_than:
            yield (places[upper] + places[upper - 1]) // 2


def first_broken(gains: NDArray[np.float64]) -> int | None:
    """Return the first rate above the best whose run gained next to nothing or lost, ``None`` where all hold.

    Example:
        >>> first_broken(np.array([0.3, 1.0, 0.8, 0.05, -np.inf]))
        3
    """
    best = int(np.argmax(gains))
    broken = np.flatnonzero(~(gains >= HELD * gains[best]))
    above = broken[broken > best]
    return int(above[0]) if len(above) else None


def crossing(runs: Runs, upper: int, level: float) -> float:
    """Return the place at which the mean gain crosses a level between two neighbours, on a straight line.

    Where one of them diverged there is no line: it is the one that did not.
    """
    one, two = runs.mean[upper - 1 : upper + 1]
    low, high = runs.places[upper - 1 : upper + 1]
    if not (math.isfinite(one) and math.isfinite(two)):
        return low if math.isfinite(one) else high
    return float(low + (level - one) / (two - one) * (high - low))
