"""The SearchSpace: what a tune may try."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from surefoot.errors import RecipeError, nearest
from surefoot.recipe.names import names_of, rule_named
from surefoot.search.space.shapes import SHAPES
from surefoot.values import Json

LARGEST_MOMENTUM = 0.99
# Recipes are written with four digits: a larger momentum would be rounded to 1.
LARGEST_POSSIBLE = 0.9999


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from ``low`` to ``high``; where the two are equal, that number alone."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:g}" if self.fixed else f"[{self.low:g}, {self.high:g}]"

    @property
    def fixed(self) -> bool:
        """Whether there is nothing to search."""
        return self.low == self.high

    @classmethod
    def of(cls, given: Any) -> Range:
        """Return a range from a number or from two.

        Raises:
            ValueError: If it is neither.

        Example:
            >>> Range.of([0.5, 0.9]), Range.of(0.9).fixed
            (Range(low=0.5, high=0.9), True)
        """
        if isinstance(given, Range):
            return given
        values = [*given] if isinstance(given, list | tuple) else [given, given]
        numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
        if len(values) != 2 or len(numbers) != 2 or not all(map(math.isfinite, numbers)) or numbers[0] > numbers[1]:
            raise ValueError(f"a number, or [low, high]; given {given!r}")
        return cls(float(numbers[0]), float(numbers[1]))


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """What may be tried: plain data, from Python, a TOML file or the command line.

    Attributes:
        optimizers: Names of optimizers.
        schedules: Shapes of the learning rate's schedule.
        lr: Its peak; ``None`` measures the range.
        momentum: ``momentum`` or ``beta1``.
        nesterov: Whether to look ahead; both are tried where both are named.
        warmup: Share of the training in which the rate rises.
        final: Last rate as a share of the peak.
        weight_decay: ``None`` leaves each optimizer's default.
        clip: Largest gradient norm; ``None`` does not clip.

    Raises:
        RecipeError: All faults at once, in one line.

    Example:
        >>> SearchSpace.of({"optimizers": ["sgd", "adam"], "momentum": [0.5, 0.99]}).momentum
        Range(low=0.5, high=0.99)
    """

    optimizers: tuple[str, ...] = ("sgd",)
    schedules: tuple[str, ...] = ("cosine",)
    lr: Range | None = None
    momentum: Range = Range(0.0, LARGEST_MOMENTUM)
    nesterov: tuple[bool, ...] = (False,)
    warmup: Range = Range(0.0, 0.0)
    final: Range = Range(0.0, 0.0)
    weight_decay: Range | None = None
    clip: Range | None = None

    def __post_init__(self) -> None:
        faults = [*self._faults()]
        if faults:
            alike = [found for shape in self.schedules if shape not in SHAPES and (found := nearest(shape, SHAPES))]
            raise RecipeError(f"search space: {'; '.join(faults)}.", hint=alike[0] if alike else None)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> SearchSpace:
        """Make a space from names and values, as a TOML file has them.

        Raises:
            RecipeError: If a name is unknown or a value is not what it must be.
        """
        known = [field.name for field in fields(cls)]
        faults: list[str] = []
        values: dict[str, Any] = {}
        for name, given in data.items():
            if name not in known:
                faults.append(f"it has no {name!r}")
                continue
            try:
                values[name] = _read(name, given)
            except ValueError as error:
                faults.append(f"{name} is {error}")
        if faults:
            alike = [found for name in data if name not in known and (found := nearest(str(name), known))]
            hint = alike[0] if alike else f"it takes {', '.join(known)}."
            raise RecipeError(f"search space: {'; '.join(faults)}.", hint=hint)
        return cls(**values)

    def to_json(self) -> dict[str, Json]:
        """Return the space as JSON data that :meth:`of` reads."""

        def plain(value: Any) -> Json:
            return [value.low, value.high] if isinstance(value, Range) else [*value]

        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: plain(value) for name, value in values.items() if value is not None}

    def adding(self, *names: str) -> SearchSpace:
        """Return the space with more settings to search, over their usual ranges.

        Raises:
            RecipeError: If there is no usual range of that name.

        Example:
            >>> SearchSpace().adding("nesterov", "warmup").nesterov
            (False, True)
        """
        unknown = [name for name in names if name not in USUAL]
        if unknown:
            always = "learning rate and momentum are always searched." if unknown[0] in ("lr", "momentum") else None
            raise RecipeError(
                f"no {unknown[0]!r} to search; there are {', '.join(USUAL)}.",
                hint=always or nearest(unknown[0], USUAL),
            )
        changes: dict[str, Any] = {name: USUAL[name] for name in names}
        return replace(self, **changes)

    def _faults(self) -> Iterator[str]:
        for name in ("optimizers", "schedules", "nesterov"):
            if not getattr(self, name):
                yield f"{name} names none"
        for optimizer in self.optimizers:
            rule_named(optimizer)
        for shape in self.schedules:
            if shape not in SHAPES:
                yield f"no schedule {shape!r}; there are {', '.join(SHAPES)}"
        if any(self.nesterov) and not any("nesterov" in names_of(optimizer) for optimizer in self.optimizers):
            yield f"nesterov is for sgd and muon; given {', '.join(self.optimizers)}"
        yield from self._range_faults()

    def _range_faults(self) -> Iterator[str]:
        if self.momentum.low < 0 or self.momentum.high > LARGEST_POSSIBLE:
            yield f"momentum is at least 0 and at most {LARGEST_POSSIBLE}; given {self.momentum}"
        for name in ("warmup", "final"):
            share: Range = getattr(self, name)
            if not 0 <= share.low <= share.high < 1:
                yield f"{name} is at least 0 and below 1; given {share}"
        for name in ("lr", "weight_decay", "clip"):
            own: Range | None = getattr(self, name)
            if own is not None and own.low <= 0:
                yield f"{name} is above 0; given {own}"


# What is searched where a setting is asked for by its name alone.
USUAL: dict[str, Any] = {
    "nesterov": (False, True),
    "warmup": Range(0.0, 0.2),
    "final": Range(0.0, 0.2),
    "weight_decay": Range(1e-6, 1e-1),
    "clip": Range(0.1, 10.0),
}


def _read(name: str, given: Any) -> Any:
    """Return a field's value from what a file says.

    Raises:
        ValueError: With what it must be.
    """
    if name in ("optimizers", "schedules"):
        names = [given] if isinstance(given, str) else given
        if not isinstance(names, list | tuple) or not all(isinstance(one, str) for one in names):
            raise ValueError(f'names, as in ["sgd", "adam"]; given {given!r}')
        return tuple(dict.fromkeys(names))
    if name == "nesterov":
        choices = [given] if isinstance(given, bool) else given
        if not isinstance(choices, list | tuple) or not all(isinstance(one, bool) for one in choices):
            raise ValueError(f"true, false or [false, true]; given {given!r}")
        return tuple(dict.fromkeys(choices))
    return Range.of(given)
