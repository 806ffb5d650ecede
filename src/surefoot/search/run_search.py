"""What find and tune have in common: from what is given to a trainer, a study and a result."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from surefoot.budget import Budget
from surefoot.errors import BudgetError, StudyError, TaskError
from surefoot.files import writable_folder
from surefoot.fleet.plan import Plan
from surefoot.fleet.progress import Progress, Silent
from surefoot.interruption import Interrupted, Stop, never
from surefoot.recipe import Recipe
from surefoot.search.budget_allocation import ANSWER_SECONDS, ANSWER_SHARE, Allowance, Stages, resolved
from surefoot.search.build_result import build_result
from surefoot.search.engine import Engine
from surefoot.search.goal import Aim
from surefoot.search.result import Command, SearchResult
from surefoot.search.samplers import Sampler, as_sampler
from surefoot.search.scaling import Transfer
from surefoot.search.space import Coordinates, SearchSpace
from surefoot.search.transfer import MOST_TRAININGS, transfer
from surefoot.studies import Database, Ledger, Study
from surefoot.tasks.loader import as_task, load_subject
from surefoot.tasks.task import Task
from surefoot.trainers import Outcome, Trainer, Trial
from surefoot.values import Json

if TYPE_CHECKING:
    from torch import nn

    from surefoot.trainers.fleet_trainer import FleetTrainer
    from surefoot.trainers.function_trainer import FunctionTrainer

# A fleet is calibrated for so many members at once.
MEMBERS = 32


@dataclass(slots=True)
class Request:
    """What find or tune was asked.

    Attributes:
        command: Which of the two.
        subject: A Task or its text, a training function, or a trainer.
        budget: As given.
        seed: Of everything random.
        space: What may be tried.
        sampler: Which points are tried.
        aim: What is made as good as possible.
        compare: Recipes to be trained beside the answer.
        tolerance: Loss over the best, as a share, that is still good.
        study: Where to keep what is measured: a database, or a study to go on with.
        settings: What a new study is to remember of how it was asked for.
        plan: How to run a task; measured, if not given.
        device: Where to train a task.
        steps: Length of a full training of a function.
        workers: Processes for a function's trials; 0 trains in this one.
        timeout: Seconds after which a function's trial has failed.
        output: Folder for what functions and scripts print; beside the study, if not given.
        started: When the clock of a budget in seconds began to run, by ``time.monotonic``; now, if not given.
        transfer: Whether to measure as well how the answer changes with the batch size.
        progress: Receives what happens.
        stop: Asked often.
    """

    command: Command
    subject: Any
    budget: Budget
    seed: int = 0
    space: SearchSpace = field(default_factory=SearchSpace)
    sampler: Sampler | str = "surefoot"
    aim: Aim = field(default_factory=Aim)
    compare: tuple[Recipe, ...] = ()
    tolerance: float = 0.05
    study: Study | Path | str | None = None
    settings: Mapping[str, Json] = field(default_factory=dict)
    plan: Plan | None = None
    device: str = "cpu"
    steps: int | None = None
    workers: int = 0
    timeout: float | None = None
    output: Path | None = None
    started: float = field(default_factory=time.monotonic)
    transfer: bool = False
    progress: Progress = field(default_factory=Silent)
    stop: Stop = never


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
    trainer = trainer_of(request)
    with _closed(trainer):
        request.aim.require(trainer)
        for recipe in request.compare:
            recipe.require_bounds(steps=trainer.steps)
        stages = _stages(request, trainer)
        pilot = _pilot(request, trainer, stages, sampler)
        pace = _step_seconds(trainer) if pilot is None else pilot[1].seconds / pilot[0].steps
        budget = resolved(
            request.budget,
            full_steps=trainer.steps,
            stages=stages,
            step_seconds=pace,
            full_training=request.command == "tune",
        )
        _require_time(request, budget)
        study = _study(request, trainer, budget)
        if study is not None:
            study.take_lease()
        with _released(study, request.command):
            _keep_beside(study, trainer, request)
            ledger = Ledger(trainer, study)
            if pilot is not None:
                ledger.add(*pilot)
            engine = _engine(request, trainer, stages, budget, ledger, sampler=sampler, pace=pace)
            _announce(request, engine, budget, recorded=ledger.recorded_steps)
            try:
                engine.run()
                transferred = _transferred(request, engine, study)
            except (Interrupted, KeyboardInterrupt) as interruption:
                stopped = Interrupted("asked to stop")
                stopped.result = _result(request, engine, budget, study, time.perf_counter() - begin)
                raise stopped from interruption
            result = _result(request, engine, budget, study, time.perf_counter() - begin)
            result = replace(result, transfer=transferred)
            if study is not None:
                _keep_model(result, study)
                kept: dict[str, Json] = {**result.to_json(), "stages": [*ledger.stages]}
                study.release(status="done", result=kept)
    return result


def _transferred(request: Request, engine: Engine, study: Study | None) -> Transfer | None:
    """Measure how the answer changes with the batch size, where that was asked for.

    Raises:
        TaskError: If what is trained has no batch size to change.
    """
    if not request.transfer or engine.recipe is None:
        return None
    reader, trainer = engine.reader(), engine.trainer
    if not hasattr(trainer, "task"):
        raise TaskError("the batch size of a function or a script is its own.", hint="--transfer needs a Task.")
    request.progress.stage("transfer to other batch sizes", config_steps=round(MOST_TRAININGS * trainer.steps))
    return transfer(
        cast("FleetTrainer", trainer),
        engine.recipe,
        share=engine.stages.lowest / trainer.steps,
        seed=request.seed,
        aim=engine.aim,
        study=study,
        frontier=() if reader is None else reader.frontier(engine.lengths()),
    )


@contextmanager
def _closed(trainer: Trainer) -> Iterator[None]:
    """End a trainer's worker processes, where it has some, with the search."""
    try:
        yield
    finally:
        close = getattr(trainer, "close", None)
        if close is not None:
            close()


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


