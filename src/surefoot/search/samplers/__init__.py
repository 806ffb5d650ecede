"""Samplers: which points of the search space are tried at the lowest rung."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from surefoot.core.errors import TaskError, did_you_mean
from surefoot.core.plugins import Registry
from surefoot.search.samplers.built_in_samplers import (
    Grid,
    OptunaSampler,
    RandomSearch,
    Sampler,
    SurrogateSampler,
    gaussian_process,
    seeded,
    tpe,
)

BUILT_IN = (
    SurrogateSampler(),
    OptunaSampler("tpe", tpe),
    OptunaSampler("gp", gaussian_process),
    RandomSearch(),
    Grid(),
)
SAMPLERS: Mapping[str, Sampler] = Registry({sampler.name: sampler for sampler in BUILT_IN}, "surefoot.samplers")


def as_sampler(sampler: Any) -> Sampler:
    """Return the sampler of a name, the sampler itself, or a wrapper of an Optuna sampler.

    Args:
        sampler: Name of one of ``SAMPLERS``, an object with the methods ``first`` and ``more``, or an Optuna sampler.

    Raises:
        TaskError: If it is none of these.

    Example:
        >>> as_sampler("grid").name
        'grid'
    """
    if isinstance(sampler, str):
        if sampler not in SAMPLERS:
            raise TaskError(
                f"no sampler {sampler!r}; there are {', '.join(SAMPLERS)}.", hint=did_you_mean(sampler, SAMPLERS)
            )
        return SAMPLERS[sampler]
    if hasattr(sampler, "first") and hasattr(sampler, "more"):
        own: Sampler = sampler
        return own
    if hasattr(sampler, "sample_relative") and hasattr(sampler, "sample_independent"):
        # A copy for each round: its points must not depend on how many were drawn before the study was resumed.
        return OptunaSampler(type(sampler).__name__, lambda seed: seeded(deepcopy(sampler), seed))
    raise TaskError(
        f"a sampler is one of {', '.join(SAMPLERS)}, one of Optuna's, or an object with first and more; "
        f"given {type(sampler).__name__}."
    )
