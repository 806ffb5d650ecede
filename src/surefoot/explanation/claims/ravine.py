"""Momentum damps oscillation across a ravine."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from surefoot.explanation.claim import Claim
from surefoot.explanation.effect import Effect, Number
from surefoot.explanation.figure import Ways
from surefoot.explanation.landscape import start_on
from surefoot.explanation.survey import USUAL, Kind, Survey
from surefoot.numerals import numeral
from surefoot.surfaces.descent import descend
from surefoot.surfaces.quadratics import Ravine
from surefoot.surfaces.surface import Surface

Array = NDArray[np.float64]

PLAIN, WITH = Kind(momentum=0.0), Kind(momentum=USUAL)
STEPS = 400
# So many steps of a way are drawn.
SHOWN = 40


def why_no_ravine(surface: Surface) -> str | None:
    """Return why a surface has no direction across, ``None`` where it has one."""
    if surface.dimensions == 1:
        return "it has one parameter, and nothing lies across it"
    if not surface.quadratic or surface.curvatures[0] == surface.curvatures[-1]:
        return "it is no straight ravine"
    return None


def damping(survey: Survey) -> Claim:
    """Judge it by how far balls go across in all, with steps that are as long on the whole: equal lr / (1 - momentum).

    The rate is 2 / (lowest + highest curvature), the fastest without momentum: with it the ball swings across as long
    as it creeps along.
    """
    surface = survey.surface or Ravine()
    fast = 2.0 / (surface.curvatures[0] + surface.curvatures[-1])
    slow = fast * (1.0 - USUAL)
    plain, equal, same = (
        np.array([_way_across(surface, kind, rate, seed) for seed in survey.seed_numbers])
        for kind, rate in ((PLAIN, fast), (WITH, slow), (WITH, fast))
    )
    effect = Effect(
        Number.of("way across without momentum over that with 0.9, equal lr / (1 - momentum)", plain / equal, unit="x"),
        notable=1.2,
    )
    at_one_rate = Number.of(f"the same, at one rate for both, {numeral(fast)}", plain / same, unit="x")
    ways = [(kind, rate, _way(surface, kind, rate, survey.first_seed)) for kind, rate in ((PLAIN, fast), (WITH, slow))]
    return Claim(
        title="Momentum damps oscillation across a ravine",
        effects=(effect,),
        sentence=(
            f"At {numeral(fast)}, the fastest rate without momentum, a ball goes {effect.number} as far across the "
            f"ravine, to and fro, as one with momentum 0.9 whose steps are as long on the whole (the same "
            f"lr / (1 - momentum)). At one rate for both it is {at_one_rate}.{_where(survey)}"
        ),
        figure=Ways(
            "The same lr / (1 - momentum), without momentum and with 0.9",
            surface,
            tuple((f"{kind.name}, lr {numeral(rate)}", way[: SHOWN + 1]) for kind, rate, way in ways),
        ),
        numbers=(at_one_rate,),
    )


def _where(survey: Survey) -> str:
    if survey.surface is not None:
        return ""
    return " On a network no ravine can be put where it is wanted: this was tried on the loss (x² / 20 + y²) / 2."


def _way_across(surface: Surface, kind: Kind, rate: float, seed: int) -> float:
    """Return how far a ball goes across in all, in shares of where it begins."""
    steepest = np.linalg.eigh(np.array(surface.hessian))[1][:, -1]
    places = _way(surface, kind, rate, seed) @ steepest
    return float(np.abs(np.diff(places)).sum() / abs(places[0]))


def _way(surface: Surface, kind: Kind, rate: float, seed: int) -> Array:
    start = start_on(surface, torch.Generator().manual_seed(seed))
    way: Array = descend(surface, [kind.recipe(rate)], steps=STEPS, start=start).positions[0]
    return way
