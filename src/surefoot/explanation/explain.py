"""``surefoot.explain``: do the textbook's claims hold on this network.

``surefoot.explain_surface``: do the textbook's claims hold on a landscape.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace
from functools import partial

from surefoot.core.budget import Budget
from surefoot.core.errors import TaskError
from surefoot.core.progress import Progress, Silent, Stop, never
from surefoot.explanation.claims import CLAIMS, judged, require_known
from surefoot.explanation.experiment import Survey, Trainer
from surefoot.explanation.result import ExplainResult, contrastable, contrasts
from surefoot.explanation.run_experiment import (
    ADAM,
    FEWEST_STEPS,
    MOST_STEPS,
    PLAIN,
    PLANE_RATES,
    USUAL,
    Design,
    Landscape,
    Roller,
    conduct,
    design,
)
from surefoot.explanation.selection import middle
from surefoot.explanation.stable_range import stable_ranges
from surefoot.fleet.calibration import calibrate
from surefoot.fleet.plan import Plan, trainings_of
from surefoot.fleet.training import Runner
from surefoot.loss_slices.result import LossSlice
from surefoot.loss_slices.slice_loss import slice_config_steps, sliced
from surefoot.surfaces import surface_named
from surefoot.surfaces.surface import Surface
from surefoot.tasks.loader import as_task
from surefoot.tasks.sanity_check import probe
from surefoot.tasks.task import Task

SEEDS = 5
# Whose ways are drawn over a slice of the loss, and how much of a budget that may take.
PICTURED, SLICE_SHARE = (PLAIN, USUAL, ADAM), 0.1
# Beyond this a shorter way is worth a word.
LONG_SECONDS = 180
# One seed has no interval, and without one there is no verdict.
FEWEST_SEEDS = 2


def explain(
    task: Task | str,
    *,
    claims: Collection[str] = (),
    seeds: int = SEEDS,
    budget: Budget | str | None = None,
    seed: int = 0,
    plan: Plan | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
    stop: Stop = never,
) -> ExplainResult:
    """Judge the textbook's claims on learning rate and momentum by experiments on a network.

    All trainings of one seed share their start and their batches. Verdicts follow from 90 % intervals over paired
    seeds; what is best is chosen on other seeds than the one it is judged on.

    Args:
        task: What is trained, or its text.
        claims: Names of those wanted; all of them, if none are given.
        seeds: How often everything is repeated, at least 2.
        budget: Ceiling on the work; trainings become shorter to fit it.
        seed: The first of the seeds.
        plan: How to run the fleets; measured if not given.
        device: Where to train, if there is no plan.
        progress: Receives what happens.
        stop: Asked often; where it says yes, :class:`Interrupted` is raised.

    Returns:
        The claims with their verdicts, numbers and figures, the table "learning rate | momentum", and, where all claims
        were asked for, a slice of the loss with trainings past it.

    Raises:
        TaskError: If the task cannot be trained, a loss is below 0, or there is no such claim.
        BudgetError: If the budget buys no 40 steps of each training.
        Interrupted: If asked to stop.

    Example:
        >>> found = explain("wine", claims=["low-rate"], seeds=3, budget="20x", plan=Plan("stacked", 16))
        >>> found.claims[0].title, found.claims[0].effects[0].number.mean > 1
        ('A low learning rate is stable but needs N times the steps', True)
    """
    begin = time.perf_counter()
    require_known(claims)
    if seeds < FEWEST_SEEDS:
        raise TaskError(f"claims are judged by differences between seeds: at least {FEWEST_SEEDS}; given {seeds}.")
    task = as_task(task)
    probe(task)
    listener, names = progress or Silent(), tuple(claims) or tuple(CLAIMS)
    asked = Budget.parse(budget) if isinstance(budget, str) else budget
    ceiling = None if asked is None or asked.trainings is None else asked.trainings * task.total_steps
    wanted, picture = _planned(task, names, seeds=seeds, ceiling=ceiling, pictured=not claims)
    if plan is None:
        work = wanted.config_steps + picture
        listener.stage("calibration", config_steps=0)
        plan = calibrate(task, members=PLANE_RATES, config_steps=work, device=device, tell=listener.tell)
    if asked is not None and asked.trainings is None:
        ceiling = trainings_of(asked, steps=task.total_steps, plan=plan) * task.total_steps
        wanted, picture = _planned(task, names, seeds=seeds, ceiling=ceiling, pictured=not claims)
    work = wanted.config_steps + picture
    listener.begin(config_steps=work)
    listener.tell(_announced(work, task, plan))
    trainer = Trainer(range(seed, seed + seeds), Runner(plan, listener, stop), task.step_samples)
    # Checks on the data were made above; what the experiments leave out needs none.
    bare = replace(task, test=None, metric=None)
    survey = conduct(bare, wanted, trainer, ranges=partial(stable_ranges, trainer=trainer))
    survey = replace(survey, first_seed=seed)
    slice_of_loss = _slice_beside(bare, survey, trainer) if picture else None
    return ExplainResult(
        task=task.name,
        claims=judged(survey, names),
        contrasts=contrasts(survey) if contrastable(wanted.kinds) else (),
        steps=wanted.steps,
        full_steps=task.total_steps,
        seeds=seeds,
        config_steps=round(trainer.config_steps),
        seconds=time.perf_counter() - begin,
        plan=plan,
        loss_slice=slice_of_loss,
    )


def _planned(
    task: Task, names: Collection[str], *, seeds: int, ceiling: float | None, pictured: bool
) -> tuple[Design, int]:
    """Return what is to be trained for some claims, and what a slice of the loss beside it costs, 0 for none.

    Under a ceiling the slice must be a small part of the whole.

    Raises:
        BudgetError: If the ceiling is too low.
    """
    kinds = {kind for name in names for kind in CLAIMS[name].kinds}
    ranges = any(CLAIMS[name].ranges for name in names)
    picture = 0
    if pictured:
        length = min(task.total_steps, MOST_STEPS)
        picture = slice_config_steps(task.with_length(steps=length), members=len(PICTURED))
    if ceiling is not None and picture > SLICE_SHARE * ceiling:
        picture = 0
    left = None if ceiling is None else ceiling - picture
    return design(task, kinds, ranges=ranges, seeds=seeds, ceiling=left), picture


def _announced(config_steps: int, task: Task, plan: Plan) -> str:
    """Return what is ahead, and how it could be less where that is long."""
    line = f"{config_steps:,} config-steps, as many as {config_steps / task.total_steps:.3g} full trainings"
    seconds = config_steps * (plan.config_step_us or 0.0) / 1e6
    if seconds < LONG_SECONDS:
        return f"{line}."
    return f"{line}: about {seconds / 60:.0f} minutes; --budget 120s or a few --claim NAME are quicker."


def _slice_beside(task: Task, survey: Survey, trainer: Trainer) -> LossSlice | None:
    """Return a slice of the loss with trainings past it: at momentum's best rate, without momentum, and Adam's best."""
    usual, adam = (survey.sweep(kind) for kind in (USUAL, ADAM))
    rate = float(usual.rates[middle(usual.ends)])
    recipes = PLAIN.recipe(rate), USUAL.recipe(rate), ADAM.recipe(float(adam.rates[middle(adam.ends)]))
    try:
        found = sliced(task.with_length(steps=survey.steps), recipes, seed=survey.first_seed, runner=trainer.runner)
    except TaskError as error:
        trainer.progress.tell(f"no slice of the loss: {error}")
        return None
    trainer.config_steps += found.config_steps
    return found


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
