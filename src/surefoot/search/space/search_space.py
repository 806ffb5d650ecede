"""The search space: which optimizers, schedules and hyperparameters a search may try, also read from text and files."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from surefoot.core.errors import RecipeError, did_you_mean
from surefoot.core.value_types import Json
from surefoot.optimizers import RULES
from surefoot.recipe.recipe import Recipe
from surefoot.recipe.settings import names_of, rule_named
from surefoot.search.space.axes import Range, further_hyperparameters, scale_of
from surefoot.search.space.schedule_shapes import MOMENTUM_SHAPES, SHAPES
from surefoot.tasks.user_file import object_from_file

ANY_MOMENTUM, ZERO_RANGE = Range(0.0, 0.99), Range(0.0, 0.0)
# Recipes are written with four digits: a larger momentum would be rounded to 1.
MAX_WRITTEN_MOMENTUM = 0.9999
# Ranges of settings that are searched by name alone, as with ``--search warmup``.
USUAL_RANGES: dict[str, Any] = {
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
# Hints for names that have no usual range.
ALWAYS_SEARCHED_HINT = "learning rate and momentum are always searched."
LR_FACTOR_HINT = "lr_factor is searched by name in a search space: lr_factor = {head = [1, 30]}."
# Values left out of the JSON data: spaces of older studies have no such names, and must compare equal.
OMITTED_DEFAULTS: dict[str, Any] = {"momentum_schedules": ("constant",), "no_decay": ()}


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """What a search may try: plain data, from Python, a TOML file or the command line.

    Attributes:
        optimizers: Names of the optimizers.
        schedules: Shapes of the learning rate's schedule.
        lr: Peak learning rate; ``None`` finds the range by trials.
        momentum: Momentum, or ``beta1``; the largest one if it has a schedule.
        nesterov: Whether to use Nesterov momentum: one or both of false and true.
        warmup: Share of the training over which the learning rate rises.
        final: Last learning rate as a share of the peak.
        weight_decay: Weight decay; ``None`` keeps each optimizer's default.
        clip: Largest gradient norm; ``None`` does not clip.
        momentum_schedules: Shapes of the momentum's schedule: constant, warmup, onecycle, linear.
        hyper: Further hyperparameters, such as beta2, eps or dampening, as (name, range); :meth:`of` takes them by
            name. Those that are left out keep PyTorch's defaults.
        no_decay: Patterns of parameters without weight decay, joined by ``+``; several entries are alternatives, and an
            empty one stands for no pattern.
        lr_factor: Patterns of parameters with a factor on their learning rate, as (pattern, range of the factor).

    Raises:
        RecipeError: If a value is not allowed; the message lists all of them.

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
    warmup: Range = ZERO_RANGE
    final: Range = ZERO_RANGE
    weight_decay: Range | None = None
    clip: Range | None = None
    momentum_schedules: tuple[str, ...] = ("constant",)
    hyper: tuple[tuple[str, Range], ...] = ()
    no_decay: tuple[str, ...] = ()
    lr_factor: tuple[tuple[str, Range], ...] = ()

    def __post_init__(self) -> None:
        faults = [*self._faults()]
        if faults:
            alike = [
                found for shape in self.schedules if shape not in SHAPES and (found := did_you_mean(shape, SHAPES))
            ]
            raise RecipeError(f"search space: {'; '.join(faults)}.", hint=alike[0] if alike else None)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> SearchSpace:
        """Return a space from names and values, as a TOML file has them.

        Raises:
            RecipeError: If a name is unknown or a value is not allowed.
        """
        further = further_hyperparameters()
        known = [*(field.name for field in fields(cls) if field.name != "hyper"), *further]
        faults: list[str] = []
        values: dict[str, Any] = {}
        hyper: dict[str, Range] = {}
        for name, value in data.items():
            if name not in known:
                faults.append(f"it has no {name!r}")
                continue
            try:
                (hyper if name in further else values)[name] = _parse_field(name, value)
            except ValueError as error:
                faults.append(f"{name} is {error}")
        if faults:
            alike = [found for name in data if name not in known and (found := did_you_mean(str(name), known))]
            listed = None if all(name in known for name in data) else f"it takes {', '.join(known)}."
            hint = alike[0] if alike else listed
            raise RecipeError(f"search space: {'; '.join(faults)}.", hint=hint)
        return cls(**values, hyper=tuple(hyper.items()))

    def to_json(self) -> dict[str, Json]:
        """Return the space as JSON data that :meth:`of` reads."""

        def to_data(value: Any) -> Json:
            return [value.low, value.high] if isinstance(value, Range) else [*value]

        values = {field.name: getattr(self, field.name) for field in fields(self)}
        hyper, factors = dict(values.pop("hyper")), dict(values.pop("lr_factor"))
        data: dict[str, Json] = {
            name: to_data(value)
            for name, value in (values | hyper).items()
            if value not in (None, OMITTED_DEFAULTS.get(name))
        }
        return data | ({"lr_factor": {pattern: to_data(each) for pattern, each in factors.items()}} if factors else {})

    def adding(self, *names: str) -> SearchSpace:
        """Return the space with further settings to search, over their usual ranges.

        Raises:
            RecipeError: If a name has no usual range.

        Example:
            >>> SearchSpace().adding("nesterov", "warmup").nesterov
            (False, True)
        """
        return SearchSpace.of({**self.to_json(), **usual_settings(names)})

    def recipe_with_groups(self) -> Recipe:
        """Return a recipe with all groups of parameters of the space, to check their patterns."""
        return Recipe.of(
            self.optimizers[0],
            no_decay=tuple(dict.fromkeys(part for option in self.no_decay for part in filter(None, option.split("+")))),
            lr_factor=tuple((pattern, factor.low) for pattern, factor in self.lr_factor),
        )

    def _faults(self) -> Iterator[str]:
        for name in ("optimizers", "schedules", "nesterov"):
            if not getattr(self, name):
                yield f"{name} is empty"
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
            yield "nesterov excludes dampening; given both"
        yield from self._range_faults()
        if self.optimizers:
            yield from self._hyper_faults()
            yield from self._group_faults()

    def _range_faults(self) -> Iterator[str]:
        if self.momentum.low < 0 or self.momentum.high > MAX_WRITTEN_MOMENTUM:
            yield f"momentum is at least 0 and at most {MAX_WRITTEN_MOMENTUM}; given {self.momentum}"
        for name in ("warmup", "final"):
            share: Range = getattr(self, name)
            if not 0 <= share.low <= share.high < 1:
                yield f"{name} is at least 0 and below 1; given {share}"
        factors = ((f"lr_factor of {pattern}", factor) for pattern, factor in self.lr_factor)
        for name, bounds in (("lr", self.lr), ("weight_decay", self.weight_decay), ("clip", self.clip), *factors):
            if bounds is not None and bounds.low <= 0:
                yield f"{name} is above 0; given {bounds}"

    def _hyper_faults(self) -> Iterator[str]:
        for name, bounds in self.hyper:
            takers = [optimizer for optimizer in self.optimizers if name in names_of(optimizer)]
            if not takers:
                others = [optimizer for optimizer in RULES if name in names_of(optimizer)]
                yield f"{name} is for {', '.join(others)}; given {', '.join(self.optimizers)}"
            for spec in (spec for optimizer in takers for spec in RULES[optimizer].hyperparameters):
                if spec.name == name and not (spec.allows(bounds.low) and spec.allows(bounds.high)):
                    yield f"{name} is {spec.allowed}; given {bounds}"
            if not bounds.fixed and scale_of(name) == "log" and bounds.low <= 0:
                yield f"{name} is searched on a logarithmic scale, above 0; given {bounds}"
            if name == "dampening" and bounds.high >= 1:  # the weights would not change
                yield f"dampening is below 1; given {bounds}"

    def _group_faults(self) -> Iterator[str]:
        if not (self.no_decay or self.lr_factor):
            return
        try:
            patterns = self.recipe_with_groups().groups.no_decay
        except RecipeError as error:
            yield str(error).rstrip(".")
            return
        decays = self.weight_decay is not None or any(
            spec.name == "weight_decay" and spec.default > 0
            for optimizer in self.optimizers
            for spec in RULES[optimizer].hyperparameters
        )
        if patterns and not decays:
            yield f"no_decay needs weight_decay, which {', '.join(self.optimizers)} does not have by default"


