"""Exit codes, options that several commands share, and SUBJECT: the task, function or script that a command trains."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from surefoot.core.errors import StudyError, TaskError
from surefoot.tasks.builtin import BUILTINS

if TYPE_CHECKING:
    from surefoot.fleet.plan import Plan
    from surefoot.surfaces.surface import Surface
    from surefoot.tasks.task import Task
    from surefoot.trainers.trial import Trainer


# Exit codes of the process; 130 is the shell's for a process that SIGINT ended.
DONE, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130
DEFAULT_DATABASE, DEFAULT_FOLDER = "surefoot.db", "surefoot-out"
# Parameters of :func:`task_options`.
TASK_OPTIONS = ("target", "kind", "test_share", "split_seed", "data_folder", "steps", "epochs", "batch_size")

ClickCommand = TypeVar("ClickCommand", bound=Callable[..., Any])


class TaskText(click.ParamType[str]):
    """The text of a task; the shell completes built-in tasks, else files."""

    name = "task"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002  (click's signature)
        """Return the built-in tasks that start with the text; if none does, let the shell complete files."""
        builtins = [
            CompletionItem(name, help=task.description)
            for name, task in BUILTINS.items()
            if name.startswith(incomplete)
        ]
        return builtins or [CompletionItem(incomplete, type="file")]


def add_options(command: ClickCommand, *options: Callable[[ClickCommand], ClickCommand]) -> ClickCommand:
    """Add options to a command, in the order in which --help shows them."""
    for option in reversed(options):
        command = option(command)
    return command


def task_options(command: ClickCommand) -> ClickCommand:
    """Add the options that say what is trained."""
    return add_options(
        command,
        click.option("--target", metavar="COLUMN", help="Column of a CSV file to predict."),
        click.option(
            "--kind",
            type=click.Choice(["auto", "classification", "regression"]),
            default="auto",
            show_default=True,
            help="Kind of a CSV file's target.",
        ),
        click.option(
            "--test",
            "test_share",
            type=float,
            default=0.0,
            metavar="SHARE",
            help="Share of a CSV file's rows to hold out as test data.",
        ),
        click.option("--split-seed", type=click.IntRange(min=0), default=0, help="Seed of a CSV file's split."),
        click.option("--steps", type=int, help="Length of a full training, in optimizer steps."),
        click.option("--epochs", type=float, help="Length of a full training, in epochs."),
        click.option("--batch-size", type=int, help="Batch size, instead of the task's."),
        click.option(
            "--data-folder",
            type=click.Path(path_type=Path),
            metavar="FOLDER",
            help="Folder with fashion-mnist's files.",
        ),
    )


def trial_options(command: ClickCommand) -> ClickCommand:
    """Add the options that say how trials of a function or a script are run."""
    return add_options(
        command,
        click.option(
            "--workers",
            type=click.IntRange(min=0),
            default=0,
            metavar="N",
            help="Number of processes that run trials of a function or script in parallel.",
        ),
        click.option(
            "--trial-timeout",
            "timeout",
            type=float,
            metavar="SECONDS",
            help="Time after which a trial of a function or script is ended and counts as failed.",
        ),
    )


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout, nothing else.")
study_option = click.option(
    "--study",
    type=click.Path(path_type=Path),
    default=DEFAULT_DATABASE,
    show_default=True,
    help="Database in which to store the study.",
)
out_option = click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=DEFAULT_FOLDER,
    show_default=True,
    help="Folder in which to write the report.",
)
no_report_option = click.option("--no-report", is_flag=True, help="Write no report.")


def run_options(command: ClickCommand) -> ClickCommand:
    """Add the options that say how a command runs and what it prints."""
    return add_options(
        command,
        click.option(
            "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Seed of everything random."
        ),
        click.option(
            "--plan",
            "plan_file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Use the plan recorded in this JSON file instead of calibrating.",
        ),
        click.option("--device", default="cpu", show_default=True, help="Device to train on: cpu, cuda or mps."),
        json_option,
        click.option("--quiet", "-q", is_flag=True, help="Show no progress."),
    )


def check_device(device: str) -> None:
    """Check that PyTorch can compute on a device.

    Raises:
        TaskError: If it cannot.
    """
    if device == "cpu":  # without loading torch
        return
    from surefoot.fleet.run_arguments import require_device

    require_device(device)


def read_plan(path: Path | None) -> Plan | None:
    """Return the plan in a JSON file: the plan itself, or any output of --json that contains one.

    Raises:
        StudyError: If the file cannot be read or contains no plan.
    """
    if path is None:
        return None
    from surefoot.fleet.plan import Plan

    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or "it is not JSON"
        raise StudyError(f"cannot read the plan {str(path)!r}: {cause}.", hint="give the output of --json.") from None
    return Plan.from_json(data.get("plan", data) if isinstance(data, dict) else data)


def load_task_with_options(text: str, settings: dict[str, Any]) -> Task:
    """Return the task that the command line names; print the notes of its loader."""
    from surefoot.tasks.loader import load_task

    task = load_task(text, **{name: settings[name] for name in TASK_OPTIONS})
    print_notes(task)
    return task


def print_notes(task: Task) -> None:
    """Print what the loader decided for a task."""
    for note in task.notes:
        click.echo(f"note: {note}", err=True)


# Key of the script in click's context.
SCRIPT_KEY = "surefoot.script"
# Options for functions and scripts only, and options for tasks only, by the names of their settings.
TRIAL_PROCESS_OPTIONS = {"workers": "--workers", "timeout": "--trial-timeout"}
FLEET_OPTIONS = {"plan_file": "--plan", "save_model": "--save-model"}
# Values of options that were not given.
NOT_GIVEN = (None, 0, "auto", "")


class SubjectCommand(click.Command):
    """A command whose SUBJECT may also be a script: everything after ``--``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep what follows ``--`` in the context, and parse the rest."""
        if "--" in args:
            index = args.index("--")
            args, ctx.meta[SCRIPT_KEY] = args[:index], args[index + 1 :]
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if "unexpected extra argument" not in error.message:
                raise
            hint = f"Put two dashes before a script: {ctx.command_path} -- python train.py."
            raise click.UsageError(f"{error.message} {hint}", ctx) from None

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        """Return the usage line, with the script as the second form of the subject."""
        return ["[OPTIONS]", "SUBJECT | -- COMMAND..."]


def script_of(context: click.Context) -> tuple[str, ...] | None:
    """Return the words after ``--``; ``None`` if there is no ``--``."""
    words = context.meta.get(SCRIPT_KEY)
    return None if words is None else tuple(words)


def load_subject(text: str | None, script: Sequence[str] | None, *, settings: Mapping[str, Any]) -> Any:
    """Return what is trained: a Task, a training function, or the trainer of a script; print the loader's notes.

    Raises:
        TaskError: If it cannot be loaded, or an option is given that does not apply to it.
    """
    if script is not None:
        return _script_trainer(script, settings)
    from surefoot.tasks.loader import load_task_or_function
    from surefoot.tasks.task import Task
    from surefoot.trainers.make_trainer import trainer_named

    named = trainer_named(str(text), steps=settings["steps"])
    if named is not None:
        inapplicable = {name: f"--{name.replace('_', '-')}" for name in TASK_OPTIONS if name != "steps"}
        inapplicable |= {"test_share": "--test", **FLEET_OPTIONS, **TRIAL_PROCESS_OPTIONS}
        _refuse_options(inapplicable, settings, reason=f"{text} names a trainer", meant_for="tasks and functions")
        return named
    subject = load_task_or_function(str(text), **{name: settings[name] for name in TASK_OPTIONS})
    if isinstance(subject, Task):
        reason = f"{text} is a Task, whose trials train together as one program"
        _refuse_options(TRIAL_PROCESS_OPTIONS, settings, reason=reason, meant_for="scripts and functions")
        print_notes(subject)
    else:
        _refuse_options(FLEET_OPTIONS, settings, reason=f"{text} is a function", meant_for="a Task")
    return subject


def trial_settings(subject: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the length, workers and timeout of a function's trials; nothing for a script, whose trainer has them."""
    if hasattr(subject, "describe"):
        return {}
    # A function that does not return can only be ended together with a process of its own.
    min_workers = 0 if settings["timeout"] is None else 1
    return {
        "steps": settings["steps"],
        "workers": max(settings["workers"] or 0, min_workers),
        "timeout": settings["timeout"],
    }


