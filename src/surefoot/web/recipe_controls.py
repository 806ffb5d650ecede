"""A recipe as a few dials: method, learning rate, momentum, schedule. Turned, they give a recipe again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from surefoot.core.errors import QueryError
from surefoot.core.formatting import shown
from surefoot.recipe.names import family_of
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.composition import Sequence, Warmup, scaled
from surefoot.schedules.constant import Constant
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.text import parse_schedule

# What the page calls them, the recipe they begin with and the rates that make sense: sliders go from low to high.
METHODS: dict[str, str] = {
    "sgd": "sgd(lr=0.1, momentum=0.9)",
    "nesterov": "sgd(lr=0.1, momentum=0.9, nesterov=true)",
    "rmsprop": "rmsprop(lr=0.05)",
    "adagrad": "adagrad(lr=0.5)",
    "adadelta": "adadelta(lr=1)",
    "adam": "adam(lr=0.1)",
    "adamw": "adamw(lr=0.1)",
    "nadam": "nadam(lr=0.1)",
    "lion": "lion(lr=0.05)",
    "adafactor": "adafactor(lr=0.1)",
}
# With a peak alone each of them is a whole schedule.
SHAPES = ("constant", "linear", "cosine", "onecycle", "triangular", "wsd", "cosine_restarts", "inverse_sqrt")
LOWEST_RATE, HIGHEST_RATE, HIGHEST_MOMENTUM = 1e-6, 100.0, 0.999


@dataclass(frozen=True, slots=True)
class Dials:
    """What sliders show of a recipe.

    Attributes:
        method: One of ``METHODS``, or the optimizer's name.
        lr: At its peak.
        momentum: At its highest, ``None`` where the optimizer has none.
        schedule: The name of the learning rate's schedule, ``joined`` where there are several.
    """

    method: str
    lr: float
    momentum: float | None
    schedule: str

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return asdict(self)


def dials_of(recipe: Recipe) -> Dials:
    """Return what sliders show of a recipe.

    Example:
        >>> dials_of(Recipe.parse("sgd(lr=cosine(0.3, warmup=5%), momentum=0.9)"))
        Dials(method='sgd', lr=0.3, momentum=0.9, schedule='cosine')
    """
    has_momentum = family_of(recipe.optimizer).momentum is not None
    method = "nesterov" if recipe.optimizer == "sgd" and "nesterov" in recipe.switches else recipe.optimizer
    momentum = recipe.momentum.highest if has_momentum else None
    return Dials(method, recipe.lr.highest, momentum, _shape(recipe.lr))


def turned(recipe: Recipe, dial: str, value: str) -> Recipe:
    """Return a recipe with one dial turned; whatever else it says stays.

    Args:
        recipe: The recipe.
        dial: ``method``, ``lr``, ``momentum`` or ``schedule``.
        value: What it is turned to.

    Raises:
        QueryError: If there is no such dial or it does not go so far.

    Example:
        >>> str(turned(Recipe.parse("sgd(lr=cosine(0.3, warmup=5%), momentum=0.9, clip=1)"), "lr", "0.1"))
        'sgd(lr=cosine(0.1, warmup=5%), momentum=0.9, clip=1)'
        >>> str(turned(Recipe.parse("sgd(lr=0.3, momentum=0.9)"), "method", "adam"))
        'adam(lr=0.1)'
    """
    if dial == "method":
        return Recipe.parse(METHODS[_one_of("method", value, METHODS)])
    if dial == "schedule":
        shape = _one_of("schedule", value, SHAPES)
        return recipe.with_(lr=parse_schedule(f"{shape}({recipe.lr.highest!r})"))
    if dial == "lr":
        return recipe.with_(lr=_at_peak(recipe.lr, _number("lr", value, LOWEST_RATE, HIGHEST_RATE)))
    name = family_of(recipe.optimizer).momentum
    if dial == "momentum" and name is not None:
        return recipe.with_(
            **{name: _at_peak(recipe.momentum, _number("momentum", value, 0.0, HIGHEST_MOMENTUM))},
        )
    raise QueryError(f"{recipe.optimizer} has no dial {shown(dial)}; there are method, lr, momentum, schedule.")


def _shape(schedule: Schedule) -> str:
    inner = schedule.schedule if isinstance(schedule, Warmup) else schedule
    return "joined" if isinstance(inner, Sequence) else inner.name


def _at_peak(schedule: Schedule, value: float) -> Schedule:
    """Return a schedule of the same shape with another peak."""
    if isinstance(schedule, Constant) or schedule.highest <= 0.0:
        return Constant(value)
    return scaled(schedule, value / schedule.highest)


def _number(name: str, text: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not low <= value <= high:
        raise QueryError(f"the dial {name} goes from {low:g} to {high:g}; given {shown(text)}.")
    return value


def _one_of(name: str, text: str, known: Collection[str]) -> str:
    if text not in known:
        raise QueryError(f"the dial {name} has {', '.join(known)}; given {shown(text)}.")
    return text
