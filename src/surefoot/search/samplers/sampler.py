"""What a sampler is: which points of the space are tried at the lowest rung."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from numpy.random import Generator

from surefoot.search.space.coordinates import Box, Point


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
