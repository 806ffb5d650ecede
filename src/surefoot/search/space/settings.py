"""What a search may vary beside rate, momentum, optimizer and schedule: a setting's axis, and its place in a recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from surefoot.recipe.names import family_of, names_of
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.composition import digits
from surefoot.search.space.axes import Axis, Choice, Range, Scale, axis_over, choice_of, scale_of
from surefoot.search.space.schedule_shapes import momentum_shape, shaped_momentum
from surefoot.search.space.search_space import SearchSpace

Value: TypeAlias = float | str


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a search, fixed or varied.

    Attributes:
        axis: Its values; ``None`` where it is fixed.
        fixed: Its value there.
        write: Adds a value to the settings of a recipe of some optimizer that is being made.
        read: Returns its value in a recipe, ``None`` where that has none.
    """

    axis: Axis | Choice | None
    fixed: Value
    write: Callable[[dict[str, Any], str, Any], None]
    read: Callable[[Recipe], Value | None]

    def put(self, settings: dict[str, Any], optimizer: str, at: dict[str, Any]) -> None:
        """Add its value at a point, given by the name of the axis, to settings of a recipe."""
        self.write(settings, optimizer, self.fixed if self.axis is None else at[self.axis.name])


def settings_of(space: SearchSpace) -> Iterator[Setting]:
    """Yield the settings of a space, in the order in which a recipe takes them."""
    yield _choice("nesterov", tuple("yes" if looking else "no" for looking in space.nesterov), _nesterov, _looks_ahead)
    yield _choice("momentum_schedule", space.momentum_schedules, _momentum_schedule, _momentum_shape)
    for name, found in (("weight_decay", space.weight_decay), *space.hyper):
        if found is not None:
            scale = scale_of(name)
            yield _number(name, found, scale, partial(_write_hyper, name), partial(_read_hyper, name))
    if space.clip is not None:
        yield _number("clip", space.clip, "log", _write_clip, lambda recipe: recipe.clip)
    if space.no_decay:
        yield _choice("no_decay", space.no_decay, _write_no_decay, lambda recipe: "+".join(recipe.groups.no_decay))
    for pattern, found in space.lr_factor:
        write, read = partial(_write_factor, pattern), partial(_read_factor, pattern)
        yield _number(f"lr_factor {pattern}", found, "log", write, read)


def _choice(name: str, options: tuple[str, ...], write: Any, read: Any) -> Setting:
    return Setting(choice_of(name, options), options[0], write, read)


def _number(name: str, found: Range, scale: Scale, write: Any, read: Any) -> Setting:
    return Setting(axis_over(name, found, scale), found.low, write, read)


def _nesterov(settings: dict[str, Any], optimizer: str, value: str) -> None:
    if "nesterov" in names_of(optimizer):
        settings["nesterov"] = settings.get("momentum", 0.0) > 0 and value == "yes"


def _looks_ahead(recipe: Recipe) -> str:
    return "yes" if "nesterov" in recipe.switches else "no"


def _momentum_schedule(settings: dict[str, Any], optimizer: str, value: str) -> None:
    name = family_of(optimizer).momentum
    if name is not None:
        settings[name] = shaped_momentum(value, settings[name])


def _momentum_shape(recipe: Recipe) -> str:
    return momentum_shape(recipe.momentum)


def _write_hyper(name: str, settings: dict[str, Any], optimizer: str, value: float) -> None:
    if name in names_of(optimizer):
        settings[name] = digits(value)


def _read_hyper(name: str, recipe: Recipe) -> float | None:
    return recipe.schedule(name).highest if name in names_of(recipe.optimizer) else None


def _write_clip(settings: dict[str, Any], _: str, value: float) -> None:
    settings["clip"] = digits(value)


def _write_no_decay(settings: dict[str, Any], _: str, value: str) -> None:
    settings["no_decay"] = tuple(filter(None, value.split("+")))


def _write_factor(pattern: str, settings: dict[str, Any], _: str, value: float) -> None:
    settings["lr_factor"] = {**settings.get("lr_factor", {}), pattern: digits(value)}


def _read_factor(pattern: str, recipe: Recipe) -> float | None:
    return dict(recipe.groups.lr_factor).get(pattern)
