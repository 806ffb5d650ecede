"""Make the trainer of a task or of a training function, and prepare a trainer that the user has made."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from surefoot.core.errors import TaskError
from surefoot.core.plugins import Registry
from surefoot.core.progress import Progress, SilentProgress, StopCondition
from surefoot.fleet.plan import Plan
from surefoot.fleet.run_arguments import require_device
from surefoot.tasks.loader import as_task, load_task_or_function
from surefoot.tasks.task import Task
from surefoot.trainers.trial import Trainer, Trial

if TYPE_CHECKING:
    from surefoot.trainers.fleet_trainer import FleetTrainer
    from surefoot.trainers.function_trainer import FunctionTrainer

# Devices that need not be mentioned: they have no effect on functions and trainers.
DEFAULT_DEVICES = ("cpu", "auto")
# What can be trained: a task or a training function, or the text that names one, or a trainer.
Trainable: TypeAlias = "Task | str | Callable[[Trial], Any] | Trainer"


class TrainerFactory(Protocol):
    """Makes a trainer from a text: the registry entry of a kind of trainer.

    Plugins register one as an entry point of the group ``surefoot.trainers``.
    """

    def __call__(self, text: str, *, steps: int | None) -> Trainer:
        """Return the trainer.

        Args:
            text: What follows the trainer's name and a colon.
            steps: Optimizer steps of a full training, where the user gave them.
        """
        ...


def _script_trainer(text: str, *, steps: int | None) -> Trainer:
    """Run a command, one process per trial, as ``script:python train.py --epochs 3``."""
    from surefoot.trainers.script_trainer import ScriptTrainer  # noqa: PLC0415  (tasks do without)

    return ScriptTrainer(shlex.split(text), steps=steps)


# Trainers that a text ``NAME:TEXT`` chooses, by their names.
TRAINERS: Mapping[str, TrainerFactory] = Registry({"script": _script_trainer}, "surefoot.trainers")


def trainer_named(text: str, *, steps: int | None) -> Trainer | None:
    """Return the trainer of a text ``NAME:TEXT``; ``None`` where there is no trainer of that name.

    Args:
        text: What the user gave.
        steps: Optimizer steps of a full training, where the user gave them.
    """
    name, colon, rest = text.partition(":")
    return TRAINERS[name](rest, steps=steps) if colon and name in TRAINERS else None


def trainer_or_task(
    trainable: Any,
    *,
    steps: int | None,
    plan: Plan | None,
    device: str,
    follow_valid: bool,
    progress: Progress,
    stop: StopCondition,
    workers: int = 0,
    timeout: float | None = None,
    output: Path | None = None,
) -> Trainer | Task:
    """Return the trainer of a training function, a user's own trainer, or a task, whose trainer needs a plan first.

    Args:
        trainable: A task or a training function, or the text that names one, or a trainer.
        steps: Length of a full training in optimizer steps; a task has a length of its own.
        plan: Plan for a task.
        device: Torch device for a task.
        follow_valid: Whether validation losses during trainings are needed.
        progress: Receives stages, progress and messages.
        stop: Called often; when it returns true, training is interrupted.
        workers: Number of processes that train trials of a function; 0 trains them in this process.
        timeout: Seconds after which a trial of a function fails; ``None`` for no limit.
        output: Folder for what a function prints.

    Raises:
        TaskError: If the object is none of these, a function takes no trial or has no length, or a setting does not
            apply.
    """
    named = trainer_named(trainable, steps=steps) if isinstance(trainable, str) else None
    if named is not None:
        trainable, steps = named, None
    task_settings = {"plan": plan, "device": None if device in DEFAULT_DEVICES else device}
    function_settings = {"workers": workers, "timeout": timeout, "output": output}
    if hasattr(trainable, "train") and hasattr(trainable, "describe"):
        _reject_settings(
            "a trainer has its own setting",
            "give it when you create the trainer",
            {"steps": steps, **function_settings, **task_settings},
        )
        return _configure_trainer(trainable, follow_valid=follow_valid, progress=progress, stop=stop)
    loaded = load_task_or_function(trainable) if isinstance(trainable, str) else trainable
    if callable(loaded) and not isinstance(loaded, Task):
        _reject_settings("a function chooses its device itself", "leave it out; it applies to tasks", task_settings)
        return _make_function_trainer(
            loaded, steps=steps, workers=workers, timeout=timeout, output=output, progress=progress, stop=stop
        )
    _reject_settings(
        "a task's trials train together in this process", "leave it out; it applies to functions", function_settings
    )
    require_device(device)
    task = as_task(loaded)
    return task if steps is None else task.with_length(steps=steps)


def _reject_settings(why: str, hint: str, settings: Mapping[str, Any]) -> None:
    """Check that no setting is given that does not apply.

    Args:
        why: Why the settings do not apply.
        hint: What to do instead.
        settings: The settings by name; ``None`` or 0 where they are not given.

    Raises:
        TaskError: If one is given.
    """
    if names := [name for name, value in settings.items() if value]:
        raise TaskError(f"{', '.join(names)}: {why}.", hint=f"{hint}.")


def _configure_trainer(trainer: Any, *, follow_valid: bool, progress: Progress, stop: StopCondition) -> Trainer:
    """Set progress, stop condition and validation readings of a user's trainer, and return it."""
    trainer.stop = stop  # also for the run of a script that asks for its length
    if hasattr(trainer, "progress") and not isinstance(progress, SilentProgress):
        trainer.progress = progress
    if hasattr(trainer, "follow_valid"):
        trainer.follow_valid = trainer.follow_valid or follow_valid
    configured: Trainer = trainer
    return configured


