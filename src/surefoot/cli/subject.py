"""What is trained, on the command line: a task, a training function, or a script after ``--``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from surefoot.cli.options import TASK_OPTIONS
from surefoot.core.errors import TaskError

if TYPE_CHECKING:
    from surefoot.trainers.trial import Trainer

SCRIPT = "surefoot.script"
OF_TRIALS = {"workers": "--workers", "timeout": "--trial-timeout"}


class SubjectCommand(click.Command):
    """A command whose SUBJECT may also be a script: all that follows ``--``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Set aside what follows ``--``, and parse the rest."""
        if "--" in args:
            where = args.index("--")
            args, ctx.meta[SCRIPT] = args[:where], args[where + 1 :]
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if "unexpected extra argument" not in error.message:
                raise
            hint = f"A script goes after two dashes: {ctx.command_path} -- python train.py."
            raise click.UsageError(f"{error.message} {hint}", ctx) from None

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's own signature)
        """Return the usage with the second form of the subject."""
        return ["[OPTIONS]", "SUBJECT | -- COMMAND..."]


def script_of(context: click.Context) -> tuple[str, ...] | None:
    """Return the words after ``--``; ``None`` where there is no ``--``."""
    words = context.meta.get(SCRIPT)
    return None if words is None else tuple(words)


def load_subject(text: str | None, script: Sequence[str] | None, settings: Mapping[str, Any]) -> Any:
    """Return what is trained: a Task, a training function, or a trainer of a script; print what a loader decided.

    Raises:
        TaskError: If it cannot be loaded, or is given an option that means nothing to it.
    """
    if script is not None:
        return _script_trainer(script, settings)
    from surefoot.tasks.loader import load_subject as load
    from surefoot.tasks.task import Task

    subject = load(str(text), **{name: settings[name] for name in TASK_OPTIONS})
    if isinstance(subject, Task):
        _refuse(
            settings,
            {**OF_TRIALS},
            f"{text} is a Task, whose trials train together as one program",
            "scripts and functions",
        )
        for note in subject.notes:
            click.echo(f"note: {note}", err=True)
    else:
        _refuse(settings, {"plan_file": "--plan", "save_model": "--save-model"}, f"{text} is a function", "a Task")
    return subject


def trial_settings(subject: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the length, workers and timeout of trials; a script's trainer has been given its own."""
    if hasattr(subject, "describe"):
        return {}
    # A function that does not return can only be ended with the process in which it runs.
    least = 0 if settings["timeout"] is None else 1
    return {
        "steps": settings["steps"],
        "workers": max(settings["workers"] or 0, least),
        "timeout": settings["timeout"],
    }


def _script_trainer(command: Sequence[str], settings: Mapping[str, Any]) -> Trainer:
    from surefoot.trainers.script_trainer import ScriptTrainer

    if not command:
        raise TaskError("there is no command after --.", hint="as in: surefoot tune -- python train.py --epochs 3.")
    idle = {name: f"--{name.replace('_', '-')}" for name in TASK_OPTIONS if name != "steps"}
    idle |= {"test_share": "--test", "plan_file": "--plan", "save_model": "--save-model"}
    _refuse(settings, idle, "a script is given", "tasks")
    return ScriptTrainer(
        command, steps=settings["steps"], workers=settings["workers"] or 1, timeout=settings["timeout"]
    )


def _refuse(settings: Mapping[str, Any], names: Mapping[str, str], what: str, owner: str) -> None:
    """Make sure that options are not given that mean nothing here.

    Raises:
        TaskError: If one is.
    """
    unset = (None, 0, "auto", "")
    given = [option for name, option in names.items() if settings.get(name) not in unset]
    if given:
        raise TaskError(f"{what}: {', '.join(given)} cannot be given.", hint=f"{given[0]} is for {owner}.")