def _keep_beside(study: Study | None, trainer: Trainer, request: Request) -> None:
    """Let a trainer keep what trials print, and its checkpoints, beside the study."""
    if study is None:
        return
    if hasattr(trainer, "output") and trainer.output is None:
        trainer.output = writable_folder(study.output_path if request.output is None else request.output)
    if hasattr(trainer, "checkpoints") and trainer.checkpoints is None:
        trainer.checkpoints = study.checkpoints_path


def trainer_of(request: Request) -> Trainer:
    """Return what trains: for a task a fleet on this machine, for a function a FunctionTrainer, or the trainer given.

    Raises:
        TaskError: If the subject is none of these, or the length of a function's training is not known.
    """
    subject = request.subject
    if hasattr(subject, "train") and hasattr(subject, "capacity"):
        given: Trainer = subject
        given.stop = request.stop  # also while a script is asked for its length
        if hasattr(given, "progress") and not isinstance(request.progress, Silent):
            given.progress = request.progress
        return given
    if isinstance(subject, str):
        subject = load_subject(subject)
    if callable(subject) and not isinstance(subject, Task):
        return _function_trainer(request, subject)
    return _fleet_trainer(request, as_task(subject))


def _function_trainer(request: Request, function: Callable[[Any], Any]) -> FunctionTrainer:
    from surefoot.trainers.function_trainer import FunctionTrainer  # noqa: PLC0415  (tasks do without)
    from surefoot.trainers.training_function import name_of, require_training_function  # noqa: PLC0415

    require_training_function(function)
    if request.steps is None:
        raise TaskError(
            f"how long is a full training of {name_of(function)!r}?",
            hint="pass steps=..., its optimizer steps (--steps on the command line).",
        )
    return FunctionTrainer(
        function,
        steps=request.steps,
        workers=request.workers,
        timeout=request.timeout,
        output=request.output,
        progress=request.progress,
        stop=request.stop,
    )


