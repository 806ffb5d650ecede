"""Grid search: the lattice that people draw by hand."""

from __future__ import annotations

import itertools
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from surefoot.search.samplers.sampler import Sampler
from surefoot.search.space.sampling import Point


class Grid(Sampler):
    """As many points as asked for, evenly spaced; the first axis, the effective rate, has the most."""

    name: ClassVar[str] = "grid"

    def first(self, count: int, *, dimensions: int, generator: Generator) -> list[Point]:  # noqa: ARG002  (no chance)
        """Return the lattice's points.

        Example:
            >>> Grid().first(4, dimensions=2, generator=np.random.default_rng(0))
            [(0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)]
        """
        along = [1] * dimensions
        while (axis := _shortest(along, count)) is not None:
            along[axis] += 1
        return [*itertools.product(*(_middles(number) for number in along))]


def _shortest(along: list[int], count: int) -> int | None:
    """Return the axis with the fewest points that can have one more, the first of them; ``None`` where none can."""
    size = int(np.prod(along))
    fits = [axis for axis, number in enumerate(along) if size // number * (number + 1) <= count]
    return min(fits, key=lambda axis: (along[axis], axis), default=None)


def _middles(number: int) -> list[float]:
    return [(index + 0.5) / number for index in range(number)]
