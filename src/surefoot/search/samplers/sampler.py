"""What a strategy is: which points are tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

from numpy.random import Generator

from surefoot.tuning.rungs import Verdict
from surefoot.search.space import Box, Point


class Strategy(Protocol):
    """Draws points of the unit cube: the first ones, and more when some have been judged.

    A strategy holds no state: what it draws depends on its arguments alone, so that a search that was broken off is
    gone through again from its record.

    Attributes:
        name: As on the command line.
        refines: Whether later points depend on earlier ones; where they do not, all are drawn at once.
        smooths: Whether the lowest point of the surface through all judgements is confirmed as well.
    """

    name: ClassVar[str]
    refines: ClassVar[bool]
    smooths: ClassVar[bool]

    def first(self, count: int, *, dimensions: int, generator: Generator) -> list[Point]:
        """Return the first points."""
        ...

    def more(self, count: int, verdicts: Sequence[Sequence[Verdict]], *, box: Box, generator: Generator) -> list[Point]:
        """Return more points within a box, given all judgements so far by rung."""
        ...
