"""Selection of the best learning rate, the range of good ones, and rates a given factor away from the best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.core.formatting import format_number
from surefoot.explanation.experiment_results import RATES_PER_DECADE, Sweep

# A rate is good if training learns at least this share of what it learns with the best rate.
GOOD_RATE_SHARE = 0.9
# Number of other seeds that the best setting for a seed is selected on.
SELECTION_SEEDS = 2
# Settings whose mean log losses differ by less than this are tied. Settled on digits and wine.
TIED_LOG_LOSS = 0.02
# Words for common ratios of learning rates on a grid of quarter decades.
RATIO_WORDS = {0.1: "a tenth of", 0.32: "a third of", 3.2: "3.2 times", 10.0: "ten times"}


def best_on_other_seeds(final_losses: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return for each seed the setting that is best on the next two seeds.

    A setting that is selected and evaluated on the same seed looks better than it is, the more so the more settings
    there are. If it were selected on *all* other seeds, five seeds would nearly always agree on one setting, which five
    new seeds would not select: the seeds would not show the variance of the selection, and intervals would be too
    narrow. Of tied settings it is the middle one.

    Args:
        final_losses: Losses above 0, shape ``[settings, seeds]``.

    Returns:
        Index of a setting for each seed, shape ``[seeds]``; with a single seed, the best on it.

    Example:
        >>> best_on_other_seeds(np.array([[1.0, 1.0, 9.0], [2.0, 2.0, 2.0]])).tolist()
        [1, 1, 0]
    """
    logs, seeds = np.log(final_losses), final_losses.shape[1]
    others = [np.roll(logs, -shift, axis=1) for shift in range(1, min(seeds, 1 + SELECTION_SEEDS))]
    means = np.mean(others, axis=0) if others else logs
    return np.array([_middle_of_lowest(column) for column in means.T], dtype=np.int64)


