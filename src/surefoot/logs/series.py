"""One logged quantity: values over steps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
