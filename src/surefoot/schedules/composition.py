"""Schedules made of schedules: a warmup before one, several in sequence, the same shape scaled, a cooldown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from itertools import accumulate, pairwise
from typing import Any, ClassVar

import numpy as np

from surefoot.schedules.length import Length
from surefoot.schedules.polynomial import Linear
from surefoot.schedules.scanner import number_text, rounded_number
from surefoot.schedules.schedule import BOUNDING_FIELDS, Array, Schedule, Span, between, since


@dataclass(frozen=True, slots=True)
class Warmup(Schedule):
    """A straight line from ``warmup_start`` to the schedule's first value, then the schedule in the time that is left.

        value(t) = start + (first - start) * t / length     before ``length``
        value(t) = schedule(t - length)                     after it

    As in transformers and optax the first step is taken at ``warmup_start`` itself, 0 by default.

    Reference:
        Goyal et al. (2017), arXiv:1706.02677, section 2.2.

    Example:
        >>> from surefoot.schedules.constant import Constant
        >>> [Warmup(Constant(1.0), Length(10)).value(step, total=100) for step in (0, 5, 10, 50)]
        [0.0, 0.5, 1.0, 1.0]
    """

    name: ClassVar[str] = "warmup"
    schedule: Schedule
    length: Length
    start: float = 0.0

    def faults(self) -> Iterator[str]:
        """Yield what no warmup can go before, and warmups of no length."""
        if not isinstance(self.schedule, Schedule) or isinstance(self.schedule, (Warmup, Sequence)):
            yield "a warmup goes before a plain schedule, so before the first part of a sequence"
        if self.length.amount <= 0:
            yield "the warmup must be longer than 0"

    def over(self, steps: Array, span: Span) -> Array:
        """Return the warmed-up schedule's values, shape of ``steps``."""
        length, rest = self.stretches(span)
        values = self.schedule.over((steps - length).clip(min=0.0), rest)
        rising = self.start + (self.first(rest) - self.start) * (steps / max(length, 1.0))
        return np.where(steps < length, rising, values)

    def first(self, rest: Span) -> float:
        """Return the schedule's first value, which the warmup leads to."""
        return float(self.schedule.over(np.zeros(1), rest)[0])

    def stretches(self, span: Span) -> tuple[float, Span]:
        """Return the warmup's length in steps, and the stretch that is left for the schedule."""
        length = min(float(self.length.steps(span.training)), span.steps)
        return length, Span(max(span.steps - length, 1.0), span.training)

    def amplitudes(self) -> Iterator[float]:
        """Yield the start of the warmup and the numbers of the schedule after it."""
        yield self.start
        yield from self.schedule.amplitudes()

    def code(self, span: Span, begin: float) -> Iterator[str]:
        """Yield the lines of source text that return the value at ``step``; see :meth:`Schedule.code`."""
        length, rest = self.stretches(span)
        if length > 0:
            first = self.first(rest)
            yield f"if step < {number_text(begin + length)}:"
            yield f"    return {between(self.start, first, f'{since(begin)} / {number_text(length)}')}"
        yield from self.schedule.code(rest, begin + length)


def without_warmup(schedule: Schedule) -> Schedule:
    """Return what a schedule does once its warmup is over."""
    return schedule.schedule if isinstance(schedule, Warmup) else schedule


