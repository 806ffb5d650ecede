"""Schedules of the momentum that the search chooses from, each from its largest value."""

from __future__ import annotations

from collections.abc import Callable

from surefoot.recipe.families import family_of
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.base import Schedule
from surefoot.schedules.composers import Warmup
from surefoot.schedules.constant import Constant
from surefoot.schedules.length import Length
from surefoot.schedules.onecycle import OneCycle
from surefoot.schedules.polynomial import Linear
from surefoot.schedules.scaled import digits

# Momentum that warms up rises from 0 for this share of the training, in percent.
WARMUP_PERCENT = 10
# In the middle of its cycle momentum remembers a third as many steps: 0.85 for 0.95, as torch's OneCycleLR.
CYCLE_MEMORIES = 3.0


def _cycle(momentum: float) -> Schedule:
    low = digits(max(0.0, 1.0 - CYCLE_MEMORIES * (1.0 - momentum)))
    return OneCycle(low, start=momentum, final=momentum)


MOMENTUM_SHAPES: dict[str, Callable[[float], Schedule]] = {
    "constant": Constant,
    "warmup": lambda momentum: Warmup(Constant(momentum), Length(WARMUP_PERCENT, percent=True)),
    "onecycle": _cycle,
    "linear": Linear,
}


def shaped_momentum(name: str, momentum: float) -> Schedule:
    """Return a schedule of the momentum by its shape.

    Args:
        name: ``constant``; ``warmup``: it rises from 0 in the first tenth; ``onecycle``: down and up again, against a
            one-cycle learning rate; ``linear``: it falls to 0 at the end.
        momentum: Its largest value.

    Reference:
        onecycle: Smith & Topin (2018), arXiv:1708.07120; decay to zero: Chen et al. (2019), arXiv:1910.04952.

    Example:
        >>> from surefoot.schedules import schedule_text
        >>> schedule_text(shaped_momentum("onecycle", 0.95))
        'onecycle(0.85, start=0.95, final=0.95)'
    """
    return MOMENTUM_SHAPES[name](momentum) if momentum > 0 else Constant(momentum)


def momentum_shape(schedule: Schedule) -> str:
    """Return the shape of a momentum's schedule; one that is none of ours counts as constant."""
    return schedule.name if schedule.name in MOMENTUM_SHAPES else "constant"


def with_momentum(recipe: Recipe, momentum: float) -> Recipe:
    """Return a recipe with another momentum, in a schedule of the same shape.

    Example:
        >>> str(with_momentum(Recipe.parse("sgd(lr=0.1, momentum=linear(0.9))"), 0.5))
        'sgd(lr=0.1, momentum=linear(0.5))'
    """
    name = family_of(recipe.optimizer).momentum
    if name is None:
        return recipe
    return recipe.with_(**{name: shaped_momentum(momentum_shape(recipe.momentum), momentum)})
