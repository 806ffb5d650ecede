"""What a schedule is: a pure function of the training step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from surefoot.errors import RecipeError
from surefoot.schedules.fields import KINDS, fields_of, kinds_of, settled
from surefoot.schedules.length import Length
from surefoot.schedules.shown import shown

Array: TypeAlias = NDArray[np.float64]

AMPLITUDES = ("peak", "final", "start", "low")


@dataclass(frozen=True, slots=True)
class Span:
    """The stretch of a training that a schedule runs over.

    Attributes:
        steps: Length of the stretch itself.
        training: Length of the whole training; percentages are of this, also inside a part of it.
    """

    steps: float
    training: int


class Schedule(ABC):
    """A value for every step of a training; frozen, hashable, free of state.

    ``value(step, total)`` needs the step's number alone, so a training resumes anywhere. Steps before the
    first take the first step's value and steps past the end that of step number ``total``.

    A kind of schedule is a frozen dataclass that defines ``over`` and, where some numbers are not allowed, ``faults``.
    """

    __slots__ = ()
    name: ClassVar[str]

    def __post_init__(self) -> None:
        """Bring every field to its kind.

        Raises:
            RecipeError: All that is wrong with the schedule, at once.
        """
        broken = [*self._settle()] or [*self.faults()]
        if broken:
            given = ", ".join(f"{field.name}={_text(getattr(self, field.name))}" for field in fields_of(type(self)))
            raise RecipeError(f"{self.name}: {'; '.join(broken)}; given {given}.")

    def value(self, step: int, total: int) -> float:
        """Return the value used by optimizer step number ``step`` (the first is 0) of ``total``.

        Raises:
            RecipeError: If ``total`` is below 1.

        Example:
            >>> from surefoot.schedules import Linear
            >>> Linear(1.0, final=0.0).value(25, total=100)
            0.75
        """
        return float(self.values(np.array([step]), total)[0])

    def values(self, steps: NDArray[np.int64], total: int) -> Array:
        """Return the values at many steps at once, shape of ``steps``.

        Raises:
            RecipeError: If ``total`` is below 1.
        """
        if isinstance(total, bool) or not isinstance(total, (int, np.integer)) or total < 1:
            raise RecipeError(f"a training has a whole number of steps, at least 1; given {shown(total)}.")
        with np.errstate(over="ignore", invalid="ignore"):  # a rate that grows without end is data: inf
            return self.over(np.clip(steps, 0, total).astype(np.float64), Span(float(total), int(total)))

    @abstractmethod
    def over(self, steps: Array, span: Span) -> Array:
        """Return the values at ``steps``, counted from the beginning of ``span``."""

    def faults(self) -> Iterator[str]:
        """Yield what is wrong with the schedule's numbers, each in words: nothing, unless a kind says more."""
        return iter(())

    def amplitudes(self) -> Iterator[float]:
        """Yield every number that bounds the schedule's values: its peak, its start, its final value."""
        for field in fields_of(type(self)):
            value = getattr(self, field.name)
            if field.name in AMPLITUDES and value is not None:
                yield value

    @property
    def highest(self) -> float:
        """The largest of the numbers it is made of: its peak.

        Example:
            >>> from surefoot.schedules import Cosine, Length, Warmup
            >>> Warmup(Cosine(0.3), Length(10)).highest
            0.3
        """
        return max(self.amplitudes())

    def _settle(self) -> Iterator[str]:
        kinds = kinds_of(type(self))
        for field in fields_of(type(self)):
            value = getattr(self, field.name)
            if value is None and field.default is None:
                continue
            try:
                object.__setattr__(self, field.name, settled(kinds[field.name], value))
            except RecipeError:
                yield f"{field.name} must be {KINDS[kinds[field.name]]}"


def _text(value: object) -> str:
    """Return how a message shows a field."""
    if isinstance(value, tuple):
        return "+".join(map(_text, value))
    return str(value) if isinstance(value, Length) else value.name if isinstance(value, Schedule) else shown(value)
