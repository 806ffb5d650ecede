"""What a schedule is: a pure function of the training step; and pieces of the source text it is written as."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import Field, dataclass, fields
from functools import cache
from typing import Any, ClassVar, Literal, TypeAlias, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray

from surefoot.core.errors import RecipeError
from surefoot.core.formatting import short_repr
from surefoot.schedules.length import Length
from surefoot.schedules.scanner import number_text


def since(begin: float, *, of: str = "step") -> str:
    """Return the time since a step, ready to be multiplied or divided.

    Args:
        begin: The step.
        of: Name of the variable that holds the time.

    Example:
        >>> since(0), since(10)
        ('step', '(step - 10)')
    """
    return of if begin == 0 else f"({shifted(-begin, of=of)})"


def shifted(by: float, *, of: str = "step") -> str:
    """Return a variable plus or minus a number.

    Example:
        >>> shifted(-10), shifted(2.5, of="time")
        ('step - 10', 'time + 2.5')
    """
    return of if by == 0 else f"{of} {'+' if by > 0 else '-'} {number_text(math.fabs(by))}"


def between(low: float, high: float, share: str) -> str:
    """Return ``low + (high - low) * share``, shortened where ``low`` is 0 or both are equal.

    Example:
        >>> between(0.0, 0.3, "x"), between(0.1, 0.3, "x")
        ('0.3 * x', '0.1 + (0.3 - 0.1) * x')
    """
    if low == 0:
        return f"{number_text(high)} * {share}"
    if high == low:
        return number_text(low)
    return f"{number_text(low)} + ({number_text(high)} - {number_text(low)}) * {share}"


def half_cosine_text(progress: str) -> str:
    """Return half a cosine, which falls from 1 to 0 while ``progress`` rises from 0 to 1."""
    return f"(1 + math.cos(math.pi * {progress})) / 2"


FieldKind: TypeAlias = Literal["number", "length", "lengths", "other"]

# What a fault says that a field of the kind must be.
FIELD_KINDS: dict[FieldKind, str] = {
    "number": "a finite number",
    "length": "a length, as 500 (steps) or 5%",
    "lengths": "lengths, as 500 (steps) or 50%+75%",
    "other": "what it is said to be",
}


@cache
def fields_of(schedule: type) -> tuple[Field[Any], ...]:
    """Return the dataclass fields of a kind of schedule."""
    return fields(schedule)


@cache
def kinds_of(schedule: type) -> dict[str, FieldKind]:
    """Return the kind of each field, read from its type.

    Example:
        >>> from surefoot.schedules.triangular import Triangular
        >>> kinds_of(Triangular)["peak"], kinds_of(Triangular)["down"]
        ('number', 'length')
    """
    hints = get_type_hints(schedule)
    return {field.name: _kind(hints[field.name]) for field in fields_of(schedule)}


def coerced(kind: FieldKind, value: Any) -> Any:
    """Return the value of a field as its kind is stored: a float, a Length, a tuple.

    Raises:
        RecipeError: If it is not of that kind.
    """
    if kind == "number":
        return finite_number(value)
    if kind == "length":
        return Length.of(value)
    if kind == "lengths":
        if isinstance(value, str):
            value = value.split("+")
        return tuple(Length.of(length) for length in (value if isinstance(value, Iterable) else (value,)))
    return value


def finite_number(value: Any) -> float:
    """Return a number as a float.

    Raises:
        RecipeError: If it is no number, infinite or not a number.

    Example:
        >>> finite_number(1)
        1.0
    """
    try:
        if isinstance(value, (bool, str, bytes)):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise RecipeError(f"expected a finite number; given {short_repr(value)}.") from None
    if not math.isfinite(number):
        raise RecipeError(f"expected a finite number; given {number}.")
    return number


def _kind(hint: Any) -> FieldKind:
    if hint == tuple[Length, ...]:
        return "lengths"
    of_type = {hint, *get_args(hint)}
    return "length" if Length in of_type else "number" if float in of_type else "other"


Array: TypeAlias = NDArray[np.float64]

BOUNDING_FIELDS = ("peak", "final", "start", "low")


@dataclass(frozen=True, slots=True)
class Span:
    """The stretch of a training that a schedule runs over.

    Attributes:
        steps: Length of the stretch itself.
        training: Length of the whole training; percentages are of this, also inside a part of it.
    """

    steps: float
    training: int


@dataclass(frozen=True, slots=True)
class TorchScheduler:
    """A class of ``torch.optim.lr_scheduler`` as source text.

    Attributes:
        name: Name of the class.
        arguments: Its arguments after the optimizer.
    """

    name: str
    arguments: tuple[str, ...]

    @classmethod
    def of(cls, name: str, settings: Mapping[str, str]) -> TorchScheduler:
        """Return the scheduler with some keyword arguments."""
        return cls(name, tuple(f"{key}={value}" for key, value in settings.items()))


class Schedule(ABC):
    """A value for every step of a training; frozen, hashable, free of state.

    ``value(step, total)`` needs the step's number alone, so a training resumes anywhere. Steps before the
    first take the first step's value and steps past the end that of step number ``total``.

    A kind of schedule is a frozen dataclass that defines ``over`` and, where some numbers are not allowed, ``faults``.
    The class is the one registry entry of its kind: ``code`` and ``torch_scheduler`` write it out, ``from_peak`` is
    what a search tries. Plugins register such a class as an entry point of the group ``surefoot.schedules``.

    Attributes:
        name: Name in recipe texts.
        searched: Whether a search may choose it.
        brings_warmup: Whether it rises from a low value by itself, so that a search puts no warmup before it.
        ends_at_last_step: Whether it reaches its last value at the last step; others reach it one step later.
        scales_with_groups: Whether torch's scheduler multiplies the rate of each parameter group by the same factor.
    """

    __slots__ = ()
    name: ClassVar[str]
    searched: ClassVar[bool] = False
    brings_warmup: ClassVar[bool] = False
    ends_at_last_step: ClassVar[bool] = False
    scales_with_groups: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Bring every field to its kind.

        Raises:
            RecipeError: All that is wrong with the schedule, at once.
        """
        broken = [*self._coerce_fields()] or [*self.faults()]
        if broken:
            given = ", ".join(f"{field.name}={_text(getattr(self, field.name))}" for field in fields_of(type(self)))
            raise RecipeError(f"{self.name}: {'; '.join(broken)}; given {given}.")

    def value(self, step: int, total: int) -> float:
        """Return the value used by optimizer step number ``step`` (the first is 0) of ``total``.

        Raises:
            RecipeError: If ``total`` is below 1.

        Example:
            >>> from surefoot.schedules.polynomial import Linear
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
            raise RecipeError(f"a training has a whole number of steps, at least 1; given {short_repr(total)}.")
        with np.errstate(over="ignore", invalid="ignore"):  # a rate that grows without end is data: inf
            return self.over(np.clip(steps, 0, total).astype(np.float64), Span(float(total), int(total)))

    @abstractmethod
    def over(self, steps: Array, span: Span) -> Array:
        """Return the values at ``steps``, counted from the beginning of ``span``."""

    def faults(self) -> Iterator[str]:
        """Yield what is wrong with the schedule's numbers, each in words: nothing, unless a kind says more."""
        return iter(())

    @classmethod
    def from_peak(cls, peak: float, *, final: float) -> Schedule:
        """Return the schedule that a search tries.

        Args:
            peak: Largest value.
            final: Last value as a share of the peak, for schedules that have one.
        """
        del final
        return cls(peak)  # type: ignore[call-arg]  # every kind has its peak first

    def code(self, span: Span, begin: float) -> Iterator[str]:  # noqa: ARG002  (of subclasses)
        """Yield the lines of Python source text that return the value at ``step``; they may use ``math``.

        Args:
            span: The stretch that the schedule runs over.
            begin: Step at which the stretch begins.

        Raises:
            RecipeError: If the kind has no source text.
        """
        raise RecipeError(f"{self.name} cannot be exported: its plugin gives no source text.")

    def torch_scheduler(self, steps: int) -> TorchScheduler | None:
        """Return the equal scheduler of torch for an optimizer whose learning rate is the peak; ``None`` without one.

        Args:
            steps: Optimizer steps of the whole training.
        """
        del steps
        return None

    def amplitudes(self) -> Iterator[float]:
        """Yield every number that bounds the schedule's values: its peak, its start, its final value."""
        for field in fields_of(type(self)):
            value = getattr(self, field.name)
            if field.name in BOUNDING_FIELDS and value is not None:
                yield value

    @property
    def highest(self) -> float:
        """The largest of the numbers it is made of: its peak.

        Example:
            >>> from surefoot.schedules.composition import Warmup
            >>> from surefoot.schedules.cosine import Cosine
            >>> from surefoot.schedules.length import Length
            >>> Warmup(Cosine(0.3), Length(10)).highest
            0.3
        """
        return max(self.amplitudes())

    def _coerce_fields(self) -> Iterator[str]:
        kinds = kinds_of(type(self))
        for field in fields_of(type(self)):
            value = getattr(self, field.name)
            if value is None and field.default is None:
                continue
            try:
                object.__setattr__(self, field.name, coerced(kinds[field.name], value))
            except RecipeError:
                yield f"{field.name} must be {FIELD_KINDS[kinds[field.name]]}"


