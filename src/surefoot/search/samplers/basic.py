"""What a sampler is: which points of the space are tried at the lowest rung.

Random search: every point independent of all others.

Grid search: the lattice that people draw by hand.

surefoot's own sampler: evenly spread points first; the engine proposes the others by expected improvement.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.random import Generator

from surefoot.search.space.coordinates import Box, Point, spread


@dataclass(frozen=True, slots=True)
class Tried:
    """A point with what came of it.

    Attributes:
        point: In the unit cube, or beyond it.
        value: Its loss on the scale on which noise is even; as bad as the worst where it diverged.
    """

    point: Point
    value: float


class Sampler(Protocol):
    """Draws points of the unit cube: the first ones, and more when some were tried.

    A sampler holds no state: what it draws depends on its arguments alone, so that a search that was interrupted goes
    through the same points again.

    """

    @property
    def name(self) -> str:
        """What it is called on the command line."""
        ...

    def first(self, count: int, *, dimensions: int, generator: Generator) -> list[Point]:
        """Return the first points."""
        ...

    def more(self, count: int, tried: Sequence[Tried], *, box: Box, generator: Generator) -> list[Point]:  # noqa: ARG002
        """Return more points within a box, given what was tried; none where the sampler draws no more."""
        return []


class RandomSearch(Sampler):
    """Uniform points of the unit cube.

    Reference:
        Bergstra & Bengio (2012), "Random search for hyper-parameter optimization".
    """

    name: ClassVar[str] = "random"

    def first(self, count: int, *, dimensions: int, generator: Generator) -> list[Point]:
        """Return uniform points."""
        return [tuple(row) for row in generator.random((count, dimensions)).tolist()]

    def more(
        self,
        count: int,
        tried: Sequence[Tried],  # noqa: ARG002
        *,
        box: Box,
        generator: Generator,
    ) -> list[Point]:
        """Return uniform points of the box."""
        low, high = np.array(box).T
        return [tuple(row) for row in generator.uniform(low, high, size=(count, len(box))).tolist()]


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


class SurrogateSampler(Sampler):
    """A scrambled Sobol sequence, then the points where the surrogate expects most improvement.

    The engine, which has the surrogate, makes the later proposals itself (:mod:`surefoot.search.proposal`).
    """

    name: ClassVar[str] = "surefoot"

    def first(self, count: int, *, dimensions: int, generator: Generator) -> list[Point]:
        """Return evenly spread points."""
        return spread(count, dimensions=dimensions, generator=generator)
