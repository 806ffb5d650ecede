"""Shapes of the schedules that a search chooses from: of the learning rate and of the momentum."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from surefoot.core.errors import RecipeError, did_you_mean
from surefoot.core.plugins import Registry
from surefoot.recipe.recipe import Recipe
from surefoot.recipe.settings import momentum_use
from surefoot.schedules import BUILT_IN, is_schedule
from surefoot.schedules.composition import Warmup
from surefoot.schedules.constant import Constant
from surefoot.schedules.length import Length
from surefoot.schedules.one_cycle import OneCycle
from surefoot.schedules.polynomial import Linear
from surefoot.schedules.scanner import rounded_number
from surefoot.schedules.schedule import Schedule

# Momentum that warms up rises from 0 over this share of the training, in percent.
MOMENTUM_WARMUP_PERCENT = 10
# In the middle of its cycle, momentum averages over a third as many steps: 0.85 for 0.95, as in torch's OneCycleLR.
ONE_CYCLE_MEMORY_FACTOR = 3.0
# Shapes of the learning rate, by name.
SHAPES: Mapping[str, type[Schedule]] = Registry(
    {kind.name: kind for kind in BUILT_IN},
    "surefoot.schedules",
    is_entry=is_schedule,
    accept=lambda kind: kind.searched,
)


def _one_cycle_momentum(momentum: float) -> Schedule:
    low = rounded_number(max(0.0, 1.0 - ONE_CYCLE_MEMORY_FACTOR * (1.0 - momentum)))
    return OneCycle(low, start=momentum, final=momentum)


# Shapes of the momentum, by name; each makes a schedule from its largest value.
MOMENTUM_SHAPES: dict[str, Callable[[float], Schedule]] = {
    "constant": Constant,
    "warmup": lambda momentum: Warmup(Constant(momentum), Length(MOMENTUM_WARMUP_PERCENT, percent=True)),
    "onecycle": _one_cycle_momentum,
    "linear": Linear,
}


def make_lr_schedule(name: str, peak: float, *, warmup: float = 0.0, final: float = 0.0) -> Schedule:
    """Return a schedule of the learning rate.

    Args:
        name: Shape, one of ``SHAPES``.
        peak: Largest learning rate.
        warmup: Share of the training over which the rate rises, rounded to whole percents.
        final: Last rate as a share of the peak, for shapes that have one.

    Raises:
        RecipeError: If there is no such shape.

    Example:
        >>> from surefoot.schedules.text import schedule_text
        >>> schedule_text(make_lr_schedule("cosine", 0.5, warmup=0.05))
        'cosine(0.5, warmup=5%)'
    """
    if name not in SHAPES:
        raise RecipeError(
            f"no schedule {name!r} to search; there are {', '.join(SHAPES)}.", hint=did_you_mean(name, SHAPES)
        )
    schedule = SHAPES[name].from_peak(peak, final=final)
    percent = round(100 * warmup)
    if percent == 0 or SHAPES[name].brings_warmup:
        return schedule
    return Warmup(schedule, Length(percent, percent=True))


def make_momentum_schedule(name: str, momentum: float) -> Schedule:
    """Return a schedule of the momentum.

    Args:
        name: Shape: ``constant``; ``warmup`` rises from 0 over the first tenth; ``onecycle`` falls and rises again,
            opposite to a one-cycle learning rate; ``linear`` falls to 0 at the end.
        momentum: Largest momentum.

    Reference:
        onecycle: Smith & Topin (2018), arXiv:1708.07120; decay to zero: Chen et al. (2019), arXiv:1910.04952.

    Example:
        >>> from surefoot.schedules.text import schedule_text
        >>> schedule_text(make_momentum_schedule("onecycle", 0.95))
        'onecycle(0.85, start=0.95, final=0.95)'
    """
    return MOMENTUM_SHAPES[name](momentum) if momentum > 0 else Constant(momentum)


def momentum_shape(schedule: Schedule) -> str:
    """Return the shape of a schedule of the momentum; any other schedule counts as constant."""
    return schedule.name if schedule.name in MOMENTUM_SHAPES else "constant"


def with_momentum(recipe: Recipe, momentum: float) -> Recipe:
    """Return a recipe with another largest momentum, in a schedule of the same shape.

    Example:
        >>> str(with_momentum(Recipe.parse("sgd(lr=0.1, momentum=linear(0.9))"), 0.5))
        'sgd(lr=0.1, momentum=linear(0.5))'
    """
    name = momentum_use(recipe.optimizer).momentum
    if name is None:
        return recipe
    return recipe.with_(**{name: make_momentum_schedule(momentum_shape(recipe.momentum), momentum)})
