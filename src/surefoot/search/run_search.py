"""What find and tune have in common: from what is given to a trainer, a study and a result."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surefoot.budget import Budget
from surefoot.errors import StudyError, TaskError
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
from surefoot.search.space import Coordinates, SearchSpace
from surefoot.studies import Database, Ledger, Study
from surefoot.tasks.task import Task
from surefoot.trainers import Trainer
from surefoot.values import Json

if TYPE_CHECKING:
    from torch import nn

    from surefoot.trainers.fleet_trainer import FleetTrainer

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
    progress: Progress = field(default_factory=Silent)
    stop: Stop = never


def run_search(request: Request) -> SearchResult:
    """Search as asked; return the result.

    Raises:
        SurefootError: If something given does not fit.
        Interrupted: If asked to stop; its ``result`` is what is known so far.
    """
    begin, started = time.perf_counter(), time.monotonic()
    # Refuse a space with nothing in it before any work.
    Coordinates.around(request.space, dict.fromkeys(request.space.optimizers, 1.0), steps=1000)
    if not 0 < request.tolerance < 1:
        raise TaskError(f"tolerance is a share between 0 and 1; given {request.tolerance:g}.")
    trainer = trainer_of(request)
    request.aim.require(trainer)
    for recipe in request.compare:
        recipe.require_bounds(steps=trainer.steps)
    stages = _stages(request, trainer)
    budget = resolved(
        request.budget,
        full_steps=trainer.steps,
        stages=stages,
        step_seconds=_step_seconds(trainer),
        full_training=request.command == "tune",
    )
    study = _study(request, trainer, budget)
    if study is not None:
        study.take_lease()
    with _released(study, request.command):
        engine = _engine(request, trainer, stages, budget, study, started=started)
        _announce(request, engine, budget, recorded=engine.ledger.recorded_steps)
        try:
            engine.run()
        except (Interrupted, KeyboardInterrupt) as interruption:
            stopped = Interrupted("asked to stop")
            stopped.result = _result(request, engine, budget, study, time.perf_counter() - begin)
            raise stopped from interruption
        result = _result(request, engine, budget, study, time.perf_counter() - begin)
    if study is not None:
        study.release(status="done", result=result.to_json())
        _keep_model(result, trainer, study)
    return result


def trainer_of(request: Request) -> Trainer:
    """Return what trains: for a task a fleet on this machine, for a function a FunctionTrainer, or the trainer given.

    Raises:
        TaskError: If the subject is none of these, or the length of a function's training is not known.
    """
    subject = request.subject
    if hasattr(subject, "train") and hasattr(subject, "capacity"):
        given: Trainer = subject
        return given
    if callable(subject) and not isinstance(subject, (Task, str)):
        from surefoot.trainers.function_trainer import FunctionTrainer  # noqa: PLC0415

        length = request.steps or getattr(subject, "steps", None)
        if length is None:
            raise TaskError(
                f"how long is a full training of {getattr(subject, '__name__', 'the function')!r}?",
                hint="pass steps=..., its optimizer steps (--steps on the command line).",
            )
        return FunctionTrainer(subject, steps=length)
    return _fleet_trainer(request)


def _fleet_trainer(request: Request) -> FleetTrainer:
    from surefoot.fleet import calibrate  # noqa: PLC0415  (functions and scripts do without)
    from surefoot.tasks.loader import as_task  # noqa: PLC0415
    from surefoot.tasks.probe import probe  # noqa: PLC0415
    from surefoot.trainers.fleet_trainer import FleetTrainer  # noqa: PLC0415

    task = as_task(request.subject)
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
    study: Study | None,
    *,
    started: float,
) -> Engine:
    deadline = None
    if budget.seconds is not None:
        deadline = started + budget.seconds - max(ANSWER_SECONDS, ANSWER_SHARE * budget.seconds)
    total = float("inf") if budget.trainings is None else budget.trainings * trainer.steps
    return Engine(
        trainer=trainer,
        space=request.space,
        sampler=as_sampler(request.sampler),
        aim=request.aim,
        seed=request.seed,
        ledger=Ledger(trainer, study),
        allowance=Allowance(total, deadline=deadline, step_seconds=_step_seconds(trainer)),
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
    if budget.trainings is None:
        progress.begin(config_steps=0, done=recorded)
        progress.tell(f"budget: {seconds_text(budget.seconds or 0.0)}; the answer will be there by then.")
        return
    most = round(budget.trainings * full)
    progress.begin(config_steps=most, done=min(recorded, most))
    pace = _step_seconds(engine.trainer)
    time_text = "" if pace is None else f", about {seconds_text(pace * most)}"
    progress.tell(
        f"budget: {budget}, at most {most:,} config-steps (as many as {budget.trainings:g} trainings of {full:,} steps"
        f"{time_text}); trials begin with {engine.stages.lowest} steps."
    )


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
    from surefoot.trainers import Trial  # noqa: PLC0415

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


def _keep_model(result: SearchResult, trainer: Trainer, study: Study) -> None:
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
        database = Database(Path(request.study))
        study = Study.create(database, task=trainer.name, settings={**request.settings, **asked}, seed=request.seed)
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
    except Interrupted as stopped:
        if study is not None:
            study.release(status="interrupted")
            stopped.study = study.name
        raise
    except BaseException as error:
        if study is not None:
            study.release(status="failed")
            error.add_note(
                f"What was done is kept: surefoot {command} --resume {shlex.quote(study.name)} goes on from there."
            )
        raise


def recipes_of(given: Sequence[Recipe | str]) -> tuple[Recipe, ...]:
    """Return recipes that are given as such or as texts."""
    return tuple(Recipe.parse(each) if isinstance(each, str) else each for each in given)
