"""Random search: every point independent of all others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from surefoot.search.samplers.sampler import Sampler, Tried
from surefoot.search.space.sampling import Box, Point


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