def _text(value: object) -> str:
    """Return how a message shows a field."""
    if isinstance(value, tuple):
        return "+".join(map(_text, value))
    return str(value) if isinstance(value, Length) else value.name if isinstance(value, Schedule) else short_repr(value)


def value_table(
    schedules: Sequence[Schedule], *, totals: Sequence[int], first_steps: Sequence[int], steps: int
) -> Array:
    """Return the values of K schedules over the next ``steps`` steps, each from its own step.

    Args:
        schedules: K schedules.
        totals: K lengths of the trainings they belong to.
        first_steps: K step numbers to begin at.
        steps: How many steps are wanted.

    Returns:
        Values ``[K, steps]`` in float64.

    Example:
        >>> from surefoot.schedules.constant import Constant
        >>> from surefoot.schedules.polynomial import Linear
        >>> value_table([Constant(0.9), Linear(1.0)], totals=[4, 4], first_steps=[0, 1], steps=3)
        array([[0.9 , 0.9 , 0.9 ],
               [0.75, 0.5 , 0.25]])
    """
    offsets = np.arange(steps)
    rows = [
        schedule.values(first + offsets, total)
        for schedule, total, first in zip(schedules, totals, first_steps, strict=True)
    ]
    return np.stack(rows) if rows else np.empty((0, steps))
