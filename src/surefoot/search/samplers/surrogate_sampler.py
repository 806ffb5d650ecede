"""surefoot's own sampler: evenly spread points first; the engine proposes the others by expected improvement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from numpy.random import Generator

from surefoot.search.samplers.sampler import Tried
from surefoot.search.space import Box, Point, spread


class SurrogateSampler:
    """A scrambled Sobol sequence, then the points where the surrogate expects most improvement.

    The engine, which has the surrogate, makes the later proposals itself (:mod:`surefoot.search.proposal`).
    """

    name: ClassVar[str] = "surefoot"

    def first(self, count: int, *, dimensions: int, generator: Generator) -> list[Point]:
        """Return evenly spread points."""
        return spread(count, dimensions=dimensions, generator=generator)

    def more(
        self,
        count: int,  # noqa: ARG002
        tried: Sequence[Tried],  # noqa: ARG002
        *,
        box: Box,  # noqa: ARG002
        generator: Generator,  # noqa: ARG002
    ) -> list[Point]:
        """Return none: the engine proposes."""
        return []
