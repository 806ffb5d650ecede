"""``surefoot.explain_surface``: do the textbook's claims hold on a landscape."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace

from surefoot.errors import TaskError
from surefoot.explanation.claims import CLAIMS, judged, require_known
from surefoot.explanation.conduct import FEWEST_STEPS, conduct, design
from surefoot.explanation.contrast import contrastable, contrasts
from surefoot.explanation.explain import FEWEST_SEEDS, SEEDS
from surefoot.explanation.landscape import Landscape, Roller
from surefoot.explanation.result import ExplainResult
from surefoot.fleet.progress import Progress, Silent
from surefoot.interruption import Stop, never
from surefoot.surfaces.gallery import surface_named
from surefoot.surfaces.surface import Surface

STEPS = 200


def explain_surface(
    surface: Surface | str,
    *,
    claims: Collection[str] = (),
    seeds: int = SEEDS,
    steps: int = STEPS,
    seed: int = 0,
    progress: Progress | None = None,
    stop: Stop = never,
) -> ExplainResult:
    """Judge the textbook's claims on learning rate and momentum on a landscape of one or two parameters.

    Every seed is a random start, and the luck of the surface's noise. All else is as in :func:`surefoot.explain`: the
    same claims, judged by the same rules.

    Args:
        surface: Where, or its name.
        claims: Names of those wanted; all that can be asked there, if none are given.
        seeds: How many starts, at least 2.
        steps: Length of every descent, at least 40.
        seed: The first of the seeds.
        progress: Receives what happens.
        stop: Asked before every start; where it says yes, :class:`Interrupted` is raised.

    Returns:
        The claims with their verdicts, and those that cannot be asked there with the reason.

    Raises:
        RecipeError: If there is no such surface.
        TaskError: If there is no such claim, it cannot be asked there, or seeds or steps are too few.
        Interrupted: If asked to stop.

    Example:
        >>> found = explain_surface("ravine", claims=["momentum-damps"], seeds=3)
        >>> found.claims[0].verdict
        'holds'
    """
    begin = time.perf_counter()
    require_known(claims)
    surface = surface_named(surface) if isinstance(surface, str) else surface
    _require_enough(seeds, steps)
    left_out = {name: why for name, claim in CLAIMS.items() if (why := claim.why_not(surface)) is not None}
    for name in claims:
        if name in left_out:
            raise TaskError(f"{name} cannot be asked on {surface.name}: {left_out[name]}.")
    names = tuple(claims) or tuple(name for name in CLAIMS if name not in left_out)
    kinds = {kind for name in names for kind in CLAIMS[name].kinds}
    landscape = Landscape(surface, steps)
    wanted = design(landscape, kinds, ranges=False, seeds=seeds, ceiling=None)
    listener = progress or Silent()
    listener.begin(config_steps=wanted.config_steps)
    roller = Roller(range(seed, seed + seeds), listener, stop)
    survey = replace(conduct(landscape, wanted, roller, ranges=None), first_seed=seed, surface=surface)
    return ExplainResult(
        task=surface.name,
        claims=judged(survey, names),
        contrasts=contrasts(survey) if contrastable(wanted.kinds) else (),
        steps=wanted.steps,
        full_steps=wanted.steps,
        seeds=seeds,
        config_steps=round(roller.config_steps),
        seconds=time.perf_counter() - begin,
        plan=None,
        left_out=() if claims else tuple(left_out.items()),
    )


def _require_enough(seeds: int, steps: int) -> None:
    if seeds < FEWEST_SEEDS:
        raise TaskError(f"claims are judged by differences between starts: at least {FEWEST_SEEDS}; given {seeds}.")
    if steps < FEWEST_STEPS:
        raise TaskError(f"a descent of fewer than {FEWEST_STEPS} steps shows no course; given {steps}.")
