"""Schedule shapes that the search chooses from, each from its peak, warmup and final fraction.

Schedules of the momentum that the search chooses from, each from its largest value.
"""

from __future__ import annotations

from collections.abc import Callable

from surefoot.core.errors import RecipeError, nearest
from surefoot.recipe.names import family_of
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.composition import Warmup, digits
from surefoot.schedules.constant import Constant
from surefoot.schedules.cosine import Cosine
from surefoot.schedules.exponential import Exponential
from surefoot.schedules.inverse_sqrt import InverseSqrt
from surefoot.schedules.length import Length
from surefoot.schedules.one_cycle import OneCycle
from surefoot.schedules.polynomial import Linear
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.step_decay import StepDecay
from surefoot.schedules.wsd import WarmupStableDecay

# An exponential decay never reaches 0; without a final fraction it ends at this share of its peak.
EXPONENTIAL_END = 0.01


SHAPES: dict[str, Callable[[float, float], Schedule]] = {
    "cosine": lambda peak, final: Cosine(peak, final=digits(peak * final)),
    "linear": lambda peak, final: Linear(peak, final=digits(peak * final)),
    "wsd": lambda peak, final: WarmupStableDecay(peak, final=digits(peak * final)),
    "constant": lambda peak, _: Constant(peak),
    "exponential": lambda peak, final: Exponential(peak, rate=final or EXPONENTIAL_END),
    "step": lambda peak, _: StepDecay(peak),
    "inverse_sqrt": lambda peak, _: InverseSqrt(peak),
    "onecycle": lambda peak, _: OneCycle(peak),
}
# One-cycle brings its own warmup.
WITHOUT_WARMUP = ("onecycle",)


def shaped(name: str, peak: float, *, warmup: float = 0.0, final: float = 0.0) -> Schedule:
    """Return a schedule by its shape.

    Args:
        name: One of ``SHAPES``.
        peak: Largest value.
        warmup: Share of the training, to whole percents.
        final: Last value as a share of the peak, for shapes that have one.

    Raises:
        RecipeError: If there is no such shape.

    Example:
        >>> from surefoot.schedules.text import schedule_text
        >>> schedule_text(shaped("cosine", 0.5, warmup=0.05))
        'cosine(0.5, warmup=5%)'
    """
    if name not in SHAPES:
        raise RecipeError(f"no schedule {name!r} to search; there are {', '.join(SHAPES)}.", hint=nearest(name, SHAPES))
    schedule = SHAPES[name](peak, final)
    percent = round(100 * warmup)
    if percent == 0 or name in WITHOUT_WARMUP:
        return schedule
    return Warmup(schedule, Length(percent, percent=True))


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
        >>> from surefoot.schedules.text import schedule_text
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