def _fleet_trainer(request: Request, task: Task) -> FleetTrainer:
    from surefoot.fleet import calibrate  # noqa: PLC0415  (functions and scripts do without)
    from surefoot.tasks.probe import probe  # noqa: PLC0415
    from surefoot.trainers.fleet_trainer import FleetTrainer  # noqa: PLC0415

    if request.steps is not None:
        task = task.with_length(steps=request.steps)
    probe(task)
    plan = request.plan
    if plan is None and isinstance(request.study, Study) and (recorded := request.study.info().plan) is not None:
        plan = Plan.from_json(recorded)
    if plan is None:
        request.progress.stage("calibration", config_steps=0)
        stages = Stages.of(task.total_steps, axes=2, optimizers=len(request.space.optimizers))
        trainings = request.budget.trainings or stages.config_steps / task.total_steps + 1.0
        plan = calibrate(
            task,
            members=MEMBERS,
            config_steps=round(trainings * task.total_steps),
            device=request.device,
            tell=request.progress.tell,
        )
    return FleetTrainer(
        task,
        plan,
        progress=request.progress,
        follow_valid=request.aim.judge == "best",
        evaluate_test=True,
        probe_full=request.command == "tune",
        keep_models=request.command == "tune",
    )


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
    from surefoot.numerals import seconds_text  # noqa: PLC0415

    full, progress = engine.trainer.steps, request.progress
    before = f" {recorded:,} are recorded already." if recorded and engine.ledger.study is not None else ""
    if budget.trainings is None:
        progress.begin(config_steps=0, done=recorded)
        progress.tell(f"budget: {seconds_text(budget.seconds or 0.0)}; the answer will be there by then.")
        return
    most = round(budget.trainings * full)
    progress.begin(config_steps=most, done=min(recorded, most))
    pace = engine.allowance.step_seconds
    time_text = "" if pace is None else f", about {seconds_text(pace * max(0, most - recorded) / _at_once(engine))}"
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


def _keep_model(result: SearchResult, study: Study) -> None:
    """Write the trained weights beside the study, so that they are there when it is opened again."""
    if result.trained is None:
        return
    from safetensors.torch import save_file  # noqa: PLC0415

    from surefoot.files import atomic_path  # noqa: PLC0415

    state = {name: tensor.contiguous().clone() for name, tensor in result.model().state_dict().items()}
    with atomic_path(study.model_path) as temporary:
        save_file(state, temporary)


def _study(request: Request, trainer: Trainer, budget: Budget) -> Study | None:
    """Return the study to go on with, or a new one.

    Raises:
        StudyError: If the study was begun with another task, space or seed.
    """
    if request.study is None:
        return None
    asked: dict[str, Json] = {
        "command": request.command,
        "budget": str(budget),
        "space": request.space.to_json(),
        "sampler": request.sampler if isinstance(request.sampler, str) else as_sampler(request.sampler).name,
        "goal": request.aim.goal,
        "judge": request.aim.judge,
        "compare": [str(recipe) for recipe in request.compare],
        "tolerance": request.tolerance,
        "trained": trainer.describe(),
    }
    plan = getattr(trainer, "plan", None)
    if not isinstance(request.study, Study):
        study_settings = {**request.settings, **asked}
        database = Database(Path(request.study))
        study = Study.create(database, task=trainer.name, settings=study_settings, seed=request.seed)
        if plan is not None:
            study.take_lease()
            study.set_plan(plan.to_json())
        return study
    study = request.study
    info = study.info()
    same = ("command", "space", "sampler", "goal", "judge", "trained")
    before = {"seed": info.seed, **{key: info.settings.get(key, asked[key]) for key in same}}
    now: dict[str, Json] = {"seed": request.seed, **{key: asked[key] for key in same}}
    changed = [key for key in before if before[key] != now[key]]
    if changed:
        given = "; ".join(f"{key} was {before[key]}, now {now[key]}" for key in changed)
        raise StudyError(f"study {study.name} cannot go on: {given}.", hint="begin a new one, or undo the change.")
    study.take_lease()
    if plan is not None:
        study.set_plan(plan.to_json())
    if info.settings.get("budget") != asked["budget"]:
        study.extend_budget(asked["budget"])
    return study


@contextmanager
def _released(study: Study | None, command: str) -> Iterator[None]:
    """Give up driving a study when its work breaks off, and say how it stands."""
    try:
        yield
    except Interrupted as interruption:
        if study is not None:
            study.release(status="interrupted")
            interruption.study = study.name
        raise
    except KeyboardInterrupt:  # a second Ctrl-C, while the first one's answer was being read
        if study is not None:
            study.release(status="interrupted")
        again = Interrupted("asked to stop")
        again.study = None if study is None else study.name
        raise again from None
    except BaseException as error:
        if study is not None:
            study.release(status="failed")
            error.add_note(
                f"What was done is kept: surefoot {command} --resume {shlex.quote(study.name)} goes on from there."
            )
        raise


def recipes_of(given: Sequence[Recipe | str]) -> tuple[Recipe, ...]:
    """Return recipes that are given as such or as texts.

    Raises:
        RecipeError: If a text is none.
    """
    return tuple(Recipe.parse(each) if isinstance(each, str) else each for each in given)
