"""surefoot's own sampler: evenly spread points first; the engine proposes the others by expected improvement."""

from __future__ import annotations

from typing import ClassVar

from numpy.random import Generator

from surefoot.search.samplers.sampler import Sampler
from surefoot.search.space.sampling import Point, spread


class SurrogateSampler(Sampler):
    """A scrambled Sobol sequence, then the points where the surrogate expects most improvement.

    The engine, which has the surrogate, makes the later proposals itself (:mod:`surefoot.search.proposal`).
    """

    name: ClassVar[str] = "surefoot"

    def first(self, count: int, *, dimensions: int, generator: Generator) -> list[Point]:
        """Return evenly spread points."""
        return spread(count, dimensions=dimensions, generator=generator)
