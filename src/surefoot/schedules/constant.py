"""A value that never changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from surefoot.schedules.scanner import number_text
from surefoot.schedules.schedule import Array, Schedule, Span


@dataclass(frozen=True, slots=True)
class Constant(Schedule):
    """The same value throughout: ``value(t) = peak``.

    Example:
        >>> Constant(0.1).value(7, total=10)
        0.1
    """

    name: ClassVar[str] = "constant"
    searched: ClassVar[bool] = True
    peak: float

    def over(self, steps: Array, span: Span) -> Array:  # noqa: ARG002  (the same at every step)
        """Return the constant, shape of ``steps``."""
        return np.full_like(steps, self.peak)

    def code(self, span: Span, begin: float) -> Iterator[str]:  # noqa: ARG002  (the same at every step)
        """Yield the lines of source text that return the value at ``step``; see :meth:`Schedule.code`."""
        yield f"return {number_text(self.peak)}"
