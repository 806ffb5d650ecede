"""What find and tune have in common: from what is given to a trainer, a study and a result."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from surefoot.core.budget import Budget
from surefoot.core.errors import BudgetError, TaskError
from surefoot.core.progress import Interrupted
from surefoot.core.values import Json
from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.search.budget_allocation import ANSWER_SECONDS, ANSWER_SHARE, Allowance, Stages, resolved
from surefoot.search.build_result import build_result
from surefoot.search.engine import Engine
from surefoot.search.request import Request
from surefoot.search.result import SearchResult
from surefoot.search.samplers import as_sampler
from surefoot.search.samplers.basic import Sampler
from surefoot.search.scaling import Transfer
from surefoot.search.search_study import study_of, with_model
from surefoot.search.space.coordinates import Coordinates
from surefoot.search.transfer import MOST_TRAININGS, transfer
from surefoot.studies.driver import keep_beside, printed_before, released
from surefoot.studies.ledger import Ledger
from surefoot.studies.study import Study
from surefoot.tasks.task import Task
from surefoot.trainers.make_trainer import closed, fleet_trainer, lent, trainer_or_task
from surefoot.trainers.trial import Outcome, Trainer, Trial

if TYPE_CHECKING:
    from torch import nn

    from surefoot.trainers.fleet_trainer import FleetTrainer

# A fleet is calibrated for so many members at once.
MEMBERS = 32


def run_search(request: Request) -> SearchResult:
    """Search as asked; return the result.

    Raises:
        SurefootError: If something given does not fit.
        Interrupted: If asked to stop; its ``result`` is what is known so far.
    """
    begin = time.perf_counter()
    # Refuse a space with nothing in it before any work.
    Coordinates.around(request.space, dict.fromkeys(request.space.optimizers, 1.0), steps=1000)
    if not 0 < request.tolerance < 1:
        raise TaskError(f"tolerance is a share between 0 and 1; given {request.tolerance:g}.")
    sampler = as_sampler(request.sampler)
    with lent(request.subject), closed(trainer := trainer_of(request)):
        request.aim.require(trainer)
        if request.transfer and not hasattr(trainer, "task"):
            raise TaskError("the batch size of a function or a script is its own.", hint="--transfer needs a Task.")
        for recipe in request.compare:
            recipe.require_bounds(steps=trainer.steps)
        stages = _stages(request, trainer)
        with printed_before(trainer) as printed:
            pilot = _pilot(request, trainer, stages, sampler)
        pace = _step_seconds(trainer) if pilot is None else pilot[1].seconds / pilot[0].steps
        budget = resolved(
            request.budget,
            full_steps=trainer.steps,
            stages=stages,
            step_seconds=pace,
            full_training=request.command == "tune",
            compared=len(request.compare),
        )
        _require_time(request, budget)
        if budget.trainings is not None:
            stages = stages.within(round(budget.trainings * trainer.steps))
        study = study_of(request, trainer, budget, sampler)
        with released(study, request.command):
            before = 0.0 if study is None else study.seconds(unfinished=True)
            begin -= before  # what it took before it was broken off
            keep_beside(study, trainer, output=request.output, printed=printed)
            ledger = Ledger(trainer, study)
            if pilot is not None:
                ledger.add(*pilot)
            elif pace is None and ledger.recorded_steps:
                pace = before / ledger.recorded_steps
            engine = _engine(request, trainer, stages, budget, ledger, sampler=sampler, pace=pace)
            _announce(request, engine, budget, recorded=ledger.recorded_steps)
            try:
                engine.run()
                result = _result(request, engine, budget, study, time.perf_counter() - begin)
                result = replace(result, transfer=_transferred(request, engine, result, study))
            except (Interrupted, KeyboardInterrupt) as interruption:
                stopped = Interrupted("asked to stop")
                found = _result(request, engine, budget, study, time.perf_counter() - begin)
                # Weights of before stay where this search had not yet come to its own.
                stopped.result = found if found.trained is None else _kept(found, engine, study)
                raise stopped from interruption
            result = _kept(replace(result, seconds=time.perf_counter() - begin), engine, study)
            if study is not None:
                kept: dict[str, Json] = {**result.to_json(), "stages": [*ledger.stages]}
                study.release(status="done", result=kept)
    return result


def _kept(result: SearchResult, engine: Engine, study: Study | None) -> SearchResult:
    """Keep the trained weights beside the study, where there is one."""
    task = getattr(engine.trainer, "task", None)
    return result if study is None else with_model(result, study, None if task is None else task.new_model)


def _transferred(request: Request, engine: Engine, result: SearchResult, study: Study | None) -> Transfer | None:
    """Measure how the answer changes with the batch size, where that was asked for."""
    if not request.transfer or result.recipe is None:
        return None
    steps, reader = engine.trainer.steps, engine.reader()
    frontier = []
    if reader is not None and request.aim.goal == "loss" and reader.coordinates.covers(result.recipe):
        frontier = [(point, reader.point(result.recipe, point.steps).loss) for point in result.frontier]
    request.progress.stage("transfer to other batch sizes", config_steps=round(MOST_TRAININGS * steps))
    return transfer(
        cast("FleetTrainer", engine.trainer),
        result.recipe,
        share=engine.stages.lowest / steps,
        seed=request.seed,
        aim=engine.aim,
        stop=request.stop,
        study=study,
        frontier=frontier,
    )


def _require_time(request: Request, budget: Budget) -> None:
    """Make sure that a budget in seconds is not over before the first trial begins.

    Raises:
        BudgetError: If it is.
    """
    if budget.seconds is None or isinstance(request.study, Study):  # a study that goes on has an answer already
        return
    reserve = max(ANSWER_SECONDS, ANSWER_SHARE * budget.seconds)
    if time.monotonic() > request.started + budget.seconds - reserve:
        raise BudgetError(
            f"a budget of {budget} is over before the first trial begins.",
            hint="give more time, or a number of trainings, as 3x.",
        )


def _pilot(request: Request, trainer: Trainer, stages: Stages, sampler: Sampler) -> tuple[Trial, Outcome] | None:
    """Run the search's first trial where the budget depends on what a step takes and nobody has measured that."""
    if not request.budget.is_auto or _step_seconds(trainer) is not None or not trainer.exact:
        return None
    engine = _engine(request, trainer, stages, Budget(trainings=1.0), Ledger(trainer), sampler=sampler, pace=None)
    request.progress.stage("one short trial, for its time", config_steps=0)
    ((trial, outcome),) = trainer.train([engine.first_trial()])
    return trial, outcome


