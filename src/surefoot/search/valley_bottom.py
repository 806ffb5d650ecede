"""The bottom of a valley in log rate: which rates to try on the way to it, and where it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# How far apart in octaves the rates beside the best are tried, and how many more at once beyond an edge.
STEP, BEYOND = 0.5, 2


@dataclass(frozen=True, slots=True)
class Bottom:
    """Where a valley is lowest, as far as it is known.

    Attributes:
        place: In octaves.
        width: What is not told apart, in octaves: the step between places, and how far equal ones reach.
        at_edge: Whether it lies on the edge of what was tried: then it is only a bound.
    """

    place: float
    width: float
    at_edge: bool


def bottom(octaves: Sequence[float], costs: NDArray[np.float64]) -> Bottom | None:
    """Return where a parabola through the best of some places and its two neighbours is lowest.

    With a, b, c the costs at the best place x less l, at x, and at x plus r::

        x + (r² (a - b) - l² (c - b)) / (2 (r (a - b) + l (c - b)))

    A cost that is not finite counts as the worst that is: a rate that diverges is bad, how bad says nothing. Where
    several places are equally good, as accuracies are, it is the middle between them.

    Args:
        octaves: Places, ascending, at least two.
        costs: What is minimised at each.

    Returns:
        At most half way to a neighbour; ``None`` where no cost is finite.

    Example:
        >>> bottom([-1, 0, 1, 2], np.array([9.25, 2.25, 0.25, 1.25]))
        Bottom(place=1.1666666666666667, width=1.0, at_edge=False)
    """
    best = _best(costs)
    if best is None:
        return None
    first, last = best
    at_edge = first == 0 or last == len(octaves) - 1
    gaps = np.diff(
        [octaves[max(first - 1, 0)], octaves[first], octaves[last], octaves[min(last + 1, len(octaves) - 1)]]
    )
    left, equal, right = gaps.tolist()
    width = equal + (max(left, right) if at_edge else (left + right) / 2.0)
    place = (octaves[first] + octaves[last]) / 2.0
    if first == last and not at_edge:
        bounded = np.where(np.isfinite(costs), costs, costs[np.isfinite(costs)].max())
        below, above = bounded[first - 1] - bounded[first], bounded[first + 1] - bounded[first]
        bend = right * below + left * above
        place += float((right**2 * below - left**2 * above) / (2.0 * bend)) if bend > 0 else 0.0
    return Bottom(place, width, at_edge)


def next_octaves(octaves: Sequence[float], costs: NDArray[np.float64]) -> tuple[float, ...]:
    """Return which rates to try next.

    Args:
        octaves: The rates tried, ascending.
        costs: What is minimised ``[rates, seeds]``, infinite where it diverged.

    Returns:
        Rates beyond an edge where some seed's best lies on it (the lower edge where all diverged), or else those half
        way between a seed's best and its neighbours; none where all of that has been tried.

    Example:
        >>> next_octaves([-1.0, 0.0, 1.0], np.array([[3.0], [2.0], [1.0]]))
        (2.0, 3.0)
        >>> next_octaves([-1.0, 0.0, 1.0], np.array([[3.0], [1.0], [2.0]]))
        (-0.5, 0.5)
    """
    ends = [_best(column) or (0, 0) for column in costs.T]
    top = len(octaves) - 1
    below = [octaves[0] - number for number in range(BEYOND, 0, -1) if min(first for first, _ in ends) == 0]
    above = [octaves[top] + number for number in range(1, BEYOND + 1) if max(last for _, last in ends) == top]
    if below or above:
        return (*below, *above)
    gaps = sorted({gap for first, last in ends for gap in (first - 1, last)})
    return tuple(octaves[gap] + STEP for gap in gaps if octaves[gap + 1] - octaves[gap] > STEP)


def _best(costs: NDArray[np.float64]) -> tuple[int, int] | None:
    """Return the first and the last of the places that are as good as the best, ``None`` where none is finite."""
    if not np.isfinite(costs).any():
        return None
    equal = np.flatnonzero(costs == costs[np.isfinite(costs)].min())
    return int(equal[0]), int(equal[-1])