def surface_options(command: ClickCommand) -> ClickCommand:
    """Add the options that name a test surface in place of a TASK."""
    return add_options(
        command,
        click.option(
            "--surface", metavar="NAME", help="A test surface of one or two parameters instead of a TASK, as ravine."
        ),
        click.option("--condition", type=float, help="Condition number of the ravine."),
    )


def require_task_or_surface(task: str | None, settings: Mapping[str, Any], *, task_only: Sequence[str]) -> None:
    """Check that either a TASK is given or a surface, with options that apply to it.

    Args:
        task: Text of the task.
        settings: The settings of the command line.
        task_only: Names of the settings that apply to a task alone, besides those of every task.

    Raises:
        UsageError: If both or neither are given, or an option does not apply.
    """
    context = click.get_current_context()
    if (task is None) == (settings["surface"] is None):
        raise click.UsageError("give either a TASK or --surface NAME.", context)
    if settings["condition"] is not None and settings["surface"] != "ravine":
        raise click.UsageError("--condition is for --surface ravine only.", context)
    if task is not None:
        from surefoot.surfaces import SURFACES

        if task in SURFACES:
            raise click.UsageError(f"{task} is a surface. Hint: --surface {task}.", context)
        return
    names = {*TASK_OPTIONS, "plan_file", "device", *task_only} - {"steps"}
    given = sorted(
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name in names and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    )
    if given:
        raise click.UsageError(f"{', '.join(given)} cannot be given with --surface.", context)


