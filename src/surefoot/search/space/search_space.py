"""A Range: the numbers that a setting may take.

The SearchSpace: what a tune may try.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from surefoot.core.errors import RecipeError, nearest
from surefoot.core.values import Json
from surefoot.optimizers import RULES
from surefoot.recipe.names import names_of, rule_named
from surefoot.recipe.recipe import Recipe
from surefoot.search.space.axes import OTHER_HYPER, Range, scale_of
from surefoot.search.space.schedule_shapes import MOMENTUM_SHAPES, SHAPES

ANY_MOMENTUM, NONE = Range(0.0, 0.99), Range(0.0, 0.0)
# Recipes are written with four digits: a larger momentum would be rounded to 1.
LARGEST_POSSIBLE = 0.9999


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """What may be tried: plain data, from Python, a TOML file or the command line.

    Attributes:
        optimizers: Names of optimizers.
        schedules: Shapes of the learning rate's schedule.
        lr: Its peak; ``None`` measures the range.
        momentum: ``momentum`` or ``beta1``, the largest where it has a schedule.
        nesterov: Whether to look ahead; both are tried where both are named.
        warmup: Share of the training in which the rate rises.
        final: Last rate as a share of the peak.
        weight_decay: ``None`` leaves each optimizer's default.
        clip: Largest gradient norm; ``None`` does not clip.
        momentum_schedules: Shapes of the momentum's schedule: constant, warmup, onecycle, linear.
        hyper: Other hyperparameters of the optimizers, as beta2, eps or dampening, by name; :meth:`of` takes them as
            names of their own. What is not named has torch's default.
        no_decay: Patterns of parameters without weight decay, joined by ``+``; several are tried in turn, and an empty
            one is none.
        lr_factor: Patterns of parameters with a factor on the learning rate of their own, with the factors.

    Raises:
        RecipeError: All faults at once, in one line.

    Example:
        >>> SearchSpace.of({"optimizers": ["sgd", "adam"], "momentum": [0.5, 0.99]}).momentum
        Range(low=0.5, high=0.99)
        >>> space = SearchSpace.of({"optimizers": "adamw", "beta2": [0.9, 0.999], "no_decay": "bias+norm"})
        >>> space.hyper, space.no_decay
        ((('beta2', Range(low=0.9, high=0.999)),), ('bias+norm',))
    """

    optimizers: tuple[str, ...] = ("sgd",)
    schedules: tuple[str, ...] = ("cosine",)
    lr: Range | None = None
    momentum: Range = ANY_MOMENTUM
    nesterov: tuple[bool, ...] = (False,)
    warmup: Range = NONE
    final: Range = NONE
    weight_decay: Range | None = None
    clip: Range | None = None
    momentum_schedules: tuple[str, ...] = ("constant",)
    hyper: tuple[tuple[str, Range], ...] = ()
    no_decay: tuple[str, ...] = ()
    lr_factor: tuple[tuple[str, Range], ...] = ()

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
        known = [*(field.name for field in fields(cls) if field.name != "hyper"), *OTHER_HYPER]
        faults: list[str] = []
        values: dict[str, Any] = {}
        hyper: dict[str, Range] = {}
        for name, given in data.items():
            if name not in known:
                faults.append(f"it has no {name!r}")
                continue
            try:
                (hyper if name in OTHER_HYPER else values)[name] = _read(name, given)
            except ValueError as error:
                faults.append(f"{name} is {error}")
        if faults:
            alike = [found for name in data if name not in known and (found := nearest(str(name), known))]
            listed = None if all(name in known for name in data) else f"it takes {', '.join(known)}."
            hint = alike[0] if alike else listed
            raise RecipeError(f"search space: {'; '.join(faults)}.", hint=hint)
        return cls(**values, hyper=tuple(hyper.items()))

    def to_json(self) -> dict[str, Json]:
        """Return the space as JSON data that :meth:`of` reads."""

        def plain(value: Any) -> Json:
            return [value.low, value.high] if isinstance(value, Range) else [*value]

        values = {field.name: getattr(self, field.name) for field in fields(self)}
        hyper, factors = dict(values.pop("hyper")), dict(values.pop("lr_factor"))
        said = {name: value for name, value in (values | hyper).items() if value not in (None, SILENT.get(name))}
        found = {name: plain(value) for name, value in said.items()}
        return found | ({"lr_factor": {pattern: plain(each) for pattern, each in factors.items()}} if factors else {})

    def adding(self, *names: str) -> SearchSpace:
        """Return the space with more settings to search, over their usual ranges.

        Raises:
            RecipeError: If there is no usual range of that name.

        Example:
            >>> SearchSpace().adding("nesterov", "warmup").nesterov
            (False, True)
        """
        return SearchSpace.of({**self.to_json(), **usual_settings(names)})

    def with_groups(self) -> Recipe:
        """Return a recipe that has all groups of parameters that the space names."""
        return Recipe.of(
            self.optimizers[0],
            no_decay=tuple(dict.fromkeys(part for option in self.no_decay for part in filter(None, option.split("+")))),
            lr_factor=tuple((pattern, found.low) for pattern, found in self.lr_factor),
        )

    def _faults(self) -> Iterator[str]:
        for name in ("optimizers", "schedules", "nesterov"):
            if not getattr(self, name):
                yield f"{name} names none"
        for optimizer in self.optimizers:
            rule_named(optimizer)
        for shape in self.schedules:
            if shape not in SHAPES:
                yield f"no schedule {shape!r}; there are {', '.join(SHAPES)}"
        for shape in self.momentum_schedules:
            if shape not in MOMENTUM_SHAPES:
                yield f"no momentum schedule {shape!r}; there are {', '.join(MOMENTUM_SHAPES)}"
        if any(self.nesterov) and not any("nesterov" in names_of(optimizer) for optimizer in self.optimizers):
            yield f"nesterov is for sgd and muon; given {', '.join(self.optimizers)}"
        if any(self.nesterov) and "dampening" in dict(self.hyper):
            yield "nesterov goes without dampening; given both"
        yield from self._range_faults()
        if self.optimizers:
            yield from self._hyper_faults()
            yield from self._group_faults()

    def _range_faults(self) -> Iterator[str]:
        if self.momentum.low < 0 or self.momentum.high > LARGEST_POSSIBLE:
            yield f"momentum is at least 0 and at most {LARGEST_POSSIBLE}; given {self.momentum}"
        for name in ("warmup", "final"):
            share: Range = getattr(self, name)
            if not 0 <= share.low <= share.high < 1:
                yield f"{name} is at least 0 and below 1; given {share}"
        factors = ((f"lr_factor of {pattern}", found) for pattern, found in self.lr_factor)
        for name, own in (("lr", self.lr), ("weight_decay", self.weight_decay), ("clip", self.clip), *factors):
            if own is not None and own.low <= 0:
                yield f"{name} is above 0; given {own}"

    def _hyper_faults(self) -> Iterator[str]:
        for name, found in self.hyper:
            takers = [optimizer for optimizer in self.optimizers if name in names_of(optimizer)]
            if not takers:
                others = [optimizer for optimizer in RULES if name in names_of(optimizer)]
                yield f"{name} is for {', '.join(others)}; given {', '.join(self.optimizers)}"
            for spec in (spec for optimizer in takers for spec in RULES[optimizer].hyperparameters):
                if spec.name == name and not (spec.allows(found.low) and spec.allows(found.high)):
                    yield f"{name} is {spec.allowed}; given {found}"
            if not found.fixed and scale_of(name) == "log" and found.low <= 0:
                yield f"{name} is searched by factors, above 0; given {found}"
            if name == "dampening" and found.high >= 1:  # such a training does not move
                yield f"dampening is below 1; given {found}"

    def _group_faults(self) -> Iterator[str]:
        if not (self.no_decay or self.lr_factor):
            return
        try:
            patterns = self.with_groups().groups.no_decay
        except RecipeError as error:
            yield str(error).rstrip(".")
            return
        decays = self.weight_decay is not None or any(
            spec.name == "weight_decay" and spec.default > 0
            for optimizer in self.optimizers
            for spec in RULES[optimizer].hyperparameters
        )
        if patterns and not decays:
            yield f"no_decay needs a weight_decay; {', '.join(self.optimizers)} has none unless the space has it"


ALWAYS = "learning rate and momentum are always searched."
FACTORS = "lr_factor is searched by name in a search space: lr_factor = {head = [1, 30]}."
# Left out of the data where they say no more than this: spaces of older studies have no such names.
SILENT: dict[str, Any] = {"momentum_schedules": ("constant",), "no_decay": ()}
# What is searched where a setting is asked for by its name alone.
USUAL: dict[str, Any] = {
    "nesterov": (False, True),
    "warmup": Range(0.0, 0.2),
    "final": Range(0.0, 0.2),
    "weight_decay": Range(1e-6, 1e-1),
    "clip": Range(0.1, 10.0),
    "momentum_schedules": ("constant", "warmup", "onecycle", "linear"),
    "beta2": Range(0.9, 0.9999),
    "eps": Range(1e-10, 1e-2),
    "dampening": Range(0.0, 0.9),
    "no_decay": ("", "bias+norm"),
}


def usual_settings(names: Sequence[str]) -> dict[str, Any]:
    """Return the usual ranges of settings, as :meth:`SearchSpace.of` takes them.

    Raises:
        RecipeError: If there is none of a name.
    """
    unknown = [name for name in names if name not in USUAL]
    if unknown:
        always = {"lr": ALWAYS, "momentum": ALWAYS, "lr_factor": FACTORS}.get(unknown[0])
        raise RecipeError(
            f"no {unknown[0]!r} to search; there are {', '.join(USUAL)}.", hint=always or nearest(unknown[0], USUAL)
        )
    return {name: USUAL[name] for name in names}


def _read(name: str, given: Any) -> Any:
    """Return a field's value from what a file says.

    Raises:
        ValueError: With what it must be.
    """
    if name in ("optimizers", "schedules", "momentum_schedules", "no_decay"):
        names = [given] if isinstance(given, str) else given
        if not isinstance(names, list | tuple) or not all(isinstance(one, str) for one in names):
            raise ValueError(f'names, as in ["sgd", "adam"]; given {given!r}')
        return tuple(dict.fromkeys(names))
    if name == "nesterov":
        choices = [given] if isinstance(given, bool) else given
        if not isinstance(choices, list | tuple) or not all(isinstance(one, bool) for one in choices):
            raise ValueError(f"true, false or [false, true]; given {given!r}")
        return tuple(dict.fromkeys(choices))
    if name == "lr_factor":
        if not isinstance(given, Mapping) or not all(isinstance(pattern, str) for pattern in given):
            raise ValueError(f"factors by pattern, as in {{head = [1, 30]}}; given {given!r}")
        return tuple((pattern, Range.of(factor)) for pattern, factor in given.items())
    return Range.of(given)
