"""Runs a search from its request to its result: trainer, budget, study, stages, and what is kept."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from surefoot.core.budget import Budget
from surefoot.core.errors import BudgetError, TaskError
from surefoot.core.formatting import format_duration
from surefoot.core.progress import Interrupted
from surefoot.core.value_types import Json
from surefoot.search.best_recipe_by_length import frontier_point
from surefoot.search.budgeted_trials import RemainingBudget, StageSizes, reserved_seconds, resolve_budget
from surefoot.search.build_result import build_result
from surefoot.search.measure_batch_size_transfer import MAX_TRANSFER_TRAININGS, measure_transfer
from surefoot.search.rate_transfer_result import Transfer
from surefoot.search.request import Request
from surefoot.search.result import SearchResult
from surefoot.search.samplers import as_sampler
from surefoot.search.search_setup import (
    keep_model,
    measured_step_seconds,
    new_model_of,
    open_search_study,
    parallel_trials,
    search_trainer,
)
from surefoot.search.search_state import SearchState
from surefoot.search.space.coordinates import Coordinates
from surefoot.search.stages import run_stages
from surefoot.studies.study import Study
from surefoot.studies.study_session import (
    TrialRecorder,
    capture_early_output,
    release_when_interrupted,
    store_files_with_study,
)
from surefoot.trainers.make_trainer import close_afterwards, preserve_settings
from surefoot.trainers.trial import Outcome, Trainer, Trial

if TYPE_CHECKING:
    from surefoot.trainers.fleet_trainer import FleetTrainer


def run_search(request: Request) -> SearchResult:
    """Run a search and return its result.

    Raises:
        SurefootError: If the request is not valid.
        Interrupted: If asked to stop; its ``result`` is what is known so far.
    """
    begin = time.perf_counter()
    # An empty space is refused before any work; its axes depend neither on rates nor on the length.
    Coordinates.around(request.space, dict.fromkeys(request.space.optimizers, 1.0), steps=1000)
    if not 0 < request.tolerance < 1:
        raise TaskError(f"tolerance is a share above 0 and below 1; given {request.tolerance:g}.")
    as_sampler(request.sampler)
    with preserve_settings(request.subject), close_afterwards(trainer := search_trainer(request)):
        _validate_for(trainer, request)
        sizes = _sizes(request, trainer)
        with capture_early_output(trainer) as early_output:
            first = _timed_first_trial(request, trainer, sizes)
        step_seconds = measured_step_seconds(trainer) if first is None else first[1].seconds / first[0].steps
        budget = resolve_budget(
            request.budget,
            full_steps=trainer.steps,
            sizes=sizes,
            step_seconds=step_seconds,
            full_training=request.command == "tune",
            compared=len(request.compare),
        )
        _require_time(request, budget)
        if budget.trainings is not None:
            sizes = sizes.within(round(budget.trainings * trainer.steps))
        study = open_search_study(request, trainer, budget)
        with release_when_interrupted(study, request.command):
            seconds_before = 0.0 if study is None else study.seconds(unfinished=True)
            store_files_with_study(study, trainer, output=request.output, printed=early_output)
            recorder = TrialRecorder(trainer, study)
            if first is not None:
                recorder.add(*first)
            elif step_seconds is None and recorder.recorded_steps:
                step_seconds = seconds_before / recorder.recorded_steps
            search = _new_search(request, sizes, budget, recorder, step_seconds=step_seconds)
            _announce(request, search, budget)
            return _run(request, search, budget, begin=begin - seconds_before)


def _validate_for(trainer: Trainer, request: Request) -> None:
    """Check the parts of a request that depend on what is trained.

    Raises:
        TaskError: If the criterion or the transfer cannot be measured.
        RecipeError: If a recipe to compare does not fit into a full training.
    """
    request.criterion.validate(trainer)
    if request.transfer and not hasattr(trainer, "task"):
        raise TaskError(
            "transfer changes the batch size, which a function or a script chooses itself.",
            hint="leave out transfer, or pass a Task.",
        )
    for recipe in request.compare:
        recipe.require_bounds(steps=trainer.steps)


def _sizes(request: Request, trainer: Trainer) -> StageSizes:
    optimizers = request.space.optimizers
    axes = Coordinates.around(request.space, dict.fromkeys(optimizers, 1.0), steps=trainer.steps).axes
    return StageSizes.of(trainer.steps, axes=len(axes), optimizers=len(optimizers))


def _timed_first_trial(request: Request, trainer: Trainer, sizes: StageSizes) -> tuple[Trial, Outcome] | None:
    """Run the first trial of the search where an automatic budget depends on its time; ``None`` elsewhere."""
    if not request.budget.is_auto or measured_step_seconds(trainer) is not None or not trainer.exact:
        return None
    search = _new_search(request, sizes, Budget(trainings=1.0), TrialRecorder(trainer), step_seconds=None)
    request.progress.stage("one short trial, to measure its time", config_steps=0)
    ((trial, outcome),) = trainer.train([search.first_trial()])
    return trial, outcome


def _require_time(request: Request, budget: Budget) -> None:
    """Check that a budget in seconds is not over before the first trial; a study that is resumed has an answer.

    Raises:
        BudgetError: If it is.
    """
    if budget.seconds is None or isinstance(request.study, Study):
        return
    if time.monotonic() > request.started + budget.seconds - reserved_seconds(budget.seconds):
        raise BudgetError(
            f"a budget of {budget} is over before the first trial begins.",
            hint="give more time, or a number of trainings, such as 3x.",
        )


def _new_search(
    request: Request,
    sizes: StageSizes,
    budget: Budget,
    recorder: TrialRecorder,
    *,
    step_seconds: float | None,
) -> SearchState:
    trainer, deadline = recorder.trainer, None
    if budget.seconds is not None:
        seconds_before = 0.0 if recorder.study is None else recorder.study.seconds(unfinished=True)
        deadline = request.started + budget.seconds - seconds_before - reserved_seconds(budget.seconds)
    total = float("inf") if budget.trainings is None else budget.trainings * trainer.steps
    return SearchState(
        trainer=trainer,
        space=request.space,
        sampler=as_sampler(request.sampler),
        criterion=request.criterion,
        seed=request.seed,
        recorder=recorder,
        budget=RemainingBudget(total, deadline=deadline, step_seconds=step_seconds),
        sizes=sizes,
        trains_in_full=request.command == "tune",
        compare=request.compare,
        tolerance=request.tolerance,
        progress=request.progress,
        stop=request.stop,
    )


def _announce(request: Request, search: SearchState, budget: Budget) -> None:
    """Show the cost of the search before its first trial."""
    progress, recorded = request.progress, search.recorder.recorded_steps
    if budget.trainings is None:
        progress.begin(config_steps=0, done=recorded)
        progress.message(f"budget: {format_duration(budget.seconds or 0.0)}; the answer will be there by then.")
        return
    full, step_seconds = search.trainer.steps, search.budget.step_seconds
    total = round(budget.trainings * full)
    progress.begin(config_steps=total, done=min(recorded, total))
    # The first trial of a function or a script also loads what all others find loaded.
    about = "at most about" if search.trainer.exact else "about"
    duration = ""
    if step_seconds is not None:
        seconds = step_seconds * max(0, total - recorded) / parallel_trials(search.trainer)
        duration = f", {about} {format_duration(seconds)}"
    chosen = " (auto)" if request.budget.is_auto else ""
    known = f" {recorded:,} of them are recorded already." if recorded and search.recorder.study is not None else ""
    progress.message(
        f"budget{chosen}: {budget.trainings:g} full trainings of {full:,} steps, {total:,} steps in all{duration}."
        f"{known} The first trials take {search.sizes.lowest} steps each."
    )


def _run(request: Request, search: SearchState, budget: Budget, *, begin: float) -> SearchResult:
    """Run all stages and return the result, which the study keeps.

    Args:
        request: Request of the search.
        search: The search, before its first stage.
        budget: Resolved budget.
        begin: Time at which the search began, on the clock of ``time.perf_counter``.

    Raises:
        Interrupted: If asked to stop; its ``result`` is what is known so far.
    """
    study = search.recorder.study
    try:
        run_stages(search)
        result = _result(request, search, budget, begin)
        result = replace(result, transfer=_transfer(request, search, result))
    except (Interrupted, KeyboardInterrupt) as interruption:
        stopped = Interrupted("asked to stop")
        result = _result(request, search, budget, begin)
        # Without a full training of this run, the weights of an earlier one stay with the study.
        stopped.result = result if result.trained_model is None else _with_kept_model(result, search)
        raise stopped from interruption
    result = _with_kept_model(replace(result, seconds=time.perf_counter() - begin), search)
    if study is not None:
        stored: dict[str, Json] = {**result.to_json(), "stages": [*search.recorder.stages]}
        study.release(status="done", result=stored)
    return result


def _result(request: Request, search: SearchState, budget: Budget, begin: float) -> SearchResult:
    seconds = time.perf_counter() - begin
    return build_result(search, command=request.command, seconds=seconds, budget=str(budget))


def _with_kept_model(result: SearchResult, search: SearchState) -> SearchResult:
    """Keep the trained weights next to the study, if there is one."""
    study = search.recorder.study
    return result if study is None else keep_model(result, study, new_model_of(search.trainer))


def _transfer(request: Request, search: SearchState, result: SearchResult) -> Transfer | None:
    """Measure how the best learning rate changes with the batch size, if that was requested."""
    recipe = result.recipe
    if not request.transfer or recipe is None:
        return None
    analysis, points = search.analysis(), []
    if analysis is not None and request.criterion.goal == "loss" and analysis.coordinates.covers(recipe):
        points = [(point, frontier_point(analysis, recipe, steps=point.steps).loss) for point in result.frontier]
    steps = search.trainer.steps
    request.progress.stage("transfer to other batch sizes", config_steps=round(MAX_TRANSFER_TRAININGS * steps))
    return measure_transfer(
        cast("FleetTrainer", search.trainer),  # _validate_for has seen its Task
        recipe,
        share=search.sizes.lowest / steps,
        seed=request.seed,
        criterion=search.criterion,
        stop=request.stop,
        study=search.recorder.study,
        frontier=points,
    )
