"""The fields of a schedule: which kind each is, and how a given value is brought to its kind."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import Field, fields
from functools import cache
from typing import Any, Literal, TypeAlias, get_args, get_type_hints

from surefoot.errors import RecipeError
from surefoot.schedules.length import Length
from surefoot.schedules.shown import shown

Kind: TypeAlias = Literal["number", "length", "lengths", "other"]

# What a fault says that a field of the kind must be.
KINDS: dict[Kind, str] = {
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
def kinds_of(schedule: type) -> dict[str, Kind]:
    """Return the kind of each field, read from its type.

    Example:
        >>> from surefoot.schedules import Triangular
        >>> kinds_of(Triangular)["peak"], kinds_of(Triangular)["down"]
        ('number', 'length')
    """
    hints = get_type_hints(schedule)
    return {field.name: _kind(hints[field.name]) for field in fields_of(schedule)}


def settled(kind: Kind, value: Any) -> Any:
    """Return a value given for a field as its kind is kept: a float, a Length, a tuple.

    Raises:
        RecipeError: If it is nothing of the kind.
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
        raise RecipeError(f"a finite number is wanted; given {shown(value)}.") from None
    if not math.isfinite(number):
        raise RecipeError(f"a finite number is wanted; given {number}.")
    return number


def _kind(hint: Any) -> Kind:
    if hint == tuple[Length, ...]:
        return "lengths"
    of_type = {hint, *get_args(hint)}
    return "length" if Length in of_type else "number" if float in of_type else "other"
