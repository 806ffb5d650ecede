"""``surefoot.explain``: do the textbook's claims hold on this network."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace
from functools import partial

from surefoot.budget import Budget
from surefoot.errors import TaskError
from surefoot.explanation.claims import CLAIMS, judged, require_known
from surefoot.explanation.conduct import PLANE_RATES, conduct, design
from surefoot.explanation.contrast import contrastable, contrasts
from surefoot.explanation.result import ExplainResult
from surefoot.explanation.stable import stable_ranges
from surefoot.explanation.trainer import Trainer
from surefoot.fleet import Plan, calibrate
from surefoot.fleet.plan import trainings_of
from surefoot.fleet.progress import Progress, Silent, Stop, never
from surefoot.fleet.runner import Runner
from surefoot.tasks.loader import as_task
from surefoot.tasks.probe import probe
from surefoot.tasks.task import Task

SEEDS = 5
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
    seeds; what is best is chosen on the other seeds than the one it is judged on.

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
        The claims with their verdicts, numbers and figures, and the table "learning rate | momentum".

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
    kinds = {kind for name in names for kind in CLAIMS[name].kinds}
    ranges = any(CLAIMS[name].ranges for name in names)
    asked = Budget.parse(budget) if isinstance(budget, str) else budget
    ceiling = None if asked is None or asked.trainings is None else asked.trainings * task.total_steps
    wanted = design(task, kinds, ranges=ranges, seeds=seeds, ceiling=ceiling)
    if plan is None:
        listener.stage("calibration", config_steps=0)
        plan = calibrate(task, members=PLANE_RATES, config_steps=wanted.config_steps, device=device, tell=listener.tell)
    if asked is not None and asked.trainings is None:
        ceiling = trainings_of(asked, steps=task.total_steps, plan=plan) * task.total_steps
        wanted = design(task, kinds, ranges=ranges, seeds=seeds, ceiling=ceiling)
    listener.begin(config_steps=wanted.config_steps)
    listener.tell(
        f"{wanted.config_steps:,} config-steps, as many as {wanted.config_steps / task.total_steps:.3g} full trainings."
    )
    trainer = Trainer(range(seed, seed + seeds), Runner(plan, listener, stop), task.step_samples)
    # Checks on the data were made above; what the experiments leave out needs none.
    bare = replace(task, test=None, metric=None)
    survey = conduct(bare, wanted, trainer, ranges=partial(stable_ranges, trainer=trainer))
    survey = replace(survey, first_seed=seed)
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
    )
