"""Whatever can be trained -> its trainer: a task, a training function, or a trainer as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from surefoot.errors import TaskError
from surefoot.fleet.plan import Plan
from surefoot.fleet.progress import Progress, Silent
from surefoot.interruption import Stop
from surefoot.tasks.loader import as_task, load_subject
from surefoot.tasks.task import Task
from surefoot.trainers.trainer import Trainer
from surefoot.trainers.trial import Trial

if TYPE_CHECKING:
    from surefoot.trainers.fleet_trainer import FleetTrainer
    from surefoot.trainers.function_trainer import FunctionTrainer

TOGETHER = "a task's trials are trained together, in this process"
# Where a task is trained if nothing is said.
USUAL_DEVICES = (("device", "cpu"), ("device", "auto"))
# A task or its text, a training function or its text, or what runs trials.
Subject: TypeAlias = "Task | str | Callable[[Trial], Any] | Trainer"


def given_trainer(subject: Any, *, progress: Progress, stop: Stop, **idle: Any) -> Trainer | None:
    """Return what is a trainer already, to be watched and stopped as asked; ``None`` where it is none.

    Args:
        subject: Whatever is to be trained.
        progress: Receives what happens.
        stop: Asked often.
        idle: Settings that a trainer has of its own, by name; given where they are not ``None`` or 0.

    Raises:
        TaskError: If one of these is given with a trainer.
    """
    if not (hasattr(subject, "train") and hasattr(subject, "describe")):
        return None
    refuse("a trainer has its own", "give it when the trainer is made", idle)
    trainer: Trainer = subject
    trainer.stop = stop  # also while a script is asked for its length
    if hasattr(trainer, "progress") and not isinstance(progress, Silent):
        trainer.progress = progress
    return trainer


def refuse(why: str, hint: str, idle: Mapping[str, Any]) -> None:
    """Make sure that no setting is given that would change nothing.

    Args:
        why: Why it would not.
        hint: What to do.
        idle: The settings by name; a device that is the default one is not given.

    Raises:
        TaskError: If one is given.
    """
    given = [name for name, value in idle.items() if value and (name, value) not in USUAL_DEVICES]
    if given:
        raise TaskError(f"{', '.join(given)}: {why}.", hint=f"{hint}.")


def task_or_function_of(subject: Any) -> Task | Callable[[Any], Any]:
    """Return the task or the training function that is given, as it is or by its text.

    Raises:
        TaskError: If it is neither, or cannot be loaded.
    """
    found = load_subject(subject) if isinstance(subject, str) else subject
    return found if callable(found) and not isinstance(found, Task) else as_task(found)


def function_trainer(
    function: Callable[[Any], Any],
    *,
    steps: int | None,
    progress: Progress,
    stop: Stop,
    workers: int = 0,
    timeout: float | None = None,
    output: Path | None = None,
    **tasks_only: Any,
) -> FunctionTrainer:
    """Return the trainer of a training function.

    Args:
        function: Takes a trial, returns its loss.
        steps: Length of a full training.
        progress: Receives what happens.
        stop: Asked often.
        workers: Processes that train trials side by side; 0 trains them in this one.
        timeout: Seconds after which a trial has failed.
        output: Folder for what it prints.
        tasks_only: Settings that only a task's trainer has.

    Raises:
        TaskError: If it takes no trial, the length of a full training is not known, or a task's setting is given.
    """
    from surefoot.trainers.function_trainer import FunctionTrainer  # noqa: PLC0415  (tasks do without)
    from surefoot.trainers.training_function import name_of, require_training_function  # noqa: PLC0415

    require_training_function(function)
    refuse("a function chooses where it trains", "leave it out; it is for tasks", tasks_only)
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
    from surefoot.fleet import calibrate  # noqa: PLC0415  (functions and scripts do without)
    from surefoot.tasks.probe import probe  # noqa: PLC0415
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