def usual_settings(names: Sequence[str]) -> dict[str, Any]:
    """Return the usual ranges of some settings, as :meth:`SearchSpace.of` takes them.

    Raises:
        RecipeError: If a name has no usual range.
    """
    unknown = [name for name in names if name not in USUAL_RANGES]
    if unknown:
        always = {"lr": ALWAYS_SEARCHED_HINT, "momentum": ALWAYS_SEARCHED_HINT, "lr_factor": LR_FACTOR_HINT}.get(
            unknown[0]
        )
        raise RecipeError(
            f"no {unknown[0]!r} to search; there are {', '.join(USUAL_RANGES)}.",
            hint=always or did_you_mean(unknown[0], USUAL_RANGES),
        )
    return {name: USUAL_RANGES[name] for name in names}


def _parse_field(name: str, value: Any) -> Any:
    """Return the value of a field from data of a file or the command line.

    Raises:
        ValueError: If the value is not allowed; the message says what is.
    """
    if name in ("optimizers", "schedules", "momentum_schedules", "no_decay"):
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list | tuple) or not all(isinstance(each, str) for each in names):
            raise ValueError(f'names, as in ["sgd", "adam"]; given {value!r}')
        return tuple(dict.fromkeys(names))
    if name == "nesterov":
        choices = [value] if isinstance(value, bool) else value
        if not isinstance(choices, list | tuple) or not all(isinstance(each, bool) for each in choices):
            raise ValueError(f"true, false or [false, true]; given {value!r}")
        return tuple(dict.fromkeys(choices))
    if name == "lr_factor":
        if not isinstance(value, Mapping) or not all(isinstance(pattern, str) for pattern in value):
            raise ValueError(f"factors by pattern, as in {{head = [1, 30]}}; given {value!r}")
        return tuple((pattern, Range.of(factor)) for pattern, factor in value.items())
    return Range.of(value)