def trainer_of(request: Request) -> Trainer:
    """Return what trains: for a task a fleet on this machine, for a function a FunctionTrainer, or the trainer given.

    Raises:
        TaskError: If the subject is none of these, or the length of a function's training is not known.
    """
    progress, stop = request.progress, request.stop
    task = trainer_or_task(
        request.subject,
        steps=request.steps,
        plan=request.plan,
        device=request.device,
        follow_valid=request.aim.judge == "best",
        progress=progress,
        stop=stop,
        workers=request.workers,
        timeout=request.timeout,
        output=request.output,
    )
    if not isinstance(task, Task):
        return task
    _require_patterns(task, [request.space.with_groups(), *request.compare])
    plan = request.plan
    if plan is None and isinstance(request.study, Study) and (recorded := request.study.info().plan) is not None:
        plan = Plan.from_json(recorded)
    stages = Stages.of(task.total_steps, axes=2, optimizers=len(request.space.optimizers))
    trainings = request.budget.trainings or stages.config_steps / task.total_steps + 1.0
    trainer = fleet_trainer(
        task,
        plan=plan,
        members=MEMBERS,
        config_steps=round(trainings * task.total_steps),
        device=request.device,
        progress=progress,
        stop=stop,
    )
    trainer.follow_valid = request.aim.judge == "best"
    trainer.evaluate_test = True
    trainer.probe_full = trainer.keep_models = request.command == "tune"
    return trainer


def _require_patterns(task: Task, recipes: Sequence[Recipe]) -> None:
    """Make sure that every pattern names a parameter of the task's model, before any work.

    Raises:
        RecipeError: With the first that does not.
    """
    for recipe in recipes:
        if recipe.groups:
            recipe.build(task.new_model(), steps=task.total_steps)


