"""``surefoot.check``: whether a recipe's learning rate and momentum are right, and what to change."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from surefoot.checking.curvature_summary import MIN_CONFIG_STEPS, CurvatureSummary, measure_curvature
from surefoot.checking.expected_loss_saving import best_of_each_kind
from surefoot.checking.findings import advised_recipe, make_findings
from surefoot.checking.neighbourhood import Neighbourhood
from surefoot.checking.result import CheckResult, RecipeTraining, record_check
from surefoot.checking.round_runner import RoundRunner
from surefoot.checking.trial_choice import CheckStrategy, auto_trainings, budget_in_trainings, require_enough
from surefoot.checking.trial_history import TrialHistory
from surefoot.core.budget import Budget
from surefoot.core.errors import RecipeError, TaskError
from surefoot.core.finding_and_symptoms import Symptom, find_symptoms
from surefoot.core.progress import Progress, SilentProgress, StopCondition, never_stop
from surefoot.core.value_types import Json
from surefoot.fleet.forked_processes import using_threads
from surefoot.fleet.plan import Plan
from surefoot.fleet.run_arguments import as_budget, require_run_arguments
from surefoot.recipe.recipe import DEFAULT_RECIPE, Recipe, as_recipe
from surefoot.studies.study import Study
from surefoot.studies.study_session import (
    TrialRecorder,
    capture_early_output,
    open_driven_study,
    release_when_interrupted,
    store_files_with_study,
)
from surefoot.surrogate.rung_lengths import lowest_rung
from surefoot.tasks.start_from_checkpoint import start_from_checkpoint
from surefoot.tasks.task import Task
from surefoot.trainers.fleet_trainer import FleetTrainer
from surefoot.trainers.make_trainer import (
    Trainable,
    close_afterwards,
    make_fleet_trainer,
    preserve_settings,
    trainer_or_task,
)
from surefoot.trainers.trial import Outcome, Trainer, Trial

# Most trials that one fleet trains at a time: rounds are rarely larger. Chosen.
MAX_FLEET_MEMBERS = 4
# What a check must be called with again to continue a study.
SAME_ON_RESUME = ("command", "recipe", "checkpoint", "trained")


def check(
    task: Trainable,
    recipe: Recipe | str = DEFAULT_RECIPE,
    *,
    budget: Budget | str = "auto",
    seed: int = 0,
    study: Study | Path | str | None = None,
    settings: Mapping[str, Json] | None = None,
    checkpoint: Path | str | None = None,
    plan: Plan | None = None,
    device: str = "cpu",
    steps: int | None = None,
    workers: int = 0,
    timeout: float | None = None,
    progress: Progress | None = None,
    stop: StopCondition = never_stop,
) -> CheckResult:
    """Check whether a recipe's learning rate and momentum are right, by trials of their neighbours.

    In short trials, each a whole training of its own length, the recipe is compared with other learning rates, outward
    until the best lies between two that are worse, and with other momenta. What is in doubt is compared again in longer
    trials, paired by seed; only what the verdict depends on is trained in full. A surrogate of all trials then
    estimates which share of the final loss each change would save, and how certain that is.

    Args:
        task: What is trained: a task or its text, a training function, or a trainer.
        recipe: The recipe to check, or its text.
        budget: Ceiling on all work, curvature included: ``"5x"`` (5 full trainings), ``"60s"``, or ``"auto"``, which is
            2x for trainings of 220 steps and 0.5x for 4000.
        seed: Seed of the first trials; further seeds follow it.
        study: Database to begin a study in, or a study to continue; ``None`` records nothing.
        settings: Options of the command, which a new study stores to be continued with.
        checkpoint: File with the weights from which every trial of a task starts.
        plan: How to run the fleets; measured if not given.
        device: Device to train on, if there is no plan.
        steps: Length of a full training, in optimizer steps: required for a function, and overrides a task's.
        workers: Processes that run a function's trials at the same time; 0 runs them in this process.
        timeout: Seconds after which a trial of a function counts as failed.
        progress: Receives stages, config-steps and messages.
        stop: Called often; once it returns true, :class:`Interrupted` is raised.

    Returns:
        The verdict with its evidence, and a recipe that follows the advice.

    Raises:
        TaskError: If the task, function or trainer cannot be trained.
        RecipeError: If the recipe cannot be read, or has no learning rate above 0.
        BudgetError: If the budget buys fewer than 5 of the shortest trials.
        StudyError: If the study cannot be written, was begun with another recipe, or is in use by another process.
        Interrupted: If asked to stop; with a study, calling again continues the check.

    Example:
        >>> result = check("wine", "sgd(lr=0.0001, momentum=0.9)", plan=Plan("stacked", 16))
        >>> result.verdict, result.recipe.lr.highest > 0.001
        ('lr_too_low', True)
    """
    begin = time.perf_counter()
    require_run_arguments(seed=seed, steps=steps, plan=plan, workers=workers, timeout=timeout)
    recipe = _trainable_recipe(recipe)
    progress = progress or SilentProgress()
    asked = as_budget(budget)
    make_trainer = partial(
        make_check_trainer,
        task,
        checkpoint=checkpoint,
        plan=_stored_plan(study) if plan is None else plan,
        device=device,
        steps=steps,
        workers=workers,
        timeout=timeout,
        budget=asked,
        progress=progress,
        stop=stop,
    )
    with preserve_settings(task), close_afterwards(trainer := make_trainer()):
        recipe.require_bounds(steps=trainer.steps)
        if isinstance(trainer, FleetTrainer):
            trainer.keep_end = lambda trial: trial.recipe == recipe and trial.seed == seed
        with capture_early_output(trainer) as printed:
            pilot = _pilot_trial(trainer, recipe, seed) if asked.seconds is not None else None
        trainings = _trainings(asked, trainer, pilot)
        description = _description(recipe, trainer, trainings=trainings, checkpoint=checkpoint)
        driven = open_driven_study(
            study, trainer, asked=description, same=SAME_ON_RESUME, settings=settings or {}, seed=seed
        )
        with release_when_interrupted(driven, "check"):
            seconds_before = 0.0 if driven is None else driven.seconds(unfinished=True)
            store_files_with_study(driven, trainer, printed=printed)
            recorder = TrialRecorder(trainer, driven)
            if pilot is not None:
                recorder.add(*pilot)
            deadline = None if asked.seconds is None else begin + asked.seconds
            result = _run_check(
                recipe, trainer, recorder, seed=seed, trainings=trainings, deadline=deadline, progress=progress
            )
            result = replace(result, seconds=seconds_before + time.perf_counter() - begin)
            return result if driven is None else record_check(result, driven)


def make_check_trainer(
    task: Trainable,
    *,
    checkpoint: Path | str | None,
    plan: Plan | None,
    device: str,
    steps: int | None,
    workers: int,
    timeout: float | None,
    budget: Budget,
    progress: Progress,
    stop: StopCondition,
) -> Trainer:
    """Return the trainer that runs the trials of a check.

    Raises:
        TaskError: If what is trained cannot be, or the checkpoint or the length does not go with it.
        BudgetError: If the budget buys fewer than 5 of the shortest trials.
    """
    task = trainer_or_task(
        task,
        steps=steps,
        plan=plan,
        device=device,
        follow_valid=True,
        progress=progress,
        stop=stop,
        workers=workers,
        timeout=timeout,
    )
    if not isinstance(task, Task):
        if checkpoint is not None:
            raise TaskError(
                "a checkpoint goes with a task alone.", hint="load the weights in the training function or the script."
            )
        return task
    task = task if checkpoint is None else start_from_checkpoint(task, checkpoint)
    trainings = auto_trainings(task.total_steps) if budget.is_auto else budget.trainings
    if trainings is not None:  # refuse a small budget before any work
        require_enough(trainings, budget, steps=task.total_steps)
    work = None if trainings is None else math.ceil(trainings * task.total_steps)
    trainer = make_fleet_trainer(
        task, plan=plan, members=MAX_FLEET_MEMBERS, config_steps=work, device=device, progress=progress, stop=stop
    )
    trainer.follow_valid = True
    return trainer


def _run_check(
    recipe: Recipe,
    trainer: Trainer,
    recorder: TrialRecorder,
    *,
    seed: int,
    trainings: float,
    deadline: float | None,
    progress: Progress,
) -> CheckResult:
    """Run the rounds of a check and return its result, still without its duration.

    Args:
        recipe: The recipe to check.
        trainer: What runs the trials.
        recorder: Where they are recorded.
        seed: Seed of the first trials.
        trainings: Budget in full trainings.
        deadline: Time of ``time.perf_counter`` by which to end; before each round the budget is set to what can still
            be trained by then, at the pace so far.
        progress: Receives stages, config-steps and messages.
    """
    begin = time.perf_counter()
    ceiling = math.floor(trainings * trainer.steps)
    progress.begin(config_steps=ceiling)
    progress.message(f"at most {ceiling:,} config-steps, as many as {trainings:.3g} full trainings.")
    history = TrialHistory(Neighbourhood(recipe), trainer.steps, seed)
    runner = RoundRunner(recorder, history, progress)
    runner.measure_initial_loss()
    strategy = CheckStrategy(history, ceiling)
    for each in strategy:
        runner.run(each)
        if deadline is not None and runner.trained_steps:
            now = time.perf_counter()
            affordable = max(0.0, deadline - now) * runner.trained_steps / (now - begin)
            strategy.budget = min(ceiling, math.floor(strategy.spent + affordable))
    verdict, training = strategy.verdict, runner.recipe_training()
    curvature = _curvature(trainer, recipe, training, config_steps=strategy.left)
    findings = make_findings(history, verdict, training, curvature, budget=trainings)
    return CheckResult(
        task=trainer.name,
        recipe=advised_recipe(history.neighbourhood, findings[0], verdict),
        checked_recipe=recipe,
        findings=findings,
        symptoms=_symptoms(training, curvature),
        savings=tuple(best_of_each_kind(verdict.savings).values()),
        trials=tuple(history.trials),
        recipe_training=training,
        curvature=curvature,
        noise=verdict.noise,
        steps=trainer.steps,
        budget=trainings,
        config_steps=strategy.spent + (0 if curvature is None else curvature.config_steps),
        seconds=0.0,
        plan=_plan(trainer),
    )


def _trainable_recipe(recipe: Recipe | str) -> Recipe:
    recipe = as_recipe(recipe)
    if not recipe.lr.highest > 0:
        raise RecipeError(f"{recipe}: a learning rate of 0 learns nothing; there is nothing to check.")
    return recipe


def _description(
    recipe: Recipe, trainer: Trainer, *, trainings: float, checkpoint: Path | str | None
) -> dict[str, Json]:
    """Return what a study stores of a check, to be compared when it is continued."""
    return {
        "command": "check",
        "budget": str(Budget(trainings=trainings)),
        "recipe": str(recipe),
        "checkpoint": None if checkpoint is None else str(checkpoint),
        "trained": trainer.describe(),
    }


def _stored_plan(study: Study | Path | str | None) -> Plan | None:
    """Return the plan of a study that is continued."""
    stored = study.info().plan if isinstance(study, Study) else None
    return None if stored is None else Plan.from_json(stored)


def _plan(trainer: Trainer) -> Plan | None:
    return trainer.plan if isinstance(trainer, FleetTrainer) else None


def _timed_plan(trainer: Trainer) -> Plan | None:
    """Return the plan of a fleet if it knows the duration of a step."""
    plan = _plan(trainer)
    return None if plan is None or plan.config_step_us is None else plan


def _pilot_trial(trainer: Trainer, recipe: Recipe, seed: int) -> tuple[Trial, Outcome] | None:
    """Run the first trial of a check, to measure the duration of a step; ``None`` where the plan knows it."""
    if _timed_plan(trainer) is not None:
        return None
    ((trial, outcome),) = trainer.train([Trial(recipe, lowest_rung(trainer.steps), seed)])
    return trial, outcome


def _trainings(budget: Budget, trainer: Trainer, pilot: tuple[Trial, Outcome] | None) -> float:
    """Return the budget in full trainings."""
    return budget_in_trainings(
        budget,
        steps=trainer.steps,
        plan=_timed_plan(trainer),
        seconds_per_step=None if pilot is None else pilot[1].seconds / pilot[0].steps,
    )


def _curvature(
    trainer: Trainer, recipe: Recipe, training: RecipeTraining, *, config_steps: int
) -> CurvatureSummary | None:
    """Return the curvature where the recipe's longest trial ended, if the config-steps that are left buy it."""
    if not isinstance(trainer, FleetTrainer) or training.diverged:
        return None
    trial = Trial(recipe, training.steps, training.seed)
    # A trial of before the check was interrupted has to be trained again: its end state is not stored.
    again = 0 if trainer.end_state(trial) is not None else trial.steps
    left = config_steps - again
    if left < MIN_CONFIG_STEPS:
        return None
    if again:
        [*trainer.train([trial])]
    end = trainer.end_state(trial)
    if end is None:
        return None
    with using_threads(trainer.plan.threads):
        summary = measure_curvature(trainer.task, trial, end, config_steps=left, device=trainer.plan.device)
    return None if summary is None else replace(summary, config_steps=summary.config_steps + again)


def _symptoms(training: RecipeTraining, curvature: CurvatureSummary | None) -> tuple[Symptom, ...]:
    """Return what the curves of the recipe's longest trial show."""
    if training.diverged:
        return ("divergence",)
    if not training.train.losses:
        return ()
    share_of_noise = None if curvature is None else curvature.share_of_noise
    return find_symptoms(training.train.losses, training.valid_curve, share_of_noise=share_of_noise)
