"""Schedule shapes that the search chooses from, each from its peak, warmup and final fraction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from surefoot.errors import RecipeError, nearest
from surefoot.schedules import (
    Constant,
    Cosine,
    Exponential,
    InverseSqrt,
    Length,
    Linear,
    OneCycle,
    Schedule,
    StepDecay,
    Warmup,
    WarmupStableDecay,
)

# An exponential decay never reaches 0; without a final fraction it ends at this share of its peak.
EXPONENTIAL_END = 0.01


def digits(value: float) -> float:
    """Return a number to the four digits that recipes are written with."""
    return float(f"{value:.4g}")


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


def with_peak(schedule: Schedule, peak: float) -> Schedule:
    """Return a schedule of the search with another peak, and everything else in proportion.

    Example:
        >>> with_peak(Cosine(0.5, final=0.05), 0.01)
        Cosine(peak=0.01, final=0.001)
    """
    if isinstance(schedule, Warmup):
        return replace(schedule, schedule=with_peak(schedule.schedule, peak))
    final: float | None = getattr(schedule, "final", None)
    changes = {"final": digits(final * peak / schedule.highest)} if final else {}
    return replace(schedule, peak=peak, **changes)  # type: ignore[type-var]  # every schedule is a dataclass