def load_task_or_surface(task: str | None, settings: dict[str, Any]) -> tuple[Task | Surface, dict[str, Any]]:
    """Return the task or surface, and the arguments that go with it: plan and device, or the length of a descent."""
    if task is not None:
        arguments = {"plan": read_plan(settings["plan_file"]), "device": settings["device"]}
        return load_task_with_options(task, settings), arguments
    from surefoot.surfaces import surface_named

    return surface_named(settings["surface"], condition=settings["condition"]), {"steps": settings["steps"]}


def _script_trainer(command: Sequence[str], settings: Mapping[str, Any]) -> Trainer:
    from surefoot.trainers.script_trainer import ScriptTrainer

    if not command:
        raise TaskError(
            "there is no command after --.", hint="for example: surefoot tune -- python train.py --epochs 3."
        )
    task_only = {name: f"--{name.replace('_', '-')}" for name in TASK_OPTIONS if name != "steps"}
    task_only |= {"test_share": "--test", **FLEET_OPTIONS}
    _refuse_options(task_only, settings, reason="a script is given", meant_for="tasks")
    return ScriptTrainer(
        command, steps=settings["steps"], workers=settings["workers"] or 1, timeout=settings["timeout"]
    )


def _refuse_options(options: Mapping[str, str], settings: Mapping[str, Any], *, reason: str, meant_for: str) -> None:
    """Raise an error if one of some options is given.

    Args:
        options: Options that do not apply, by the names of their settings.
        settings: All settings of the command line.
        reason: Why they do not apply.
        meant_for: What they apply to.

    Raises:
        TaskError: If one of them is given.
    """
    given = [option for name, option in options.items() if settings.get(name) not in NOT_GIVEN]
    if given:
        raise TaskError(f"{reason}: {', '.join(given)} cannot be given.", hint=f"{given[0]} is for {meant_for}.")
