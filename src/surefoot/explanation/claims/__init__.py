"""All claims by name: a claim is a pure function of an experiment, with what it needs from the experiment."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from functools import partial

from surefoot.core.errors import TaskError, did_you_mean
from surefoot.explanation.claim_result import ClaimResult
from surefoot.explanation.claims import learning_rate, momentum, on_surfaces, optimizers_and_schedules
from surefoot.explanation.experiment_results import (
    ADAM,
    DECAY_SCHEDULES,
    PLAIN_SGD,
    RMSPROP,
    SGD_AT_ALL_MOMENTA,
    SGD_WITH_MOMENTUM,
    Experiment,
    Variant,
)
from surefoot.surfaces.surface import Surface


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim before it is tested.

    Attributes:
        assess: Tests the claim on an experiment.
        variants: Variants whose sweeps the claim needs.
        needs_stability: Whether the claim needs the stability limits.
        why_not_testable: Returns why the claim cannot be tested on a surface, ``None`` if it can.
    """

    assess: Callable[[Experiment], ClaimResult]
    variants: tuple[Variant, ...] = ()
    needs_stability: bool = False
    why_not_testable: Callable[[Surface], str | None] = field(default=lambda _: None)


def _needs_batches(_: Surface) -> str:
    return "it has no batches; the map of surefoot play shows its stability limits exactly"


def _needs_validation(_: Surface) -> str:
    return "it has no validation loss"


# In the order of a textbook: learning rate, momentum, both together, other optimizers, schedules, consequences.
CLAIMS: dict[str, Claim] = {
    "high-rate": Claim(learning_rate.high_rate, (SGD_WITH_MOMENTUM,)),
    "low-rate": Claim(learning_rate.low_rate, (SGD_WITH_MOMENTUM,)),
    "middle-rate": Claim(learning_rate.middle_rate, SGD_AT_ALL_MOMENTA),
    "momentum-speed": Claim(momentum.speed, (PLAIN_SGD, SGD_WITH_MOMENTUM)),
    "momentum-damps": Claim(on_surfaces.damping, why_not_testable=on_surfaces.why_no_ravine),
    "momentum-escapes": Claim(on_surfaces.escape, why_not_testable=on_surfaces.why_no_shallow_minimum),
    "momentum-widens": Claim(momentum.widens, needs_stability=True, why_not_testable=_needs_batches),
    "momentum-narrows": Claim(momentum.narrows, needs_stability=True, why_not_testable=_needs_batches),
    "momentum-steadies": Claim(momentum.steadies, (PLAIN_SGD, SGD_WITH_MOMENTUM)),
    "momentum-replaces": Claim(momentum.replacement, SGD_AT_ALL_MOMENTA),
    "one-number": Claim(momentum.one_number, SGD_AT_ALL_MOMENTA),
    **{
        f"{variant.name}-{name}": Claim(partial(assess, variant=variant), (SGD_WITH_MOMENTUM, variant))
        for name, assess in (("tuning", optimizers_and_schedules.tuning), ("speed", optimizers_and_schedules.speed))
        for variant in (ADAM, RMSPROP)
    },
    **{
        f"{name}-decay": Claim(
            partial(optimizers_and_schedules.decay, name=name), (SGD_WITH_MOMENTUM, Variant(decay=name))
        )
        for name in DECAY_SCHEDULES
    },
    "default": Claim(learning_rate.default_rate, SGD_AT_ALL_MOMENTA),
    "fitting": Claim(learning_rate.fitting, (SGD_WITH_MOMENTUM,), why_not_testable=_needs_validation),
}


def require_known(names: Collection[str]) -> None:
    """Raise an error unless all names are those of claims.

    Raises:
        TaskError: With the most similar name as a hint.
    """
    for name in names:
        if name not in CLAIMS:
            hint = did_you_mean(name, CLAIMS) or f"known: {', '.join(CLAIMS)}."
            raise TaskError(f"there is no claim {name!r}.", hint=hint)


def assess_claims(experiment: Experiment, names: Collection[str]) -> tuple[ClaimResult, ...]:
    """Return the results of some claims, in the order of ``CLAIMS``."""
    return tuple(replace(CLAIMS[name].assess(experiment), name=name) for name in CLAIMS if name in names)