def take_per_seed(values: NDArray[np.float64], indices: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the value of each seed at its own setting.

    Args:
        values: Shape ``[settings, seeds, ...]``.
        indices: Index of a setting for each seed, shape ``[seeds]``.

    Returns:
        Shape ``[seeds, ...]``.
    """
    return values[indices, np.arange(values.shape[1])]


def selected_losses(final_losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the loss on each seed of the setting that is best on other seeds, shape ``[seeds]``."""
    return take_per_seed(final_losses, best_on_other_seeds(final_losses))


def best_overall(final_losses: NDArray[np.float64]) -> int:
    """Return the index of the setting that is best on average over all seeds."""
    return _middle_of_lowest(np.log(final_losses).mean(axis=1))


def best_rates(rates: NDArray[np.float64], final_losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the best learning rate on each seed: the vertex of a parabola in log rate and log loss.

    The parabola goes through the lowest loss and its two neighbours.

    Args:
        rates: Learning rates, ascending, shape ``[R]``.
        final_losses: Losses, shape ``[R, seeds]``.

    Example:
        >>> rates = np.array([0.01, 0.1, 1.0])
        >>> best_rates(rates, np.array([[0.5], [0.1], [0.5]])).round(6).tolist()
        [0.1]
    """
    log_rates, log_losses = np.log(rates), np.log(final_losses)
    return np.exp([_parabola_vertex(log_rates, column) for column in log_losses.T])


def good_rate_ranges(rates: NDArray[np.float64], final_losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the lowest and highest good learning rate on each seed, shape ``[2, seeds]``.

    Between them training learns at least 90 % of what it learns with the best rate. The bounds are interpolated in log
    rate, and lie within the rates that were tried.

    Args:
        rates: Learning rates, ascending, shape ``[R]``.
        final_losses: Relative losses, shape ``[R, seeds]``.

    Example:
        >>> rates = np.array([1e-3, 1e-2, 1e-1, 1.0])
        >>> good_rate_ranges(rates, np.array([[1.0], [0.0], [0.0], [1.0]])).round(5).tolist()
        [[0.00794], [0.12589]]
    """
    log_rates = np.log(rates)
    log_ranges = np.array([_good_range(log_rates, column) for column in final_losses.T]).T
    return np.asarray(np.exp(log_ranges))


@dataclass(frozen=True, slots=True, eq=False)
class NeighbourRate:
    """A learning rate some grid steps above or below the best one.

    Attributes:
        ratio: Its ratio to the best rate in words: ``ten times``, or less if no higher rate was tried.
        indices: Index of the rate for each seed, counted from the best rate on other seeds, shape ``[seeds]``.
        index: Index of the rate, counted from the best rate over all seeds.
    """

    ratio: str
    indices: NDArray[np.int64]
    index: int


def neighbour_rate(sweep: Sweep, grid_steps: int) -> NeighbourRate:
    """Return the rate some grid steps away from the best one, or the last rate of the sweep in that direction.

    Args:
        sweep: Trainings with several learning rates.
        grid_steps: Number of quarter decades above the best rate; negative for below.
    """
    best, last = best_overall(sweep.final_losses), len(sweep.rates) - 1
    index = min(max(best + grid_steps, 0), last)
    indices = np.clip(best_on_other_seeds(sweep.final_losses) + grid_steps, 0, last)
    return NeighbourRate(ratio_in_words(sweep.rates, index, reference=best), indices, index)


def tenth_of_best_rate(sweep: Sweep) -> NeighbourRate:
    """Return a tenth of the best rate."""
    return neighbour_rate(sweep, -RATES_PER_DECADE)


def ten_times_best_rate(sweep: Sweep) -> NeighbourRate:
    """Return ten times the best rate."""
    return neighbour_rate(sweep, RATES_PER_DECADE)


def ratio_in_words(rates: NDArray[np.float64], index: int, *, reference: int) -> str:
    """Return the ratio of two learning rates in words, to be followed by the name of the reference rate.

    Args:
        rates: Learning rates.
        index: Index of the rate to divide.
        reference: Index of the rate to divide by.

    Example:
        >>> ratio_in_words(np.array([0.1, 1.0]), 1, reference=0), ratio_in_words(np.array([0.01, 0.5]), 1, reference=0)
        ('ten times', '50 times')
    """
    ratio = float(rates[index] / rates[reference])
    common = next((words for value, words in RATIO_WORDS.items() if abs(ratio / value - 1.0) < 0.03), None)
    return common or f"{format_number(ratio, digits=2)} times"


def _middle_of_lowest(log_losses: NDArray[np.float64]) -> int:
    """Return the middle index of all that tie for the lowest: the highest of many tied rates is close to diverging."""
    tied = np.flatnonzero(log_losses <= log_losses.min() + TIED_LOG_LOSS)
    return int(tied[len(tied) // 2])


def _parabola_vertex(log_rates: NDArray[np.float64], log_losses: NDArray[np.float64]) -> float:
    index = int(log_losses.argmin())
    if index in (0, len(log_rates) - 1):
        return float(log_rates[index])
    left, lowest, right = log_losses[index - 1 : index + 2]
    curvature = left - 2.0 * lowest + right
    shift = 0.5 * (left - right) / curvature if curvature > 0 else 0.0
    return float(log_rates[index] + shift * (log_rates[index + 1] - log_rates[index]))


def _good_range(log_rates: NDArray[np.float64], losses: NDArray[np.float64]) -> tuple[float, float]:
    best = int(losses.argmin())
    allowed = 1.0 - GOOD_RATE_SHARE * (1.0 - float(losses[best]))
    below, above = range(best, -1, -1), range(best, len(log_rates))
    return (
        _crossing(log_rates, losses, allowed=allowed, indices=below),
        _crossing(log_rates, losses, allowed=allowed, indices=above),
    )


def _crossing(log_rates: NDArray[np.float64], losses: NDArray[np.float64], *, allowed: float, indices: range) -> float:
    """Return the log rate at which the loss first exceeds what is allowed, going through the indices in order."""
    inside = indices[0]
    for index in indices[1:]:
        if losses[index] > allowed:
            share = (allowed - losses[inside]) / (losses[index] - losses[inside])
            return float(log_rates[inside] + share * (log_rates[index] - log_rates[inside]))
        inside = index
    return float(log_rates[inside])
