"""Momentum damps oscillation across a ravine.

Momentum carries over a shallow local minimum.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from surefoot.core.formatting import numeral
from surefoot.explanation.claim import Claim, Effect, Number, Ways
from surefoot.explanation.experiment import USUAL_MOMENTUM, Kind, Survey
from surefoot.explanation.run_experiment import start_on
from surefoot.surfaces.descent import Descent, descend
from surefoot.surfaces.one_dimensional import DoubleWell
from surefoot.surfaces.quadratics import Ravine
from surefoot.surfaces.surface import Surface

Array = NDArray[np.float64]

PLAIN, WITH = Kind(momentum=0.0), Kind(momentum=USUAL_MOMENTUM)
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
    slow = fast * (1.0 - USUAL_MOMENTUM)
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


# Rates tried, the same for both.
RATES = np.geomspace(1e-3, 0.3, 30)
# So many steps of a way are drawn.
ESCAPE_SHOWN = 100
# A count of none would have no ratio.
HALF = 0.5


def why_no_escape(surface: Surface) -> str | None:
    """Return why a surface has nothing to escape from, ``None`` where it has."""
    losses = surface.value(torch.tensor(surface.minima, dtype=torch.float64))
    if surface.dimensions != 1 or len(surface.minima) < 2 or not float(losses[1]) > float(losses[0]):
        return "it has no shallow minimum beside a deep one"
    return None


def escape(survey: Survey) -> Claim:
    """Judge it by the learning rates with which balls that first meet the shallow minimum end in the deep one."""
    surface = survey.surface or DoubleWell()
    seeds = survey.seed_numbers
    stays, leaves = ([_roll(surface, kind, seed) for seed in seeds] for kind in (PLAIN, WITH))
    without, with_momentum = (
        np.array([HALF + _out(surface, each).sum() for each in rolled]) for rolled in (stays, leaves)
    )
    effect = Effect(
        Number.of("rates that lead to the deep minimum, with 0.9 over without", with_momentum / without, unit="x"),
        notable=1.2,
    )
    counts = [
        Number.of(f"such rates of {len(RATES)}, and half of one, momentum {kind.momentum:g}", found)
        for kind, found in ((PLAIN, without), (WITH, with_momentum))
    ]
    return Claim(
        title="Momentum carries over a shallow local minimum",
        effects=(effect,),
        sentence=(
            f"Of {len(RATES)} learning rates from {numeral(float(RATES[0]))} to {numeral(float(RATES[-1]))}, "
            f"{numeral(counts[1].mean - HALF, digits=2)} carry a ball with momentum 0.9 past the shallow minimum into "
            f"the deep one, and {numeral(counts[0].mean - HALF, digits=2)} a ball without: {effect.number} as many, "
            f"half a rate added to each.{_escape_where(survey)}"
        ),
        figure=Ways("Past the shallow minimum, or not", surface, _ways(surface, stays[0], leaves[0])),
        numbers=tuple(counts),
    )


def _escape_where(survey: Survey) -> str:
    if survey.surface is not None:
        return ""
    return " On a network no minimum can be put where it is wanted: this was tried on the loss (x² - 1)² / 4 + 0.2 x."


def _roll(surface: Surface, kind: Kind, seed: int) -> Descent:
    """Let balls roll towards the shallow minimum, from the side where the deep one does not lie."""
    (deep,), (shallow,) = surface.minima[:2]
    edge = surface.box[0][shallow > deep]
    share = float(torch.rand(1, generator=torch.Generator().manual_seed(seed)))
    start = shallow + (0.3 + 0.6 * share) * (edge - shallow)
    return descend(surface, [kind.recipe(float(rate)) for rate in RATES], steps=STEPS, start=(start,))


def _out(surface: Surface, found: Descent) -> NDArray[np.bool_]:
    """Tell of every rate whether its ball ends in the region of the deep minimum ``[R]``."""
    ends = torch.from_numpy(found.positions[:, -1])
    deep = surface.basin(torch.tensor(surface.minima[0], dtype=torch.float64))
    out: NDArray[np.bool_] = ((surface.basin(ends) == deep) & ends.isfinite().all(-1)).numpy()
    return out


def _ways(surface: Surface, stays: Descent, leaves: Descent) -> tuple[tuple[str, NDArray[np.float64]], ...]:
    """Return a way of each kind at one rate, where there is one at which only momentum gets out."""
    telling = np.flatnonzero(_out(surface, leaves) & ~_out(surface, stays))
    place = int(telling[len(telling) // 2]) if len(telling) else len(RATES) // 2
    rate = numeral(float(RATES[place]))
    return tuple(
        (f"{kind.name}, lr {rate}", found.positions[place, : ESCAPE_SHOWN + 1])
        for kind, found in ((PLAIN, stays), (WITH, leaves))
    )
