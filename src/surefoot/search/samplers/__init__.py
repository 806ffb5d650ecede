"""Samplers: which points of the space are tried at the lowest rung, all on the same engine."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from surefoot.core.errors import TaskError, nearest
from surefoot.search.samplers.basic import Grid, RandomSearch, Sampler, SurrogateSampler
from surefoot.search.samplers.optuna_samplers import OptunaSampler, gaussian_process, seeded, tpe

SAMPLERS: dict[str, Sampler] = {
    sampler.name: sampler
    for sampler in (
        SurrogateSampler(),
        OptunaSampler("tpe", tpe),
        OptunaSampler("gp", gaussian_process),
        RandomSearch(),
        Grid(),
    )
}


def as_sampler(given: Any) -> Sampler:
    """Return a sampler by its name, as it is, or around one of Optuna's.

    Args:
        given: One of ``SAMPLERS``, an object with ``first`` and ``more``, or an Optuna sampler.

    Raises:
        TaskError: If it is none of these.

    Example:
        >>> as_sampler("grid").name
        'grid'
    """
    if isinstance(given, str):
        if given not in SAMPLERS:
            raise TaskError(f"no sampler {given!r}; there are {', '.join(SAMPLERS)}.", hint=nearest(given, SAMPLERS))
        return SAMPLERS[given]
    if hasattr(given, "first") and hasattr(given, "more"):
        sampler: Sampler = given
        return sampler
    if hasattr(given, "sample_relative") and hasattr(given, "sample_independent"):
        # A copy for each round: what it has drawn before must not hang on what a study has recorded already.
        return OptunaSampler(type(given).__name__, lambda seed: seeded(deepcopy(given), seed))
    raise TaskError(
        f"a sampler is one of {', '.join(SAMPLERS)}, one of Optuna's, or an object with first and more; "
        f"given {type(given).__name__}."
    )
