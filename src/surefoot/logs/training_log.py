"""A training log, a few quantities over steps, and what a reader of one log format is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surefoot.logs.names import QUANTITIES, Quantity

# A larger float64 was infinite in the training itself, which counts in float32.
MAX_FLOAT32 = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Values of one quantity over ascending steps; values of NaN and inf were logged as such.

    Attributes:
        steps: Steps, each once, int64 ``[n]``.
        values: Values, float64 ``[n]``.
    """

    steps: NDArray[np.int64]
    values: NDArray[np.float64]

    @classmethod
    def of(cls, points: Iterable[tuple[int, float]]) -> Series:
        """Return the series of points (step, value) in the order in which they were logged.

        Where a step was logged again, as after a restart from a checkpoint, the later value counts.

        Example:
            >>> Series.of([(1, 0.9), (2, 0.7), (1, 0.8)]).values.tolist()
            [0.8, 0.7]
        """
        rows = [*points]
        return cls.from_arrays(
            np.array([step for step, _ in rows], dtype=np.int64), np.array([value for _, value in rows])
        )

    @classmethod
    def from_arrays(cls, steps: NDArray[np.int64], values: NDArray[np.float64]) -> Series:
        """Return the series of steps and values ``[n]`` in the order in which they were logged."""
        steps, values = np.asarray(steps, dtype=np.int64), np.asarray(values, dtype=np.float64)
        counts = last_attempt(steps)
        steps, values = steps[counts], values[counts]
        # np.unique keeps the first of equal steps: in reversed order that is the one logged last.
        ascending, last = np.unique(steps[::-1], return_index=True)
        return cls(ascending, values[::-1][last])

    @classmethod
    def from_maybe_unnumbered(cls, steps: NDArray[np.int64], values: NDArray[np.float64]) -> Series:
        """Return the series of points that may have no step numbers: where all have the same one, they are counted.

        Example:
            >>> Series.from_maybe_unnumbered(np.array([0, 0, 0]), np.array([0.9, 0.7, 0.6])).steps.tolist()
            [0, 1, 2]
        """
        is_unnumbered = len(steps) > 2 and bool((steps == steps[0]).all())
        return cls.from_arrays(np.arange(len(steps)) if is_unnumbered else steps, values)

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def diverged_at(self) -> int | None:
        """First step of the NaN or inf values at the end; ``None`` where the last value is finite in float32.

        Example:
            >>> [Series.of(enumerate(values)).diverged_at for values in ((1.0, np.nan, np.nan), (1.0, np.nan, 0.9))]
            [1, None]
        """
        finite = np.flatnonzero(_is_finite_in_float32(self.values))
        first = int(finite[-1]) + 1 if len(finite) else 0
        return int(self.steps[first]) if first < len(self) else None

    def finite(self) -> Series:
        """Return the series without the values that are NaN or inf in float32."""
        is_finite = _is_finite_in_float32(self.values)
        return self if is_finite.all() else Series(self.steps[is_finite], self.values[is_finite])


@dataclass(frozen=True, slots=True, eq=False)
class TrainingLog:
    """The log of one training; every log format is read as one of these.

    Attributes:
        source: Path that was read.
        train: Training loss; ``None``, as each of the following, where the log lacks it.
        valid: Validation loss.
        lr: Learning rate.
        momentum: Momentum, or beta1.
        grad_norm: Norm of the gradient.
        names: Name of each quantity in the log.
        notes: What the user should know: damaged bytes and points, and other columns that could have been meant.
    """

    source: str
    train: Series | None = None
    valid: Series | None = None
    lr: Series | None = None
    momentum: Series | None = None
    grad_norm: Series | None = None
    names: Mapping[Quantity, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def quantities(self) -> Iterator[tuple[Quantity, Series]]:
        """Yield the quantities that the log has."""
        for quantity in QUANTITIES:
            series = getattr(self, quantity)
            if series is not None:
                yield quantity, series

    @property
    def last_step(self) -> int:
        """Last step of any quantity."""
        return max(int(series.steps[-1]) for _, series in self.quantities())


def last_attempt(steps: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which of the steps ``[n]``, in the order of logging, count after restarts of the training.

    A training was started again where the steps go back, and go on within what was logged before: what an earlier
    attempt logged of the same and later steps does not count. A single step out of order is no restart.

    Example:
        >>> last_attempt(np.array([1, 2, 3, 4, 2, 3])).tolist()
        [True, False, False, False, True, True]
    """
    counts = np.ones(len(steps), dtype=np.bool_)
    if len(steps) < 2 or (np.diff(steps) >= 0).all():
        return counts
    reached = int(steps[0])
    for index in range(1, len(steps)):
        step = int(steps[index])
        if step < reached and index + 1 < len(steps) and steps[index + 1] <= reached:
            counts[:index] &= steps[:index] < step
            reached = step
        reached = max(reached, step)
    return counts


def _is_finite_in_float32(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    is_finite: NDArray[np.bool_] = np.abs(values) <= MAX_FLOAT32
    return is_finite


@dataclass(slots=True)
class LogContents:
    """Everything in a log.

    Attributes:
        series: Each series by its name in the log.
        notes: What the user should know of it.
    """

    series: dict[str, Series]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LogReader:
    """The reader of one log format: the registry entry of the format.

    Plugins register one as an entry point of the group ``surefoot.log_readers``.

    Attributes:
        name: Name of the format.
        about: What the format is, in a few words.
        patterns: Patterns of the files in a folder that are such logs, the most telling first.
        accepts: Returns whether a file is in this format; called for existing files, it must be quick.
        read: Reads a file; raises :class:`~surefoot.core.errors.LogError` if it is damaged or holds no numbers.
    """

    name: str
    about: str
    patterns: tuple[str, ...]
    accepts: Callable[[Path], bool]
    read: Callable[[Path], LogContents]


def damage_notes(lines: int) -> list[str]:
    """Return the note on lines that were damaged, where there are any."""
    return [f"{lines} damaged line{'s' if lines > 1 else ''} left out"] if lines else []
