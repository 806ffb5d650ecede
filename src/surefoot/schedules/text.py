"""Schedule text and JSON <-> Schedule.

The grammar:

    SCHEDULE := PART | PART for LENGTH then SCHEDULE
    PART     := NUMBER | NAME(NUMBER, KEY=VALUE, ...)        with warmup=LENGTH, warmup_start=NUMBER among the keys
    LENGTH   := 5% | 500
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING
from typing import Any

from surefoot.core.errors import RecipeError, did_you_mean
from surefoot.core.formatting import short_repr
from surefoot.core.value_types import Json
from surefoot.schedules import SCHEDULES
from surefoot.schedules.composition import Sequence, Warmup
from surefoot.schedules.constant import Constant
from surefoot.schedules.length import Length
from surefoot.schedules.scanner import Scanner, number_text
from surefoot.schedules.schedule import FieldKind, Schedule, fields_of, kinds_of


def parse_schedule(text: str) -> Schedule:
    """Read a schedule from its text.

    Raises:
        RecipeError: With the position of the error, and the nearest known name for an unknown one.

    Example:
        >>> parse_schedule("linear(0, final=0.1) for 5% then cosine(0.1)").value(0, total=100)
        0.0
    """
    scanner = Scanner(text)
    schedule = read_schedule(scanner)
    scanner.end()
    return schedule


def schedule_text(schedule: Schedule) -> str:
    """Return the text that :func:`parse_schedule` reads back as an equal schedule.

    Example:
        >>> from surefoot.schedules.cosine import Cosine
        >>> schedule_text(Warmup(Cosine(0.3), Length(5, percent=True)))
        'cosine(0.3, warmup=5%)'
    """
    if isinstance(schedule, Sequence):
        *timed, last = map(schedule_text, schedule.parts)
        return (
            "".join(f"{part} for {length} then " for part, length in zip(timed, schedule.lengths, strict=True)) + last
        )
    if isinstance(schedule, Warmup):
        start = f", warmup_start={number_text(schedule.start)}" if schedule.start else ""
        inner = schedule.schedule
        return f"{inner.name}({_arguments_text(inner)}, warmup={schedule.length}{start})"
    if isinstance(schedule, Constant):
        return number_text(schedule.peak)
    return f"{schedule.name}({_arguments_text(schedule)})"


def schedule_json(schedule: Schedule) -> Json:
    """Return a schedule as JSON: a number for a constant, its text for all others.

    Example:
        >>> from surefoot.schedules.cosine import Cosine
        >>> schedule_json(Constant(0.1)), schedule_json(Cosine(0.3))
        (0.1, 'cosine(0.3)')
    """
    return schedule.peak if isinstance(schedule, Constant) else schedule_text(schedule)


def read_schedule(scanner: Scanner) -> Schedule:
    """Read a schedule at the scanner's position."""
    parts, lengths = [_read_part(scanner)], []
    while scanner.accept("for"):
        lengths.append(_read_length(scanner))
        scanner.expect("then")
        parts.append(_read_part(scanner))
    return Sequence(tuple(parts), tuple(lengths)) if lengths else parts[0]


def _read_part(scanner: Scanner) -> Schedule:
    if scanner.at_number():
        return Constant(scanner.number())
    begin = scanner.position
    name = scanner.word()
    if name is None or name not in SCHEDULES:
        scanner.position = begin
        known = f"schedules are {', '.join(SCHEDULES)}."
        raise scanner.fault("a number or a schedule", hint=did_you_mean(name or "", SCHEDULES) or known)
    scanner.expect("(")
    given = _read_arguments(scanner, SCHEDULES[name])
    if "peak" not in given:
        raise RecipeError(f"{name} lacks its first value in {short_repr(scanner.text)}.", hint=f"as in {name}(0.1).")
    warmup, start = given.pop("warmup", None), given.pop("warmup_start", None)
    if warmup is None and start is not None:
        raise RecipeError(f"{name} has a warmup_start without a warmup.", hint=f"as in {name}(0.1, warmup=5%).")
    schedule = SCHEDULES[name](**given)
    return schedule if warmup is None else Warmup(schedule, warmup, start=start or 0.0)


def _read_arguments(scanner: Scanner, kind: type[Schedule]) -> dict[str, Any]:
    kinds: dict[str, FieldKind] = {**kinds_of(kind), "warmup": "length", "warmup_start": "number"}
    given: dict[str, Any] = {}
    while not scanner.accept(")"):
        key = scanner.keyword() or ("peak" if not given else None)
        if key is None:
            raise scanner.fault("KEY=VALUE")
        if key not in kinds:
            raise RecipeError(
                f"{kind.name} has no {short_repr(key)}; it takes {', '.join(kinds)}.", hint=did_you_mean(key, kinds)
            )
        if key in given:
            raise RecipeError(f"{kind.name}: {key} is given twice in {short_repr(scanner.text)}.")
        given[key] = FIELD_READERS[kinds[key]](scanner)
        if not scanner.accept(","):
            scanner.expect(")")
            break
    return given


def _read_length(scanner: Scanner) -> Length:
    return Length.of(scanner.raw())


def _read_lengths(scanner: Scanner) -> tuple[Length, ...]:
    return tuple(Length.of(text) for text in scanner.raw().split("+"))


def _arguments_text(schedule: Schedule) -> str:
    given = [(field, getattr(schedule, field.name)) for field in fields_of(type(schedule))]
    short_repr = [
        _value_text(value) if field.default is MISSING else f"{field.name}={_value_text(value)}"
        for field, value in given
        if field.default is MISSING or value != field.default
    ]
    return ", ".join(short_repr)


def _value_text(value: object) -> str:
    if isinstance(value, tuple):
        return "+".join(map(str, value))
    return number_text(value) if isinstance(value, float) else str(value)


FIELD_READERS: dict[FieldKind, Callable[[Scanner], Any]] = {
    "number": Scanner.number,
    "length": _read_length,
    "lengths": _read_lengths,
    "other": Scanner.raw,
}
