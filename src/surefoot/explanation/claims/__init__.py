"""The claims: each a pure function of the survey, and what of the survey it needs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from functools import partial

from surefoot.core.errors import TaskError, nearest
from surefoot.explanation.claim import Claim
from surefoot.explanation.claims import learning_rate, momentum, on_surfaces, optimizers_and_schedules
from surefoot.explanation.experiment import DECAYS, Kind, Survey
from surefoot.surfaces.surface import Surface


@dataclass(frozen=True, slots=True)
class Textbook:
    """A claim before it is judged.

    Attributes:
        judge: Survey -> the claim, judged.
        kinds: The sweeps that it needs.
        ranges: Whether it needs the stable ranges.
        why_not: Surface -> why it cannot be asked there, ``None`` where it can.
    """

    judge: Callable[[Survey], Claim]
    kinds: tuple[Kind, ...] = ()
    ranges: bool = False
    why_not: Callable[[Surface], str | None] = field(default=lambda _: None)


NO_BATCHES = "it has no batches; the map of surefoot play has its limits exactly"

# As in a textbook: the learning rate, momentum, the two together, other optimizers, schedules, what comes of them.
CLAIMS: dict[str, Textbook] = {
    "high-rate": Textbook(learning_rate.high_rate, learning_rate.HIGH_RATE_SWEEPS),
    "low-rate": Textbook(learning_rate.low_rate, learning_rate.LOW_RATE_SWEEPS),
    "middle-rate": Textbook(learning_rate.middle_rate, learning_rate.MIDDLE_RATE_SWEEPS),
    "momentum-speed": Textbook(momentum.momentum_speed, momentum.WITH_AND_WITHOUT),
    "momentum-damps": Textbook(on_surfaces.damping, why_not=on_surfaces.why_no_ravine),
    "momentum-escapes": Textbook(on_surfaces.escape, why_not=on_surfaces.why_no_escape),
    "momentum-widens": Textbook(momentum.widens, ranges=True, why_not=lambda _: NO_BATCHES),
    "momentum-narrows": Textbook(momentum.narrows, ranges=True, why_not=lambda _: NO_BATCHES),
    "momentum-steadies": Textbook(momentum.steadiness, momentum.WITH_AND_WITHOUT),
    "momentum-replaces": Textbook(momentum.replacement, momentum.REPLACEMENT_SWEEPS),
    "one-number": Textbook(momentum.one_number, momentum.ONE_NUMBER_SWEEPS),
    **{
        f"{kind.name}-{what}": Textbook(partial(judge, kind=kind), (optimizers_and_schedules.SGD, kind))
        for what, judge in (("tuning", optimizers_and_schedules.tuning), ("speed", optimizers_and_schedules.speed))
        for kind in (optimizers_and_schedules.ADAM, optimizers_and_schedules.RMSPROP)
    },
    **{
        f"{shape}-decay": Textbook(
            partial(optimizers_and_schedules.decay, shape=shape), (optimizers_and_schedules.CONSTANT, Kind(decay=shape))
        )
        for shape in DECAYS
    },
    "default": Textbook(learning_rate.default_rate, learning_rate.DEFAULT_RATE_SWEEPS),
    "fitting": Textbook(
        learning_rate.fitting, learning_rate.FITTING_SWEEPS, why_not=lambda _: "it has no validation loss"
    ),
}


def require_known(names: Collection[str]) -> None:
    """Make sure that there are such claims.

    Raises:
        TaskError: With the nearest known name.
    """
    for name in names:
        if name not in CLAIMS:
            raise TaskError(
                f"there is no claim {name!r}.", hint=nearest(name, CLAIMS) or f"known: {', '.join(CLAIMS)}."
            )


def judged(survey: Survey, names: Collection[str]) -> tuple[Claim, ...]:
    """Return some claims, judged."""
    return tuple(replace(CLAIMS[name].judge(survey), name=name) for name in CLAIMS if name in names)