def _stages(request: Request, trainer: Trainer) -> Stages:
    axes = len(
        Coordinates.around(request.space, dict.fromkeys(request.space.optimizers, 1.0), steps=trainer.steps).axes
    )
    return Stages.of(trainer.steps, axes=axes, optimizers=len(request.space.optimizers))


def _engine(
    request: Request,
    trainer: Trainer,
    stages: Stages,
    budget: Budget,
    ledger: Ledger,
    *,
    sampler: Sampler,
    pace: float | None,
) -> Engine:
    deadline = None
    if budget.seconds is not None:
        before = 0.0 if ledger.study is None else ledger.study.seconds(unfinished=True)
        deadline = request.started + budget.seconds - before - max(ANSWER_SECONDS, ANSWER_SHARE * budget.seconds)
    total = float("inf") if budget.trainings is None else budget.trainings * trainer.steps
    return Engine(
        trainer=trainer,
        space=request.space,
        sampler=sampler,
        aim=request.aim,
        seed=request.seed,
        ledger=ledger,
        allowance=Allowance(total, deadline=deadline, step_seconds=pace),
        stages=stages,
        trains_in_full=request.command == "tune",
        compare=request.compare,
        tolerance=request.tolerance,
        progress=request.progress,
        stop=request.stop,
    )


def _announce(request: Request, engine: Engine, budget: Budget, *, recorded: int) -> None:
    """Say beforehand what the work costs."""
    from surefoot.core.formatting import seconds_text  # noqa: PLC0415

    full, progress = engine.trainer.steps, request.progress
    before = f" {recorded:,} are recorded already." if recorded and engine.ledger.study is not None else ""
    if budget.trainings is None:
        progress.begin(config_steps=0, done=recorded)
        progress.tell(f"budget: {seconds_text(budget.seconds or 0.0)}; the answer will be there by then.")
        return
    most = round(budget.trainings * full)
    progress.begin(config_steps=most, done=min(recorded, most))
    pace = engine.allowance.step_seconds
    # The first trial of a function or a script loads what all others have at hand.
    about = "at most about" if engine.trainer.exact else "about"
    time_text = "" if pace is None else f", {about} {seconds_text(pace * max(0, most - recorded) / _at_once(engine))}"
    chosen = " (auto)" if request.budget.is_auto else ""
    progress.tell(
        f"budget{chosen}: {budget.trainings:g} full trainings of {full:,} steps, {most:,} steps in all{time_text}."
        f"{before} The first trials take {engine.stages.lowest} steps each."
    )


def _at_once(engine: Engine) -> int:
    """Return how many trials of a function or a script run beside each other; the pace of a fleet has that in it."""
    return engine.trainer.capacity if engine.trainer.exact else 1


def _step_seconds(trainer: Trainer) -> float | None:
    """Return what a config-step takes, where that was measured."""
    plan = getattr(trainer, "plan", None)
    cost = None if plan is None else plan.config_step_us
    return None if cost is None else 1e-6 * cost


def _result(request: Request, engine: Engine, budget: Budget, study: Study | None, seconds: float) -> SearchResult:
    plan = getattr(engine.trainer, "plan", None)
    return build_result(
        engine,
        command=request.command,
        seconds=seconds,
        budget=str(budget),
        plan=None if plan is None else plan.to_json(),
        study=None if study is None else study.name,
        trained=_models_of(engine.trainer),
    )


def _models_of(trainer: Trainer) -> Callable[[Recipe, int, int], Callable[[], nn.Module] | None] | None:
    """Return what finds the trained model of a recipe, where the trainer keeps weights."""
    state_of = getattr(trainer, "model_state", None)
    task = getattr(trainer, "task", None)
    if state_of is None or task is None:
        return None

    def find(recipe: Recipe, steps: int, seed: int) -> Callable[[], nn.Module] | None:
        state = state_of(Trial(recipe, steps, seed))
        if state is None:
            return None

        def model() -> nn.Module:
            fresh: nn.Module = task.new_model()
            fresh.load_state_dict(state, strict=False)
            return fresh

        return model

    return find