RANGE_MARK, LIST_SEPARATOR, FACTOR_MARK, PATTERN_SEPARATOR = "..", ",", ":", "+"


def read_settings(texts: Sequence[str]) -> dict[str, Any]:
    """Return settings of the command line as names and values that :meth:`SearchSpace.of` takes.

    A value is a number, ``LOW..HIGH``, names joined by commas, or factors of patterns, ``PATTERN:FACTOR``, joined by
    ``+``.

    Args:
        texts: Settings, each as ``NAME=VALUE``.

    Raises:
        RecipeError: If a text is none of these, or a name is given twice.

    Example:
        >>> read_settings(["beta2=0.9..0.999", "no_decay=bias+norm", "lr_factor=head:10+body:0.1..1"])
        {'beta2': [0.9, 0.999], 'no_decay': 'bias+norm', 'lr_factor': {'head': 10.0, 'body': [0.1, 1.0]}}
    """
    settings: dict[str, Any] = {}
    for text in texts:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not (name and sign and value):
            raise RecipeError(f"--set takes NAME=VALUE; given {text!r}.", hint="for example --set beta2=0.9..0.999.")
        if name in settings:
            raise RecipeError(f"--set gives {name} twice.")
        settings[name] = _factors(value) if name == "lr_factor" else _value(value)
    return settings


def _factors(text: str) -> dict[str, Any]:
    factors = {}
    for part in text.split(PATTERN_SEPARATOR):
        pattern, sign, factor = part.rpartition(FACTOR_MARK)
        if not sign:
            raise RecipeError(
                f"lr_factor takes PATTERN:FACTOR; given {part!r}.", hint="for example head:10 or head:1..30."
            )
        factors[pattern] = _value(factor)
    return factors


def _value(text: str) -> Any:
    if RANGE_MARK in text:
        return [_scalar(bound) for bound in text.split(RANGE_MARK)]
    if LIST_SEPARATOR in text:
        return [_scalar(part.strip()) for part in text.split(LIST_SEPARATOR)]
    return _scalar(text)


def _scalar(text: str) -> Any:
    """Return a number, a boolean, or the text itself."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return float(text)
    except ValueError:
        return text


def load_space(text: str) -> SearchSpace:
    """Return the search space in a file.

    Args:
        text: ``space.toml``, or ``file.py:name`` with the name of a SearchSpace or a dict.

    Raises:
        RecipeError: If there is no such file or name, or it contains no valid search space.
    """
    path, _, name = text.rpartition(":") if ".py:" in text else (text, "", "")
    if path.endswith(".py"):
        if not name:
            raise RecipeError(f"{text} does not say which search space.", hint=f"write {path}:NAME.")
        found = object_from_file(Path(path), name)
        return found if isinstance(found, SearchSpace) else SearchSpace.of(_mapping(text, found))
    try:
        return SearchSpace.of(tomllib.loads(Path(path).read_text(encoding="utf-8")))
    except OSError as error:
        raise RecipeError(
            f"{path}: {error.strerror or error}.", hint="--space takes FILE.toml or FILE.py:NAME"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not valid TOML: {error}.") from None


def _mapping(text: str, value: object) -> dict[str, object]:
    if isinstance(value, dict):
        return value
    raise RecipeError(f"{text} is a {type(value).__name__}; a search space is a SearchSpace or a dict.")
