"""The losses of a training so far, in bounded memory: means of blocks of steps, and the last ones as they are.

How often a loss that had come down rose again by itself, by more than its noise.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

# At so many blocks two become one: between half and all of them are there.
MOST_BLOCKS = 256
RECENT = 128
HEAD = 5


@dataclass(slots=True)
class Losses:
    """The losses so far.

    Attributes:
        first: The first loss that is a number.
        head: The first few losses that are numbers.
        count: How many there were: the number of the next step.
        block: Steps in each full block.
        means: Mean finite loss of every full block, NaN where there was none, since the last :meth:`restart`.
        recent: The last losses, the newest last.
        lost_at: First step of the losses that were not finite, if the last one was not.

    Example:
        >>> losses = Losses()
        >>> losses.add([2.0, 1.5, math.inf, math.nan])
        >>> losses.first, losses.lost_at, losses.means
        (2.0, 2, [2.0, 1.5, nan, nan])
    """

    first: float | None = None
    head: list[float] = field(default_factory=list)
    count: int = 0
    block: int = 1
    means: list[float] = field(default_factory=list)
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    lost_at: int | None = None
    _open: list[float] = field(default_factory=list)

    def add(self, losses: Iterable[float]) -> None:
        """Take in the losses of further steps, in their order."""
        for loss in losses:
            if math.isfinite(loss):
                self.lost_at = None
                self.first = loss if self.first is None else self.first
                if len(self.head) < HEAD:
                    self.head.append(loss)
            elif self.lost_at is None:
                self.lost_at = self.count
            self.count += 1
            self.recent.append(loss)
            self._open.append(loss)
            if len(self._open) >= self.block:
                self._close()

    @property
    def start(self) -> float | None:
        """Where the loss began: the first loss or the mean of the first few, for one batch alone may be an easy one."""
        return max(self.first, math.fsum(self.head) / len(self.head)) if self.first is not None and self.head else None

    def last(self, steps: int) -> NDArray[np.float64]:
        """Return the finite ones among the last so many losses, at most ``RECENT``."""
        found = np.array([*self.recent][-steps:], dtype=np.float64)
        return found[np.isfinite(found)]

    def curve(self) -> NDArray[np.float64]:
        """Return the means of the blocks that have one."""
        found = np.array(self.means, dtype=np.float64)
        return found[np.isfinite(found)]

    def lowest_at(self) -> int:
        """Return the step with which the lowest block begins; the next step where there is none."""
        if not len(self.curve()):
            return self.count
        return self._begin + int(np.nanargmin(self.means)) * self.block

    def course(self) -> list[tuple[float, float]]:
        """Return the middle step of every block that has a mean, with the mean.

        Example:
            >>> losses = Losses(block=2)
            >>> losses.add([4.0, 3.0, 2.0, 1.0])
            >>> losses.course()
            [(0.5, 3.5), (2.5, 1.5)]
        """
        middles = (self._begin + (place + 0.5) * self.block - 0.5 for place in range(len(self.means)))
        return [(step, mean) for step, mean in zip(middles, self.means, strict=True) if math.isfinite(mean)]

    @property
    def _begin(self) -> int:
        """The step with which the first block begins."""
        return self.count - len(self._open) - len(self.means) * self.block

    def restart(self) -> None:
        """Forget all but the first loss and the count: what follows is another training."""
        self.block, self.means, self._open = 1, [], []
        self.recent.clear()

    def state(self) -> dict[str, Any]:
        """Return it as plain numbers and lists."""
        return {
            "first": self.first,
            "head": list(self.head),
            "count": self.count,
            "block": self.block,
            "means": list(self.means),
            "recent": list(self.recent),
            "lost_at": self.lost_at,
            "open": list(self._open),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Losses:
        """Return what :meth:`state` was taken of."""
        recent = deque(state["recent"], maxlen=RECENT)
        kept = {name: state[name] for name in ("first", "count", "block", "lost_at")}
        return cls(
            **kept, head=list(state["head"]), means=list(state["means"]), recent=recent, _open=list(state["open"])
        )

    def _close(self) -> None:
        self.means.append(_mean(self._open))
        self._open = []
        if len(self.means) >= MOST_BLOCKS:
            self.means = [_mean(self.means[place : place + 2]) for place in range(0, MOST_BLOCKS, 2)]
            self.block *= 2


def _mean(values: list[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return math.fsum(finite) / len(finite) if finite else math.nan


# The curve is looked at in so many parts, coarsely and finely: noise shows in one of them, a relapse in both.
PARTS = (12, 24)
# Blocks in a part, at least.
FEWEST = 5
# What counts as a rise: so many standard errors, and so much of the loss.
ERRORS, RISE = 4.0, 0.15


def relapses(curve: NDArray[np.float64]) -> int:
    """Return how often the loss rose, however finely one looks.

    Args:
        curve: Losses, or means of blocks of them.

    Example:
        >>> falls = np.linspace(2.0, 0.5, 100)
        >>> relapses(falls), relapses(np.concatenate([falls, falls[::-1]]))
        (0, 1)
    """
    return min(_rises(curve, parts) if len(curve) >= FEWEST * parts else 0 for parts in PARTS)


def _rises(curve: NDArray[np.float64], parts: int) -> int:
    """Count the rises from a lowest part to a later one; after each the loss has to come down before the next."""
    count, turned, up = 0, 0, False
    size = len(curve) // parts
    table = curve[-size * parts :].reshape(parts, size)
    means, errors = table.mean(axis=1).tolist(), (table.std(axis=1) / size**0.5).tolist()
    for place in range(1, parts):
        change = means[place] - means[turned]
        noise = ERRORS * math.hypot(errors[place], errors[turned])
        if change > 0.0 if up else change < 0.0:  # it goes on as it went: a new highest or lowest part
            turned = place
        elif up and -change > noise:
            turned, up = place, False
        elif not up and change > max(noise, RISE * abs(means[turned])):
            count, turned, up = count + 1, place, True
    return count