def _make_function_trainer(
    function: Callable[[Any], Any],
    *,
    steps: int | None,
    workers: int,
    timeout: float | None,
    output: Path | None,
    progress: Progress,
    stop: StopCondition,
) -> FunctionTrainer:
    """Return the trainer of a training function.

    Raises:
        TaskError: If the function takes no trial, or no length is given.
    """
    from surefoot.trainers.function_trainer import FunctionTrainer  # noqa: PLC0415  (not needed for tasks)
    from surefoot.trainers.training_function import function_name, require_training_function  # noqa: PLC0415

    require_training_function(function)
    if steps is None:
        raise TaskError(
            f"the length of a full training of {function_name(function)!r} is not given.",
            hint="pass steps=..., the number of optimizer steps (--steps on the command line).",
        )
    return FunctionTrainer(
        function, steps=steps, workers=workers, timeout=timeout, output=output, progress=progress, stop=stop
    )


def make_fleet_trainer(
    task: Task,
    *,
    plan: Plan | None,
    members: int,
    config_steps: int | None,
    device: str,
    progress: Progress,
    stop: StopCondition,
) -> FleetTrainer:
    """Return the trainer of a task; where no plan is given, calibration chooses one.

    Args:
        task: The task.
        plan: The plan; chosen by calibration if ``None``.
        members: Number of trials that will usually be trained at once.
        config_steps: Number of config-steps ahead, which bounds the cost of calibration; ``None`` if not known.
        device: Torch device to train on, if there is no plan.
        progress: Receives stages, progress and messages.
        stop: Called often; when it returns true, training is interrupted.

    Raises:
        TaskError: If the task cannot be trained.
    """
    from surefoot.fleet.calibration import calibrate  # noqa: PLC0415  (not needed for functions and scripts)
    from surefoot.tasks.sanity_check import sanity_check  # noqa: PLC0415
    from surefoot.trainers.fleet_trainer import FleetTrainer  # noqa: PLC0415

    sanity_check(task)
    if plan is None:
        progress.stage("calibration", config_steps=0)
        plan = calibrate(task, members=members, config_steps=config_steps, device=device, notify=progress.message)
    return FleetTrainer(task, plan, progress=progress, stop=stop)


# Attributes of a trainer that a search or a check sets for its own run.
RUN_SETTINGS = ("stop", "progress", "output", "checkpoints", "keep_end", "final_steps", "follow_valid")


@contextmanager
def preserve_settings(trainer: Any) -> Iterator[None]:
    """Restore the run settings of a trainer afterwards: its next user has another study and another deadline."""
    before = {name: getattr(trainer, name) for name in RUN_SETTINGS if hasattr(trainer, name)}
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(trainer, name, value)


@contextmanager
def close_afterwards(trainer: Trainer) -> Iterator[None]:
    """Close a trainer afterwards, which ends its worker processes if it has any."""
    try:
        yield
    finally:
        close = getattr(trainer, "close", None)
        if close is not None:
            close()
