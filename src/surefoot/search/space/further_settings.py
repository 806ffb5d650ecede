"""Searched settings: what a search may vary besides rate, momentum, optimizer and schedule of a recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from surefoot.recipe.recipe import Recipe
from surefoot.recipe.settings import momentum_use, names_of
from surefoot.schedules.scanner import rounded_number
from surefoot.search.space.axes import Axis, Choice, Range, Scale, choice_axis, range_axis, scale_of
from surefoot.search.space.schedule_shapes import make_momentum_schedule, momentum_shape
from surefoot.search.space.search_space import SearchSpace

Value: TypeAlias = float | str


@dataclass(frozen=True, slots=True)
class SearchedSetting:
    """One setting of the recipes of a search, varied or fixed.

    Attributes:
        axis: Axis of its values; ``None`` if it is fixed.
        fixed: Its value if it is fixed.
        write: ``write(arguments, optimizer, value)`` adds a value to the arguments of a recipe that is being made.
        read: Returns the value in a recipe; ``None`` where that has none.
    """

    axis: Axis | Choice | None
    fixed: Value
    write: Callable[[dict[str, Any], str, Any], None]
    read: Callable[[Recipe], Value | None]

    def add_to(self, arguments: dict[str, Any], optimizer: str, values: dict[str, Any]) -> None:
        """Add its value at a point to the arguments of a recipe; ``values`` has that of each axis by name."""
        self.write(arguments, optimizer, self.fixed if self.axis is None else values[self.axis.name])


def searched_settings(space: SearchSpace) -> Iterator[SearchedSetting]:
    """Yield the settings of a space, in the order in which a recipe takes them."""
    nesterov = tuple("yes" if each else "no" for each in space.nesterov)
    yield _choice("nesterov", nesterov, _write_nesterov, _read_nesterov)
    yield _choice("momentum_schedule", space.momentum_schedules, _write_momentum_schedule, _read_momentum_schedule)
    for name, bounds in (("weight_decay", space.weight_decay), *space.hyper):
        if bounds is not None:
            write, read = partial(_write_hyper, name), partial(_read_hyper, name)
            yield _number(name, bounds, write, read, scale=scale_of(name))
    if space.clip is not None:
        yield _number("clip", space.clip, _write_clip, lambda recipe: recipe.clip, scale="log")
    if space.no_decay:
        yield _choice("no_decay", space.no_decay, _write_no_decay, lambda recipe: "+".join(recipe.groups.no_decay))
    for pattern, bounds in space.lr_factor:
        write_factor, read_factor = partial(_write_lr_factor, pattern), partial(_read_lr_factor, pattern)
        yield _number(f"lr_factor {pattern}", bounds, write_factor, read_factor, scale="log")


def _choice(name: str, options: tuple[str, ...], write: Any, read: Any) -> SearchedSetting:
    return SearchedSetting(choice_axis(name, options), options[0], write, read)


def _number(name: str, bounds: Range, write: Any, read: Any, *, scale: Scale) -> SearchedSetting:
    return SearchedSetting(range_axis(name, bounds, scale=scale), bounds.low, write, read)


def _write_nesterov(arguments: dict[str, Any], optimizer: str, value: str) -> None:
    if "nesterov" in names_of(optimizer):
        arguments["nesterov"] = arguments.get("momentum", 0.0) > 0 and value == "yes"


def _read_nesterov(recipe: Recipe) -> str:
    return "yes" if "nesterov" in recipe.switches else "no"


def _write_momentum_schedule(arguments: dict[str, Any], optimizer: str, value: str) -> None:
    name = momentum_use(optimizer).momentum
    if name is not None:
        arguments[name] = make_momentum_schedule(value, arguments[name])


def _read_momentum_schedule(recipe: Recipe) -> str:
    return momentum_shape(recipe.momentum)


def _write_hyper(name: str, arguments: dict[str, Any], optimizer: str, value: float) -> None:
    if name in names_of(optimizer):
        arguments[name] = rounded_number(value)


def _read_hyper(name: str, recipe: Recipe) -> float | None:
    return recipe.schedule(name).highest if name in names_of(recipe.optimizer) else None


def _write_clip(arguments: dict[str, Any], _: str, value: float) -> None:
    arguments["clip"] = rounded_number(value)


def _write_no_decay(arguments: dict[str, Any], _: str, value: str) -> None:
    arguments["no_decay"] = tuple(filter(None, value.split("+")))


def _write_lr_factor(pattern: str, arguments: dict[str, Any], _: str, value: float) -> None:
    arguments["lr_factor"] = {**arguments.get("lr_factor", {}), pattern: rounded_number(value)}


def _read_lr_factor(pattern: str, recipe: Recipe) -> float | None:
    return dict(recipe.groups.lr_factor).get(pattern)
