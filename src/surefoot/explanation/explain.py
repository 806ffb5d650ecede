"""``surefoot.explain``: test claims about learning rate and momentum by experiments on a network or a surface."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial

from surefoot.core.budget import Budget
from surefoot.core.errors import TaskError
from surefoot.core.formatting import short_repr
from surefoot.core.progress import Progress, SilentProgress, StopCondition, never_stop
from surefoot.explanation.best_and_good_rates import best_overall
from surefoot.explanation.claims import CLAIMS, assess_claims, require_known
from surefoot.explanation.design_and_run_experiment import (
    MAX_TRAINING_STEPS,
    MIN_TRAINING_STEPS,
    SGD_RATE_COUNT,
    ExperimentDesign,
    design_experiment,
    run_experiment,
)
from surefoot.explanation.experiment_results import ADAM, PLAIN_SGD, SGD_WITH_MOMENTUM, Experiment
from surefoot.explanation.experiment_runners import SurfaceExperimentRunner, SurfaceSubject, TaskExperimentRunner
from surefoot.explanation.range_test_and_stability import measure_stability_limits
from surefoot.explanation.result import (
    ExplainResult,
    can_compare_lr_and_momentum,
    compare_lr_and_momentum,
    lowest_recipe,
)
from surefoot.fleet.calibration import calibrate
from surefoot.fleet.plan import Plan, trainings_of
from surefoot.fleet.run_arguments import as_budget, require_run_arguments
from surefoot.fleet.training import InterruptibleTraining
from surefoot.loss_slices.result import LossSlice
from surefoot.loss_slices.slice_loss import refuse_task_arguments, slice_config_steps, train_and_slice
from surefoot.surfaces import surface_if_named
from surefoot.surfaces.descent import DEFAULT_SURFACE_STEPS
from surefoot.surfaces.surface import Surface
from surefoot.tasks.loader import as_task
from surefoot.tasks.sanity_check import sanity_check
from surefoot.tasks.task import Task

DEFAULT_SEEDS = 5
# A single seed has no interval, and without an interval there is no verdict.
MIN_SEEDS = 2
# Variants whose trajectories are drawn over the slice of the loss.
SLICED_VARIANTS = (PLAIN_SGD, SGD_WITH_MOMENTUM, ADAM)
# The slice is left out if it would cost more than this share of the budget. Chosen.
MAX_SLICE_SHARE = 0.1
# An expected time above this, in seconds, comes with a hint how to shorten it. Chosen.
LONG_RUN_SECONDS = 180


def explain(
    subject: Task | Surface | str,
    *,
    claims: Collection[str] = (),
    seeds: int = DEFAULT_SEEDS,
    seed: int = 0,
    steps: int | None = None,
    budget: Budget | str | None = None,
    plan: Plan | None = None,
    device: str | None = None,
    progress: Progress | None = None,
    stop: StopCondition = never_stop,
) -> ExplainResult:
    """Test claims about learning rate and momentum by experiments on a network, or on a surface.

    All trainings with one seed share their initialisation and their batches; on a surface, their random start and the
    noise of its gradients. Verdicts follow from 90 % intervals over paired seeds. The best setting for a seed is
    selected on other seeds.

    Args:
        subject: A task or a surface, or the text of a task or the name of a surface.
        claims: Names of the claims to test; all that can be tested by default.
        seeds: Number of seeds, at least 2.
        seed: First of the seeds.
        steps: Length of a training in optimizer steps: the task's own by default, 200 on a surface, which needs 40.
        budget: Limit on the work, as ``"100x"`` or ``"60s"``: trainings become shorter to keep it; not for a surface.
        plan: How to run the fleets, measured by default; not for a surface.
        device: Where to train if no plan is given, by default ``"cpu"``; not for a surface.
        progress: Receives progress messages.
        stop: Called often; when it returns true, :class:`Interrupted` is raised.

    Returns:
        The claims with their verdicts, numbers and figures, and the table "learning rate | momentum". If all claims
        were tested on a network: a slice of its loss with trajectories. On a surface: the claims that cannot be tested
        there, with the reason.

    Raises:
        TaskError: If the task cannot be trained, a loss is below 0, a claim does not exist or cannot be tested on the
            surface, there are too few seeds or steps, or an argument does not suit the subject.
        BudgetError: If the budget is too small for 40 steps of each training.
        Interrupted: If asked to stop.

    Example:
        >>> result = explain("wine", claims=["low-rate"], seeds=3, budget="20x", plan=Plan("stacked", 16))
        >>> result.claims[0].title, result.claims[0].effects[0].estimate.mean > 1
        ('A low learning rate is stable but needs N times the steps', True)

        >>> from surefoot.surfaces.quadratics import Ravine
        >>> explain(Ravine(), claims=["momentum-damps"], seeds=3).claims[0].verdict
        'holds'
    """
    begin = time.perf_counter()
    claims = (claims,) if isinstance(claims, str) else tuple(claims or ())
    require_known(claims)
    require_run_arguments(seed=seed, steps=steps, plan=plan, device=device)
    if not isinstance(seeds, int) or seeds < MIN_SEEDS:
        raise TaskError(f"verdicts need at least {MIN_SEEDS} seeds; given {short_repr(seeds)}.")
    progress = progress or SilentProgress()
    subject = surface_if_named(subject)
    if isinstance(subject, Surface):
        refuse_task_arguments(subject, {"budget": budget, "plan": plan, "device": device})
        steps = DEFAULT_SURFACE_STEPS if steps is None else steps
        result = _explain_surface(
            subject, claims=claims, seeds=seeds, steps=steps, seed=seed, progress=progress, stop=stop
        )
    else:
        task = as_task(subject) if steps is None else as_task(subject).with_length(steps=steps)
        if task.total_steps < MIN_TRAINING_STEPS:
            raise TaskError(
                f"verdicts need trainings of at least {MIN_TRAINING_STEPS} steps; {task.name} has {task.total_steps}."
            )
        result = _explain_task(
            task,
            claims=claims,
            seeds=range(seed, seed + seeds),
            budget=None if budget is None else as_budget(budget),
            plan=plan,
            device=device or "cpu",
            progress=progress,
            stop=stop,
        )
    return replace(result, seconds=time.perf_counter() - begin)


def _explain_task(
    task: Task,
    *,
    claims: Collection[str],
    seeds: range,
    budget: Budget | None,
    plan: Plan | None,
    device: str,
    progress: Progress,
    stop: StopCondition,
) -> ExplainResult:
    """Test claims on a network."""
    sanity_check(task)
    names = tuple(claims) or tuple(CLAIMS)
    trainings = None if budget is None else budget.trainings
    work = _plan_work(task, names, seeds=len(seeds), trainings=trainings, with_slice=not claims)
    if plan is None:
        progress.stage("calibration", config_steps=0)
        plan = calibrate(
            task, members=SGD_RATE_COUNT, config_steps=work.config_steps, device=device, notify=progress.message
        )
    if budget is not None and trainings is None:
        trainings = trainings_of(budget, steps=task.total_steps, plan=plan)
        work = _plan_work(task, names, seeds=len(seeds), trainings=trainings, with_slice=not claims)
    progress.begin(config_steps=work.config_steps)
    progress.message(_cost_message(work.config_steps, task, plan))
    runner = TaskExperimentRunner(seeds, InterruptibleTraining(plan, progress, stop), task.step_samples)
    # The experiments need neither the test data nor the metric.
    task_without_metric = replace(task, test=None, metric=None)
    experiment = run_experiment(
        task_without_metric,
        work.design,
        runner=runner,
        measure_stability=partial(measure_stability_limits, runner=runner),
    )
    experiment = replace(experiment, first_seed=seeds.start)
    loss_slice = _slice_with_trajectories(task_without_metric, experiment, runner) if work.slice_config_steps else None
    return ExplainResult(
        task=task.name,
        recipe=lowest_recipe(experiment),
        claims=assess_claims(experiment, names),
        comparison=compare_lr_and_momentum(experiment) if can_compare_lr_and_momentum(work.design.variants) else (),
        steps=work.design.steps,
        full_steps=task.total_steps,
        seeds=len(seeds),
        config_steps=round(runner.config_steps),
        seconds=0.0,
        plan=plan,
        loss_slice=loss_slice,
    )


@dataclass(frozen=True, slots=True)
class _Work:
    """What is to be done for some claims.

    Attributes:
        design: The experiment.
        slice_config_steps: Cost of the slice of the loss; 0 if there is none.
    """

    design: ExperimentDesign
    slice_config_steps: int

    @property
    def config_steps(self) -> int:
        """Cost of experiment and slice."""
        return self.design.config_steps + self.slice_config_steps


def _plan_work(task: Task, names: Collection[str], *, seeds: int, trainings: float | None, with_slice: bool) -> _Work:
    """Return what to train for some claims.

    Args:
        task: What is trained.
        names: Names of the claims.
        seeds: Number of seeds.
        trainings: Budget in full trainings; ``None`` if it is unlimited or not known yet.
        with_slice: Whether a slice of the loss is wanted; it is left out if it would take too much of the budget.

    Raises:
        BudgetError: If the budget is too small.
    """
    variants = {variant for name in names for variant in CLAIMS[name].variants}
    stability = any(CLAIMS[name].needs_stability for name in names)
    budget = None if trainings is None else trainings * task.total_steps
    slice_cost = 0
    if with_slice:
        sliced_task = task.with_length(steps=min(task.total_steps, MAX_TRAINING_STEPS))
        slice_cost = slice_config_steps(sliced_task, members=len(SLICED_VARIANTS))
    if budget is not None and slice_cost > MAX_SLICE_SHARE * budget:
        slice_cost = 0
    remaining = None if budget is None else budget - slice_cost
    design = design_experiment(task, variants, stability=stability, seeds=seeds, max_config_steps=remaining)
    return _Work(design, slice_cost)


def _cost_message(config_steps: int, task: Task, plan: Plan) -> str:
    """Return the cost of the work, with its expected time and a hint if that is long."""
    line = f"{config_steps:,} config-steps, as many as {config_steps / task.total_steps:.3g} full trainings"
    seconds = config_steps * (plan.config_step_us or 0.0) / 1e6
    if seconds < LONG_RUN_SECONDS:
        return f"{line}."
    return f"{line}: about {seconds / 60:.0f} minutes; --budget 120s or a few --claim NAME are quicker."


def _slice_with_trajectories(task: Task, experiment: Experiment, runner: TaskExperimentRunner) -> LossSlice | None:
    """Return a slice of the loss with three trajectories.

    SGD without and with momentum, both with the rate that is best with momentum, and Adam with its best rate.
    """
    sgd, adam = experiment.sweep(SGD_WITH_MOMENTUM), experiment.sweep(ADAM)
    sgd_rate, adam_rate = (float(sweep.rates[best_overall(sweep.final_losses)]) for sweep in (sgd, adam))
    recipes = PLAIN_SGD.recipe(sgd_rate), SGD_WITH_MOMENTUM.recipe(sgd_rate), ADAM.recipe(adam_rate)
    task = task.with_length(steps=experiment.steps)
    try:
        loss_slice = train_and_slice(task, recipes, seed=experiment.first_seed, training=runner.training)
    except TaskError as error:
        runner.progress.message(f"no slice of the loss: {error}")
        return None
    runner.config_steps += loss_slice.config_steps
    return loss_slice


def _explain_surface(
    surface: Surface,
    *,
    claims: Collection[str],
    seeds: int,
    steps: int,
    seed: int,
    progress: Progress,
    stop: StopCondition,
) -> ExplainResult:
    """Test claims on a surface; every seed is a random start."""
    if steps < MIN_TRAINING_STEPS:
        raise TaskError(f"a descent on a surface needs at least {MIN_TRAINING_STEPS} steps; given {steps}.")
    left_out = {name: why for name, claim in CLAIMS.items() if (why := claim.why_not_testable(surface)) is not None}
    for name in claims:
        if name in left_out:
            raise TaskError(f"{name} cannot be tested on {surface.name}: {left_out[name]}.")
    names = tuple(claims) or tuple(name for name in CLAIMS if name not in left_out)
    variants = {variant for name in names for variant in CLAIMS[name].variants}
    subject = SurfaceSubject(surface, steps)
    design = design_experiment(subject, variants, stability=False, seeds=seeds, max_config_steps=None)
    progress.begin(config_steps=design.config_steps)
    runner = SurfaceExperimentRunner(range(seed, seed + seeds), progress, stop)
    experiment = replace(run_experiment(subject, design, runner=runner), first_seed=seed, surface=surface)
    return ExplainResult(
        task=surface.name,
        recipe=lowest_recipe(experiment),
        claims=assess_claims(experiment, names),
        comparison=compare_lr_and_momentum(experiment) if can_compare_lr_and_momentum(design.variants) else (),
        steps=design.steps,
        full_steps=design.steps,
        seeds=seeds,
        config_steps=round(runner.config_steps),
        seconds=0.0,
        plan=None,
        left_out=() if claims else tuple(left_out.items()),
    )
