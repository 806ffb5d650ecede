"""``surefoot.check``: is this learning rate and momentum right, and what to change."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from surefoot.checking.curvature_summary import LEAST_CONFIG_STEPS, CurvatureSummary, measure_curvature
from surefoot.checking.evidence import Evidence
from surefoot.checking.findings import advised, findings_of
from surefoot.checking.neighbourhood import Neighbourhood
from surefoot.checking.result import CheckResult, OwnTraining, recorded
from surefoot.checking.rounds import Rounds, auto_trainings, enough, resolved
from surefoot.checking.runner import Runner
from surefoot.checking.stake import best_of_each
from surefoot.core.budget import Budget
from surefoot.core.errors import RecipeError, TaskError
from surefoot.core.finding import Symptom, symptoms_of
from surefoot.core.progress import Progress, Silent, Stop, never
from surefoot.core.values import Json
from surefoot.fleet.plan import Plan
from surefoot.fleet.processes import using_threads
from surefoot.recipe.recipe import DEFAULT_RECIPE, Recipe
from surefoot.studies.driver import driven, keep_beside, printed_before, released
from surefoot.studies.ledger import Ledger
from surefoot.studies.study import Study
from surefoot.surrogate.rungs import lowest_rung
from surefoot.tasks.checkpoint import starting_from
from surefoot.tasks.task import Task
from surefoot.trainers.fleet_trainer import FleetTrainer
from surefoot.trainers.make_trainer import Subject, closed, fleet_trainer, lent, trainer_or_task
from surefoot.trainers.trial import Outcome, Trainer, Trial

# Trials that one fleet has at most.
WIDTH = 4
# What a check that goes on must ask for again.
SAME = ("command", "recipe", "checkpoint", "trained")


def check(
    trained: Subject,
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
    stop: Stop = never,
) -> CheckResult:
    """Judge a recipe's learning rate and momentum by trials of its neighbours.

    In short trials, each a whole training of its own length, the recipe is compared with other learning rates, outward
    until the best lies between two that are worse, and with other momenta. What is in doubt is followed up in longer
    trials, paired by seed, in full only what the verdict depends on. A surrogate of all trials tells which share of the
    final loss each change is expected to save, and how sure that is.

    Args:
        trained: What is trained: a task or its text, a training function, or a trainer.
        recipe: What to judge, or its text.
        budget: Ceiling on all work, curvature included: ``"5x"`` (5 full trainings), ``"60s"``, or ``"auto"``, which is
            2x for trainings of 220 steps and 0.5x for 4000.
        seed: The first seed; others follow it.
        study: Where to keep what was measured: a database to begin a study in, or a study to go on with.
        settings: What a new study is to remember of how it was asked for.
        checkpoint: File with the weights that every trial of a task starts from.
        plan: How to run the fleets; measured if not given.
        device: Where to train, if there is no plan.
        steps: Length of a full training: needed for a function, another length for a task.
        workers: Processes that train a function's trials side by side; 0 trains them in this process.
        timeout: Seconds after which a trial of a function has failed.
        progress: Receives what happens.
        stop: Asked often; where it says yes, :class:`Interrupted` is raised.

    Returns:
        The verdict, its evidence, and a recipe that follows the advice.

    Raises:
        TaskError: If it cannot be trained.
        RecipeError: If the recipe cannot be read, or has no learning rate above 0.
        BudgetError: If the budget buys less than 5 of the shortest trials.
        StudyError: If the study cannot be written, was begun with another recipe, or another process drives it.
        Interrupted: If asked to stop; with a study, calling again goes on from there.

    Example:
        >>> result = check("wine", "sgd(lr=0.0001, momentum=0.9)", plan=Plan("stacked", 16))
        >>> result.verdict, result.advice.lr.highest > 0.001
        ('lr_too_low', True)
    """
    begin = time.perf_counter()
    recipe = Recipe.parse(recipe) if isinstance(recipe, str) else recipe
    if not recipe.lr.highest > 0:
        raise RecipeError(f"{recipe}: a learning rate of 0 learns nothing; there is nothing to judge.")
    listener = progress or Silent()
    asked = Budget.parse(budget) if isinstance(budget, str) else budget
    own_trainer = partial(
        trainer_of,
        trained,
        checkpoint=checkpoint,
        plan=_recorded_plan(study) if plan is None else plan,
        device=device,
        steps=steps,
        workers=workers,
        timeout=timeout,
        budget=asked,
        progress=listener,
        stop=stop,
    )
    with lent(trained), closed(trainer := own_trainer()):
        recipe.require_bounds(steps=trainer.steps)
        if isinstance(trainer, FleetTrainer):
            trainer.keep_end = lambda trial: trial.recipe == recipe and trial.seed == seed
        with printed_before(trainer) as printed:
            pilot = None if asked.seconds is None else _pilot(trainer, recipe, seed)
        trainings = resolved(
            asked,
            steps=trainer.steps,
            plan=_timed_plan(trainer),
            pace=None if pilot is None else pilot[1].seconds / pilot[0].steps,
        )
        about: dict[str, Json] = {
            "command": "check",
            "budget": str(Budget(trainings=trainings)),
            "recipe": str(recipe),
            "checkpoint": None if checkpoint is None else str(checkpoint),
            "trained": trainer.describe(),
        }
        driving = driven(study, trainer, asked=about, same=SAME, settings=settings or {}, seed=seed)
        with released(driving, "check"):
            before = 0.0 if driving is None else driving.seconds(unfinished=True)
            keep_beside(driving, trainer, printed=printed)
            ledger = Ledger(trainer, driving)
            if pilot is not None:
                ledger.add(*pilot)
            deadline = None if asked.seconds is None else begin + asked.seconds
            result = _judged(
                recipe, trainer, ledger, seed=seed, trainings=trainings, deadline=deadline, progress=listener
            )
            result = replace(result, seconds=before + time.perf_counter() - begin)
            return result if driving is None else recorded(result, driving)


def _judged(
    recipe: Recipe,
    trainer: Trainer,
    ledger: Ledger,
    *,
    seed: int,
    trainings: float,
    deadline: float | None,
    progress: Progress,
) -> CheckResult:
    """Run the rounds of a check, and judge by what came of them.

    With a deadline, by ``time.perf_counter``, the budget of what follows is what is left by the pace so far.
    """
    begin = time.perf_counter()
    ceiling = math.floor(trainings * trainer.steps)
    progress.begin(config_steps=ceiling)
    progress.tell(f"at most {ceiling:,} config-steps, as many as {trainings:.3g} full trainings.")
    evidence = Evidence(Neighbourhood(recipe), trainer.steps, seed)
    runner = Runner(ledger, evidence, progress)
    runner.begin()
    rounds = Rounds(evidence, ceiling)
    for each in rounds:
        runner.run(each)
        if deadline is not None and runner.trained_steps:
            now = time.perf_counter()
            left = max(0.0, deadline - now) * runner.trained_steps / (now - begin)
            rounds.budget = min(ceiling, math.floor(rounds.spent + left))
    judgement, own = rounds.judgement, runner.own_training()
    curvature = _curvature(trainer, recipe, own, rounds.budget - rounds.spent)
    findings = findings_of(evidence, judgement, own, curvature, budget=trainings)
    return CheckResult(
        task=trainer.name,
        recipe=recipe,
        findings=findings,
        symptoms=_symptoms(own, curvature),
        advice=advised(evidence.neighbourhood, findings[0], judgement),
        stakes=tuple(best_of_each(judgement.stakes).values()),
        trials=tuple(evidence.trials),
        own_training=own,
        curvature=curvature,
        noise=judgement.noise,
        steps=trainer.steps,
        budget=trainings,
        config_steps=rounds.spent + (0 if curvature is None else curvature.config_steps),
        seconds=0.0,
        plan=_plan(trainer),
    )


def _recorded_plan(study: Study | Path | str | None) -> Plan | None:
    """Return the plan of a study that goes on."""
    recorded = study.info().plan if isinstance(study, Study) else None
    return None if recorded is None else Plan.from_json(recorded)


def _plan(trainer: Trainer) -> Plan | None:
    return trainer.plan if isinstance(trainer, FleetTrainer) else None


def _timed_plan(trainer: Trainer) -> Plan | None:
    """Return the plan of a fleet if it knows the time of a step."""
    plan = _plan(trainer)
    return None if plan is None or plan.config_step_us is None else plan


def _pilot(trainer: Trainer, recipe: Recipe, seed: int) -> tuple[Trial, Outcome] | None:
    """Run the check's first trial where a budget in seconds needs the time of a step and no plan knows it."""
    if _timed_plan(trainer) is not None:
        return None
    ((trial, outcome),) = trainer.train([Trial(recipe, lowest_rung(trainer.steps), seed)])
    return trial, outcome


