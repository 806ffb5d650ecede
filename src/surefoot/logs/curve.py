"""One logged quantity: values over steps.

What is known of one training from its log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from surefoot.logs.names import QUANTITIES, Quantity

# A double may still hold what in the training's own numbers was infinite.
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Values of one quantity, by ascending step; a value that is not finite was logged as such.

    Attributes:
        steps: ``[n]`` int64, each once.
        values: ``[n]`` float64.
    """

    steps: NDArray[np.int64]
    values: NDArray[np.float64]

    @classmethod
    def of(cls, points: Iterable[tuple[int, float]]) -> Series:
        """Return the series of points in the order in which they were logged.

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
        # np.unique keeps the first of equals: reversed, that is the one logged last.
        ascending, last = np.unique(np.asarray(steps, dtype=np.int64)[::-1], return_index=True)
        return cls(ascending, np.asarray(values, dtype=np.float64)[::-1][last])

    @classmethod
    def counted(cls, steps: NDArray[np.int64], values: NDArray[np.float64]) -> Series:
        """Return the series of points whose writer may have given no steps: then all have one, and their order counts.

        Example:
            >>> Series.counted(np.array([0, 0, 0]), np.array([0.9, 0.7, 0.6])).steps.tolist()
            [0, 1, 2]
        """
        without = len(steps) > 2 and bool((steps == steps[0]).all())
        return cls.from_arrays(np.arange(len(steps)) if without else steps, values)

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def diverged_at(self) -> int | None:
        """The first step from which on no value is a number, or one that float32 holds; ``None`` if the last one is.

        Example:
            >>> [Series.of(enumerate(values)).diverged_at for values in ((1.0, np.nan, np.nan), (1.0, np.nan, 0.9))]
            [1, None]
        """
        good = np.flatnonzero(_held(self.values))
        first = int(good[-1]) + 1 if len(good) else 0
        return int(self.steps[first]) if first < len(self) else None

    def kept(self) -> Series:
        """Return the series without the values that are no number, or beyond all that float32 holds."""
        held = _held(self.values)
        return self if held.all() else Series(self.steps[held], self.values[held])


def _held(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which values float32 holds as numbers ``[n]``."""
    held: NDArray[np.bool_] = np.abs(values) <= LARGEST
    return held


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One training as its log tells it; every log format becomes one of these.

    Attributes:
        source: Where it was read.
        train: Training loss.
        valid: Validation loss.
        lr: Learning rate.
        momentum: Momentum, or beta1.
        grad_norm: Norm of the gradient.
        names: What the log calls each of them.
        notes: What a reader should know: bytes and points that were lost, other columns that could have been meant.
    """

    source: str
    train: Series | None = None
    valid: Series | None = None
    lr: Series | None = None
    momentum: Series | None = None
    grad_norm: Series | None = None
    names: Mapping[Quantity, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def known(self) -> Iterator[tuple[Quantity, Series]]:
        """Yield the quantities that the log has."""
        for quantity in QUANTITIES:
            series = getattr(self, quantity)
            if series is not None:
                yield quantity, series

    @property
    def last_step(self) -> int:
        """The last step of all."""
        return max(int(series.steps[-1]) for _, series in self.known())
