"""The exit codes of the command line.

The device of the command line.

The plan of the command line.

Options that several commands share.
"""

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

DONE, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130


def check_device(device: str) -> None:
    """Make sure that torch can compute there.

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
    """Return the plan recorded in a file: a plan by itself, or any JSON output that has one.

    Raises:
        StudyError: If there is none in it.
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


Command = TypeVar("Command", bound=Callable[..., Any])

TASK_OPTIONS = ("target", "kind", "test_share", "split_seed", "data_folder", "steps", "epochs", "batch_size")


class TaskText(click.ParamType[str]):
    """The text that names a task; completes built-ins, then files."""

    name = "task"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        """Return the built-in tasks that begin so, or leave it to files."""
        known = [
            CompletionItem(name, help=of.description) for name, of in BUILTINS.items() if name.startswith(incomplete)
        ]
        return known or [CompletionItem(incomplete, type="file")]


def task_options(command: Command) -> Command:
    """Add the options that say what is trained."""
    options = (
        click.option("--target", metavar="COLUMN", help="The column of a CSV file to predict."),
        click.option(
            "--kind",
            type=click.Choice(["auto", "classification", "regression"]),
            default="auto",
            show_default=True,
            help="What a CSV's target is.",
        ),
        click.option(
            "--test",
            "test_share",
            type=float,
            default=0.0,
            metavar="SHARE",
            help="Share of a CSV's rows set aside for the last comparison.",
        ),
        click.option("--split-seed", type=click.IntRange(min=0), default=0, help="Seed of a CSV's split."),
        click.option("--steps", type=int, help="Length of a full training in optimizer steps."),
        click.option("--epochs", type=float, help="The same in passes over the training data."),
        click.option("--batch-size", type=int, help="Another batch size than the task's own."),
        click.option(
            "--data-folder", type=click.Path(path_type=Path), metavar="FOLDER", help="Where fashion-mnist's files lie."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def trial_options(command: Command) -> Command:
    """Add the options that say how trials of a function or a script are run."""
    options = (
        click.option(
            "--workers",
            type=click.IntRange(min=0),
            default=0,
            metavar="N",
            help="Trials of a function or script side by side, each in a process of its own.",
        ),
        click.option(
            "--trial-timeout",
            "timeout",
            type=float,
            metavar="SECONDS",
            help="A trial of a function or script that takes longer has failed.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else on stdout.")


def run_options(command: Command) -> Command:
    """Add the options that say how it is run and shown."""
    options = (
        click.option(
            "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of everything random."
        ),
        click.option(
            "--plan",
            "plan_file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Replay a recorded plan (JSON) instead of measuring one.",
        ),
        click.option("--device", default="cpu", show_default=True, help="Where to train: cpu, cuda, mps."),
        json_option,
        click.option("--quiet", "-q", is_flag=True, help="Show no progress."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def load_task(text: str, settings: dict[str, Any]) -> Task:
    """Return the task of the command line; print what its loader decided."""
    from surefoot.tasks.loader import load

    task = load(text, **{name: settings[name] for name in TASK_OPTIONS})
    for note in task.notes:
        click.echo(f"note: {note}", err=True)
    return task