def trainer_of(
    trained: Subject,
    *,
    checkpoint: Path | str | None,
    plan: Plan | None,
    device: str,
    steps: int | None,
    workers: int,
    timeout: float | None,
    budget: Budget,
    progress: Progress,
    stop: Stop,
) -> Trainer:
    """Return what runs the trials.

    Raises:
        TaskError: If there is none, or a checkpoint or a length is given that cannot be used.
    """
    task = trainer_or_task(
        trained,
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
            raise TaskError("a checkpoint goes with a task: what else is trained loads its weights itself.")
        return task
    task = task if checkpoint is None else starting_from(task, checkpoint)
    trainings = auto_trainings(task.total_steps) if budget.is_auto else budget.trainings
    if trainings is not None:  # before any work
        enough(trainings, budget, steps=task.total_steps)
    work = None if trainings is None else math.ceil(trainings * task.total_steps)
    trainer = fleet_trainer(
        task, plan=plan, members=WIDTH, config_steps=work, device=device, progress=progress, stop=stop
    )
    trainer.follow_valid = True
    return trainer


def _curvature(trainer: Trainer, recipe: Recipe, own: OwnTraining, left: int) -> CurvatureSummary | None:
    """Return the curvature where the recipe's longest trial ended, if what is left of the budget buys it."""
    if not isinstance(trainer, FleetTrainer) or own.diverged:
        return None
    trial = Trial(recipe, own.steps, own.seed)
    again = 0 if trainer.end_state(trial) is not None else trial.steps
    if left - again < LEAST_CONFIG_STEPS:
        return None
    if again:  # it was trained before the check was interrupted
        [*trainer.train([trial])]
    end = trainer.end_state(trial)
    if end is None:
        return None
    with using_threads(trainer.plan.threads):
        found = measure_curvature(trainer.task, trial, end, config_steps=left - again, device=trainer.plan.device)
    return None if found is None else replace(found, config_steps=found.config_steps + again)


def _symptoms(own: OwnTraining, curvature: CurvatureSummary | None) -> tuple[Symptom, ...]:
    """Return what the curves of the recipe's longest trial show."""
    if own.diverged:
        return ("divergence",)
    if not own.train.losses:
        return ()
    return symptoms_of(
        own.train.losses, own.readings, share_of_noise=None if curvature is None else curvature.share_of_noise
    )
