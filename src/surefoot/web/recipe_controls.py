"""The page's controls of a recipe: optimizer, learning rate, momentum and schedule."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import MISSING, asdict, dataclass
from typing import Any

from surefoot.core.errors import QueryError
from surefoot.core.formatting import short_repr
from surefoot.optimizers import RULES
from surefoot.optimizers.rule import UpdateRule
from surefoot.optimizers.sgd import SGD
from surefoot.recipe.recipe import Recipe
from surefoot.recipe.settings import momentum_use
from surefoot.schedules import SCHEDULES
from surefoot.schedules.composition import Sequence, Warmup, scaled
from surefoot.schedules.constant import Constant
from surefoot.schedules.schedule import Schedule, fields_of
from surefoot.schedules.text import parse_schedule


def _initial_recipe(rule: type[UpdateRule], **settings: Any) -> str:
    """Return the recipe from which an optimizer starts: its usual settings, with a rate that suits the surfaces."""
    rate = {} if rule.surface_lr is None else {"lr": rule.surface_lr}
    return str(Recipe.of(rule.name, **(dict(rule.usual) | rate | settings)))


# The choices of the optimizer control, and the recipe that each starts from.
OPTIMIZER_CHOICES: dict[str, str] = {
    "sgd": _initial_recipe(SGD),
    "nesterov": _initial_recipe(SGD, nesterov=True),
    **{
        name: _initial_recipe(rule)
        for name, rule in RULES.items()
        if rule is not SGD and not rule.splits_hidden  # a surface has no hidden matrices
    },
}
# The choices of the schedule control: schedules that need nothing but a peak.
SCHEDULE_CHOICES = tuple(
    name for name, kind in SCHEDULES.items() if all(field.default is not MISSING for field in fields_of(kind)[1:])
)
# Bounds of the sliders; chosen, so that the surfaces' stable and unstable settings are within them.
MIN_LR, MAX_LR, MAX_SLIDER_MOMENTUM = 1e-6, 100.0, 0.999


@dataclass(frozen=True, slots=True)
class RecipeControls:
    """What the page's controls show of a recipe.

    Attributes:
        optimizer: One of :data:`OPTIMIZER_CHOICES`, else the recipe's optimizer.
        lr: Learning rate at the peak of its schedule.
        momentum: Momentum at the highest value of its schedule; ``None`` if the optimizer has none.
        schedule: Name of the learning rate's schedule, ``"sequence"`` if several follow each other.
    """

    optimizer: str
    lr: float
    momentum: float | None
    schedule: str

    def to_json(self) -> dict[str, Any]:
        """Return the controls as JSON data."""
        return asdict(self)


def controls_of(recipe: Recipe) -> RecipeControls:
    """Return what the controls show of a recipe.

    Example:
        >>> controls_of(Recipe.parse("sgd(lr=cosine(0.3, warmup=5%), momentum=0.9)"))
        RecipeControls(optimizer='sgd', lr=0.3, momentum=0.9, schedule='cosine')
    """
    is_nesterov = recipe.optimizer == "sgd" and "nesterov" in recipe.switches
    return RecipeControls(
        optimizer="nesterov" if is_nesterov else recipe.optimizer,
        lr=recipe.lr.highest,
        momentum=None if momentum_use(recipe.optimizer).momentum is None else recipe.momentum.highest,
        schedule=_schedule_name(recipe.lr),
    )


def with_control(recipe: Recipe, *, control: str, value: str) -> Recipe:
    """Return a recipe with one control changed and everything else kept; another optimizer starts a new recipe.

    Args:
        recipe: The recipe before.
        control: Name of the control: ``optimizer``, ``lr``, ``momentum`` or ``schedule``.
        value: The control's new value, as text.

    Raises:
        QueryError: If the optimizer has no such control, or the value is out of its bounds.

    Example:
        >>> before = Recipe.parse("sgd(lr=cosine(0.3, warmup=5%), momentum=0.9, clip=1)")
        >>> str(with_control(before, control="lr", value="0.1"))
        'sgd(lr=cosine(0.1, warmup=5%), momentum=0.9, clip=1)'
        >>> str(with_control(before, control="optimizer", value="adam"))
        'adam(lr=0.1)'
    """
    momentum_name = momentum_use(recipe.optimizer).momentum
    if control == "optimizer":
        return Recipe.parse(OPTIMIZER_CHOICES[_choice("optimizer", value, allowed=OPTIMIZER_CHOICES)])
    if control == "schedule":
        name = _choice("schedule", value, allowed=SCHEDULE_CHOICES)
        return recipe.with_(lr=parse_schedule(f"{name}({recipe.lr.highest!r})"))
    if control == "lr":
        return recipe.with_(lr=_with_peak(recipe.lr, _number("lr", value, low=MIN_LR, high=MAX_LR)))
    if control == "momentum" and momentum_name is not None:
        momentum = _number("momentum", value, low=0.0, high=MAX_SLIDER_MOMENTUM)
        return recipe.with_(**{momentum_name: _with_peak(recipe.momentum, momentum)})
    controls = ["optimizer", "lr", *(["momentum"] if momentum_name else []), "schedule"]
    raise QueryError(
        f"{recipe.optimizer} has no control {short_repr(control)}; its controls are {', '.join(controls)}."
    )


def _schedule_name(schedule: Schedule) -> str:
    inner = schedule.schedule if isinstance(schedule, Warmup) else schedule
    return "sequence" if isinstance(inner, Sequence) else inner.name


def _with_peak(schedule: Schedule, peak: float) -> Schedule:
    """Return a schedule of the same shape with another peak."""
    if isinstance(schedule, Constant) or schedule.highest <= 0.0:
        return Constant(peak)
    return scaled(schedule, peak / schedule.highest)


def _number(name: str, text: str, *, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise QueryError(f"{name} must be a number from {low:g} to {high:g}; given {short_repr(text)}.")
    return value


def _choice(name: str, text: str, *, allowed: Collection[str]) -> str:
    if text not in allowed:
        raise QueryError(f"{name} must be one of {', '.join(allowed)}; given {short_repr(text)}.")
    return text
