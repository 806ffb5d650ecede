"""Schedule shapes that the search chooses from, each from its peak, warmup and final fraction."""

from __future__ import annotations

from collections.abc import Callable

from surefoot.errors import RecipeError, nearest
from surefoot.schedules.base import Schedule
from surefoot.schedules.composers import Warmup
from surefoot.schedules.constant import Constant
from surefoot.schedules.cosine import Cosine
from surefoot.schedules.exponential import Exponential
from surefoot.schedules.inverse_sqrt import InverseSqrt
from surefoot.schedules.length import Length
from surefoot.schedules.onecycle import OneCycle
from surefoot.schedules.polynomial import Linear
from surefoot.schedules.scaled import digits
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
        >>> from surefoot.schedules import schedule_text
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
