"""The claims: each a pure function of the survey, and what of the survey it needs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from functools import partial

from surefoot.errors import TaskError, nearest
from surefoot.explanation.claim import Claim
from surefoot.explanation.claims import (
    adaptive,
    default_rate,
    escape,
    fitting,
    high_rate,
    low_rate,
    middle_rate,
    momentum_speed,
    one_number,
    ravine,
    replacement,
    stable_range,
    steadiness,
)
from surefoot.explanation.claims.decay import CONSTANT, decay
from surefoot.explanation.survey import DECAYS, Kind, Survey
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
    "high-rate": Textbook(high_rate.high_rate, high_rate.KINDS),
    "low-rate": Textbook(low_rate.low_rate, low_rate.KINDS),
    "middle-rate": Textbook(middle_rate.middle_rate, middle_rate.KINDS),
    "momentum-speed": Textbook(momentum_speed.momentum_speed, momentum_speed.KINDS),
    "momentum-damps": Textbook(ravine.damping, why_not=ravine.why_no_ravine),
    "momentum-escapes": Textbook(escape.escape, why_not=escape.why_no_escape),
    "momentum-widens": Textbook(stable_range.widens, ranges=True, why_not=lambda _: NO_BATCHES),
    "momentum-narrows": Textbook(stable_range.narrows, ranges=True, why_not=lambda _: NO_BATCHES),
    "momentum-steadies": Textbook(steadiness.steadiness, steadiness.KINDS),
    "momentum-replaces": Textbook(replacement.replacement, replacement.KINDS),
    "one-number": Textbook(one_number.one_number, one_number.KINDS),
    **{
        f"{kind.name}-{what}": Textbook(partial(judge, kind=kind), (adaptive.SGD, kind))
        for what, judge in (("tuning", adaptive.tuning), ("speed", adaptive.speed))
        for kind in (adaptive.ADAM, adaptive.RMSPROP)
    },
    **{f"{shape}-decay": Textbook(partial(decay, shape=shape), (CONSTANT, Kind(decay=shape))) for shape in DECAYS},
    "default": Textbook(default_rate.default_rate, default_rate.KINDS),
    "fitting": Textbook(fitting.fitting, fitting.KINDS, why_not=lambda _: "it has no validation loss"),
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