@dataclass(frozen=True, slots=True)
class Sequence(Schedule):
    """Several schedules one after another: each for its length, the last for the time that is left.

    Every part runs over its stretch as over a training of that length; percentages are of the whole training.

    Example:
        >>> from surefoot.schedules.constant import Constant
        >>> from surefoot.schedules.polynomial import Linear
        >>> schedule = Sequence((Constant(1.0), Linear(1.0)), lengths=(Length(50, percent=True),))
        >>> [schedule.value(step, total=100) for step in (49, 50, 75)]
        [1.0, 1.0, 0.5]
    """

    name: ClassVar[str] = "for ... then"
    parts: tuple[Schedule, ...]
    lengths: tuple[Length, ...]

    def __post_init__(self) -> None:
        if isinstance(self.parts, Iterable):
            object.__setattr__(self, "parts", tuple(self.parts))
        Schedule.__post_init__(self)

    def faults(self) -> Iterator[str]:
        """Yield parts that are none, and lengths that do not fit them."""
        if not isinstance(self.parts, tuple) or not all(isinstance(part, Schedule) for part in self.parts):
            yield "the parts are schedules"
        elif len(self.parts) < 2 or len(self.lengths) != len(self.parts) - 1:
            yield "there are at least two parts and a length for every part but the last"
        elif any(isinstance(part, Sequence) for part in self.parts):
            yield "no part is a sequence itself; write the parts one after another"
        if sum(length.amount for length in self.lengths if length.percent) > 100:
            yield "the parts together last at most 100% of the training"

    def over(self, steps: Array, span: Span) -> Array:
        """Return each step's value from the part that it falls into, shape of ``steps``."""
        stretches = self.stretches(span)
        of_part = np.searchsorted([begin for _, begin, _ in stretches[1:]], steps, side="right")
        values = np.empty_like(steps)
        for number, (part, begin, stretch) in enumerate(stretches):
            here = of_part == number
            values[here] = part.over(steps[here] - begin, stretch)
        return values

    def stretches(self, span: Span) -> list[tuple[Schedule, float, Span]]:
        """Return every part with the step that it begins at and the stretch that it runs over."""
        lengths = [float(length.steps(span.training)) for length in self.lengths]
        first_steps = [0.0, *accumulate(lengths)]
        lengths.append(span.steps - first_steps[-1])
        return [
            (part, begin, Span(max(length, 1.0), span.training))
            for part, begin, length in zip(self.parts, first_steps, lengths, strict=True)
        ]

    def amplitudes(self) -> Iterator[float]:
        """Yield those of all parts."""
        for part in self.parts:
            yield from part.amplitudes()

    def code(self, span: Span, begin: float) -> Iterator[str]:
        """Yield the lines of source text that return the value at ``step``; see :meth:`Schedule.code`."""
        stretches = self.stretches(span)
        for (part, start, stretch), (_, following, _) in pairwise(stretches):
            if following > start:
                yield f"if step < {number_text(begin + following)}:"
                yield from (f"    {line}" for line in part.code(stretch, begin + start))
        part, start, stretch = stretches[-1]
        yield from part.code(stretch, begin + start)


def scaled(schedule: Schedule, factor: float) -> Schedule:
    """Return a schedule whose every value is ``factor`` times as large, its numbers to four digits.

    Example:
        >>> from surefoot.schedules.cosine import Cosine
        >>> from surefoot.schedules.length import Length
        >>> scaled(Warmup(Cosine(0.5, final=0.05), Length(10)), 0.02).schedule
        Cosine(peak=0.01, final=0.001)
    """
    changes: dict[str, Any] = {}
    if isinstance(schedule, Sequence):
        changes["parts"] = tuple(scaled(part, factor) for part in schedule.parts)
    if isinstance(schedule, Warmup):
        changes["schedule"] = scaled(schedule.schedule, factor)
    for field in fields(schedule):  # type: ignore[arg-type]  # every schedule is a dataclass
        value = getattr(schedule, field.name)
        if field.name in BOUNDING_FIELDS and value is not None:
            changes[field.name] = rounded_number(value * factor)
    return replace(schedule, **changes)  # type: ignore[type-var]


def cooldown(schedule: Schedule, step: int, total: int, length: int, *, final: float = 0.0) -> Linear:
    """Return a line from a schedule's value at ``step`` of ``total`` to ``final`` in ``length`` steps.

    It is a line over the whole of ``step + length`` steps that passes through the present value at ``step``.

    Example:
        >>> from surefoot.schedules.constant import Constant
        >>> line = cooldown(Constant(1.0), 80, total=1000, length=20)
        >>> [round(line.value(step, total=100), 9) for step in (80, 90, 100)]
        [1.0, 0.5, 0.0]
    """
    value = schedule.value(step, total)
    return Linear(final + (value - final) * (step + length) / length, final=final)
