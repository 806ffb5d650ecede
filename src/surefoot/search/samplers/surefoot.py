"""surefoot's own strategy: evenly spread points first, then Optuna's TPE around those that held."""

from __future__ import annotations

from typing import ClassVar

from numpy.random import Generator

from surefoot.search.space import Point, spread
from surefoot.search.samplers.optuna_samplers import TPE


class Surefoot(TPE):
    """A scrambled Sobol sequence, refined by the multivariate TPE; ADR 0009 has what it was measured against."""

    name: ClassVar[str] = "surefoot"
    smooths: ClassVar[bool] = True

    def first(self, count: int, *, dimensions: int, generator: Generator) -> list[Point]:
        """Return evenly spread points."""
        return spread(count, dimensions=dimensions, generator=generator)
