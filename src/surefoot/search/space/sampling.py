"""Points of the unit cube: evenly spread, or drawn around another."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch
from numpy.random import Generator

Point: TypeAlias = tuple[float, ...]
Box: TypeAlias = tuple[tuple[float, float], ...]


def spread(count: int, *, dimensions: int, generator: Generator) -> list[Point]:
    """Return points that cover the unit cube evenly: a scrambled Sobol sequence.

    Reference:
        Owen (1998), "Scrambling Sobol' and Niederreiter-Xing points".
    """
    from torch.quasirandom import SobolEngine  # noqa: PLC0415  (SciPy's takes half a second to load)

    engine = SobolEngine(dimensions, scramble=True, seed=int(generator.integers(2**31)))  # type: ignore[no-untyped-call]
    return [tuple(row) for row in engine.draw(count, dtype=torch.float64).tolist()]


def near(point: Point, *, width: float, box: Box, generator: Generator) -> Point:
    """Return a point drawn around another, normally distributed, reflected at the walls of a box."""
    low, high = np.array(box).T
    drawn = np.array(point) + width * generator.standard_normal(len(point))
    size = high - low
    folded = np.abs((drawn - low) / size) % 2.0
    return tuple((low + size * np.where(folded > 1.0, 2.0 - folded, folded)).tolist())
