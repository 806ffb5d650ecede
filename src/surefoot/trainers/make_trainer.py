"""Whatever can be trained -> its trainer: a task, a training function, or a trainer as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from surefoot.core.errors import TaskError
from surefoot.core.progress import Progress, Silent, Stop
from surefoot.fleet.plan import Plan
from surefoot.tasks.loader import as_task, load_subject
from surefoot.tasks.task import Task
from surefoot.trainers.trial import Trainer, Trial

if TYPE_CHECKING:
    from surefoot.trainers.fleet_trainer import FleetTrainer
    from surefoot.trainers.function_trainer import FunctionTrainer

# Where a task is trained if nothing is said.
USUAL_DEVICES = ("cpu", "auto")
# A task or its text, a training function or its text, or what runs trials.
Subject: TypeAlias = "Task | str | Callable[[Trial], Any] | Trainer"


def trainer_or_task(
    subject: Any,
    *,
    steps: int | None,
    plan: Plan | None,
    device: str,
    follow_valid: bool,
    progress: Progress,
    stop: Stop,
    workers: int = 0,
    timeout: float | None = None,
    output: Path | None = None,
) -> Trainer | Task:
    """Return what runs trials: the trainer that is given, or a function's; a task as it is, for it needs a fleet.

    Args:
        subject: Whatever is to be trained.
        steps: Length of a full training; another length for a task.
        plan: How to train a task.
        device: Where to train a task.
        follow_valid: Whether validation losses on the way are needed.
        progress: Receives what happens.
        stop: Asked often.
        workers: Processes that train a function's trials side by side; 0 trains them in this one.
        timeout: Seconds after which a trial of a function has failed.
        output: Folder for what a function prints.

    Raises:
        TaskError: If it is nothing of these, a function takes no trial or has no length, or a setting would change
            nothing.
    """
    of_tasks = {"plan": plan, "device": None if device in USUAL_DEVICES else device}
    of_functions = {"workers": workers, "timeout": timeout, "output": output}
    if hasattr(subject, "train") and hasattr(subject, "describe"):
        _refuse(
            "a trainer has its own", "give it when the trainer is made", {"steps": steps, **of_functions, **of_tasks}
        )
        return _watched(subject, follow_valid=follow_valid, progress=progress, stop=stop)
    found = load_subject(subject) if isinstance(subject, str) else subject
    if callable(found) and not isinstance(found, Task):
        _refuse("a function chooses where it trains", "leave it out; it is for tasks", of_tasks)
        return _function_trainer(
            found, steps=steps, workers=workers, timeout=timeout, output=output, progress=progress, stop=stop
        )
    _refuse("a task's trials are trained together, in this process", "leave it out; it is for functions", of_functions)
    task = as_task(found)
    return task if steps is None else task.with_length(steps=steps)


def _refuse(why: str, hint: str, idle: Mapping[str, Any]) -> None:
    """Make sure that no setting is given that would change nothing.

    Args:
        why: Why it would not.
        hint: What to do.
        idle: The settings by name; ``None`` or 0 where they are not given.

    Raises:
        TaskError: If one is given.
    """
    if given := [name for name, value in idle.items() if value]:
        raise TaskError(f"{', '.join(given)}: {why}.", hint=f"{hint}.")


def _watched(trainer: Any, *, follow_valid: bool, progress: Progress, stop: Stop) -> Trainer:
    """Return a trainer that was given, to be watched and stopped as asked."""
    trainer.stop = stop  # also while a script is asked for its length
    if hasattr(trainer, "progress") and not isinstance(progress, Silent):
        trainer.progress = progress
    if hasattr(trainer, "follow_valid"):
        trainer.follow_valid = trainer.follow_valid or follow_valid
    own: Trainer = trainer
    return own


def _function_trainer(
    function: Callable[[Any], Any],
    *,
    steps: int | None,
    workers: int,
    timeout: float | None,
    output: Path | None,
    progress: Progress,
    stop: Stop,
) -> FunctionTrainer:
    """Return the trainer of a training function.

    Raises:
        TaskError: If it takes no trial, or the length of a full training is not known.
    """
    from surefoot.trainers.function_trainer import FunctionTrainer  # noqa: PLC0415  (tasks do without)
    from surefoot.trainers.training_function import name_of, require_training_function  # noqa: PLC0415

    require_training_function(function)
    if steps is None:
        raise TaskError(
            f"how long is a full training of {name_of(function)!r}?",
            hint="pass steps=..., its optimizer steps (--steps on the command line).",
        )
    return FunctionTrainer(
        function, steps=steps, workers=workers, timeout=timeout, output=output, progress=progress, stop=stop
    )


def fleet_trainer(
    task: Task,
    *,
    plan: Plan | None,
    members: int,
    config_steps: int | None,
    device: str,
    progress: Progress,
    stop: Stop,
) -> FleetTrainer:
    """Return the trainer of a task, as a plan says; without one, ways to run it are measured.

    Args:
        task: What is trained.
        plan: How; measured if not given.
        members: Trials that will be trained at once, as a rule.
        config_steps: The work ahead, which bounds what measuring may cost.
        device: Where to train, if there is no plan.
        progress: Receives what happens.
        stop: Asked often.

    Raises:
        TaskError: If the task cannot be trained.
    """
    from surefoot.fleet.calibration import calibrate  # noqa: PLC0415  (functions and scripts do without)
    from surefoot.tasks.sanity_check import probe  # noqa: PLC0415
    from surefoot.trainers.fleet_trainer import FleetTrainer  # noqa: PLC0415

    probe(task)
    if plan is None:
        progress.stage("calibration", config_steps=0)
        plan = calibrate(task, members=members, config_steps=config_steps, device=device, tell=progress.tell)
    return FleetTrainer(task, plan, progress=progress, stop=stop)


# What a search or a check sets of a trainer that is not its own.
SET = ("stop", "progress", "output", "checkpoints", "keep_end", "final_steps", "follow_valid")


@contextmanager
def lent(trainer: Any) -> Iterator[None]:
    """Give back a trainer as it was, where it was given: its next user has another study and another deadline."""
    before = {name: getattr(trainer, name) for name in SET if hasattr(trainer, name)}
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(trainer, name, value)


@contextmanager
def closed(trainer: Trainer) -> Iterator[None]:
    """End a trainer's worker processes, where it has some, with the work."""
    try:
        yield
    finally:
        close = getattr(trainer, "close", None)
        if close is not None:
            close()
