"""Claims about momentum that are tested on a surface: it damps oscillation, and escapes a shallow minimum.

For a network they are tested on a known surface, as no ravine or minimum can be placed in a network's loss.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from surefoot.core.formatting import format_number
from surefoot.explanation.claim_result import NOTABLE_RATIO, ClaimResult, Effect, Estimate, Trajectories
from surefoot.explanation.experiment_results import DEFAULT_MOMENTUM, PLAIN_SGD, SGD_WITH_MOMENTUM, Experiment, Variant
from surefoot.explanation.experiment_runners import random_start
from surefoot.surfaces.benchmark_functions import DoubleWell
from surefoot.surfaces.descent import Descent, descend
from surefoot.surfaces.quadratics import Ravine
from surefoot.surfaces.surface import Surface

Array: TypeAlias = NDArray[np.float64]

# Number of steps of each descent.
DESCENT_STEPS = 400
# Number of steps that the figures show.
DAMPING_STEPS_SHOWN, ESCAPE_STEPS_SHOWN = 40, 100
# Learning rates that are tried to escape a minimum, the same without and with momentum.
ESCAPE_RATES = np.geomspace(1e-3, 0.3, 30)
# Added to every count of rates, so that a count of 0 has a ratio.
PSEUDO_COUNT = 0.5


def why_no_ravine(surface: Surface) -> str | None:
    """Return why oscillation across a ravine cannot be tested on a surface; ``None`` if it can."""
    if surface.dimensions == 1:
        return "it has one parameter, and so no direction across"
    if not surface.quadratic or surface.curvatures[0] == surface.curvatures[-1]:
        return "it is not a straight ravine"
    return None


def damping(experiment: Experiment) -> ClaimResult:
    """Assess that momentum shortens the path across a ravine, with equal lr / (1 - momentum).

    The learning rate is 2 / (lowest + highest curvature), the fastest without momentum: with it the error changes
    its sign across the ravine and shrinks along it by the same factor.
    """
    surface = experiment.surface or Ravine()
    fastest = 2.0 / (surface.curvatures[0] + surface.curvatures[-1])
    equivalent = fastest * (1.0 - DEFAULT_MOMENTUM)
    plain, momentum_equivalent, momentum_same_rate = (
        np.array([_path_across(surface, variant, rate=rate, seed=seed) for seed in experiment.all_seeds])
        for variant, rate in (
            (PLAIN_SGD, fastest),
            (SGD_WITH_MOMENTUM, equivalent),
            (SGD_WITH_MOMENTUM, fastest),
        )
    )
    shorter = Effect(
        Estimate.of(
            "path across without momentum over that with 0.9, equal lr / (1 - momentum)",
            plain / momentum_equivalent,
            unit="x",
        ),
        threshold=NOTABLE_RATIO,
    )
    same_rate = Estimate.of(
        f"the same, with one rate for both, {format_number(fastest)}", plain / momentum_same_rate, unit="x"
    )
    return ClaimResult(
        title="Momentum damps oscillation across a ravine",
        effects=(shorter,),
        sentence=(
            f"With {format_number(fastest)}, the fastest rate without momentum, the path across the ravine, to and "
            f"fro, is {shorter.estimate} as long as with momentum 0.9 and the same lr / (1 - momentum). With one rate "
            f"for both it is {same_rate}.{_surface_note(experiment, feature='ravine', formula='(x² / 20 + y²) / 2')}"
        ),
        figure=Trajectories(
            "The same lr / (1 - momentum), without momentum and with 0.9",
            surface,
            tuple(
                (
                    f"{variant.name}, lr {format_number(rate)}",
                    _trajectory(surface, variant, rate=rate, seed=experiment.first_seed)[: DAMPING_STEPS_SHOWN + 1],
                )
                for variant, rate in ((PLAIN_SGD, fastest), (SGD_WITH_MOMENTUM, equivalent))
            ),
        ),
        estimates=(same_rate,),
    )


def why_no_shallow_minimum(surface: Surface) -> str | None:
    """Return why an escape from a shallow minimum cannot be tested on a surface; ``None`` if it can."""
    losses = surface.value(torch.tensor(surface.minima, dtype=torch.float64))
    if surface.dimensions != 1 or len(surface.minima) < 2 or not float(losses[1]) > float(losses[0]):
        return "it has no shallow minimum next to a deep one"
    return None


def escape(experiment: Experiment) -> ClaimResult:
    """Assess that with momentum more learning rates lead past the shallow minimum into the deep one."""
    surface = experiment.surface or DoubleWell()
    plain, with_momentum = (
        [_descend_to_shallow_minimum(surface, variant, seed=seed) for seed in experiment.all_seeds]
        for variant in (PLAIN_SGD, SGD_WITH_MOMENTUM)
    )
    plain_counts, momentum_counts = (
        np.array([PSEUDO_COUNT + _escapes(surface, descent).sum() for descent in descents])
        for descents in (plain, with_momentum)
    )
    more = Effect(
        Estimate.of(
            "rates that lead to the deep minimum, with 0.9 over without", momentum_counts / plain_counts, unit="x"
        ),
        threshold=NOTABLE_RATIO,
    )
    plain_count, momentum_count = (
        Estimate.of(f"such rates of {len(ESCAPE_RATES)}, and half of one, momentum {variant.momentum:g}", counts)
        for variant, counts in ((PLAIN_SGD, plain_counts), (SGD_WITH_MOMENTUM, momentum_counts))
    )
    lowest, highest = (format_number(float(rate)) for rate in ESCAPE_RATES[[0, -1]])
    return ClaimResult(
        title="Momentum carries over a shallow local minimum",
        effects=(more,),
        sentence=(
            f"Of {len(ESCAPE_RATES)} learning rates from {lowest} to {highest}, "
            f"{format_number(momentum_count.mean - PSEUDO_COUNT, digits=2)} lead past the shallow minimum into "
            f"the deep one with momentum 0.9, and {format_number(plain_count.mean - PSEUDO_COUNT, digits=2)} without: "
            f"{more.estimate} as many, half a rate added to each."
            f"{_surface_note(experiment, feature='minimum', formula='(x² - 1)² / 4 + 0.2 x')}"
        ),
        figure=Trajectories(
            "Past the shallow minimum, or not", surface, _example_trajectories(surface, plain[0], with_momentum[0])
        ),
        estimates=(plain_count, momentum_count),
    )


def _surface_note(experiment: Experiment, *, feature: str, formula: str) -> str:
    """Return the sentence that says what surface stands for the network; nothing if a surface is the subject."""
    if experiment.surface is not None:
        return ""
    return f" No {feature} can be placed in a network's loss: this was tested on the loss {formula}."


def _path_across(surface: Surface, variant: Variant, *, rate: float, seed: int) -> float:
    """Return the length of the path along the steepest direction, relative to the distance at its start."""
    steepest = np.linalg.eigh(np.array(surface.hessian))[1][:, -1]
    across = _trajectory(surface, variant, rate=rate, seed=seed) @ steepest
    return float(np.abs(np.diff(across)).sum() / abs(across[0]))


def _trajectory(surface: Surface, variant: Variant, *, rate: float, seed: int) -> Array:
    """Return the positions ``[steps + 1, D]`` from the random start of a seed."""
    start = random_start(surface, torch.Generator().manual_seed(seed))
    positions: Array = descend(surface, [variant.recipe(rate)], steps=DESCENT_STEPS, start=start).positions[0]
    return positions


def _descend_to_shallow_minimum(surface: Surface, variant: Variant, *, seed: int) -> Descent:
    """Descend with all rates from a random start on the far side of the shallow minimum, seen from the deep one."""
    (deep,), (shallow,) = surface.minima[:2]
    edge = surface.box[0][shallow > deep]
    share = float(torch.rand(1, generator=torch.Generator().manual_seed(seed)))
    start = shallow + (0.3 + 0.6 * share) * (edge - shallow)
    recipes = [variant.recipe(float(rate)) for rate in ESCAPE_RATES]
    return descend(surface, recipes, steps=DESCENT_STEPS, start=(start,))


def _escapes(surface: Surface, descent: Descent) -> NDArray[np.bool_]:
    """Return for each rate whether its descent ends in the basin of the deep minimum, shape ``[R]``."""
    ends = torch.from_numpy(descent.positions[:, -1])
    deep = surface.basin(torch.tensor(surface.minima[0], dtype=torch.float64))
    escaped: NDArray[np.bool_] = ((surface.basin(ends) == deep) & ends.isfinite().all(-1)).numpy()
    return escaped


def _example_trajectories(surface: Surface, plain: Descent, with_momentum: Descent) -> tuple[tuple[str, Array], ...]:
    """Return one trajectory without and one with momentum, at a rate where only momentum escapes if there is one."""
    only_momentum = np.flatnonzero(_escapes(surface, with_momentum) & ~_escapes(surface, plain))
    index = int(only_momentum[len(only_momentum) // 2]) if len(only_momentum) else len(ESCAPE_RATES) // 2
    rate = format_number(float(ESCAPE_RATES[index]))
    return tuple(
        (f"{variant.name}, lr {rate}", descent.positions[index, : ESCAPE_STEPS_SHOWN + 1])
        for variant, descent in ((PLAIN_SGD, plain), (SGD_WITH_MOMENTUM, with_momentum))
    )
