"""Exit codes, defaults and options that several commands share, and how their values are checked and loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from surefoot.core.errors import StudyError, TaskError
from surefoot.tasks.builtin import BUILTINS

if TYPE_CHECKING:
    from surefoot.fleet.plan import Plan
    from surefoot.tasks.task import Task

# Exit codes of the process; 130 is the shell's for a process that SIGINT ended.
DONE, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130
DEFAULT_DATABASE, DEFAULT_FOLDER = "surefoot.db", "surefoot-out"
# Parameters of :func:`task_options`.
TASK_OPTIONS = ("target", "kind", "test_share", "split_seed", "data_folder", "steps", "epochs", "batch_size")

Command = TypeVar("Command", bound=Callable[..., Any])


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


def add_options(command: Command, *options: Callable[[Command], Command]) -> Command:
    """Add options to a command, in the order in which --help shows them."""
    for option in reversed(options):
        command = option(command)
    return command


def task_options(command: Command) -> Command:
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


def trial_options(command: Command) -> Command:
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


def run_options(command: Command) -> Command:
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
    if device == "cpu":
        return
    import torch

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        cause = str(error).splitlines()[0]
        raise TaskError(
            f"cannot train on device {device!r}: {cause.rstrip('.')}.", hint="--device cpu always works."
        ) from None


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


def load_task(text: str, settings: dict[str, Any]) -> Task:
    """Return the task that the command line names; print the notes of its loader."""
    from surefoot.tasks.loader import load_task as load

    task = load(text, **{name: settings[name] for name in TASK_OPTIONS})
    print_notes(task)
    return task


def print_notes(task: Task) -> None:
    """Print what the loader decided for a task."""
    for note in task.notes:
        click.echo(f"note: {note}", err=True)
