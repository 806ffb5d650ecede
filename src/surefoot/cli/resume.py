"""``--resume``: what commands that store studies have in common when they start one or continue one."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from surefoot.cli.subject import script_of
from surefoot.core.errors import StudyError

if TYPE_CHECKING:
    from surefoot.core.budget import Budget
    from surefoot.core.values import Json
    from surefoot.studies.study import StudyInfo

# Options that may be given with --resume: none of them makes the recorded trials useless.
ALLOWED_WITH_RESUME = frozenset(
    ("resume", "budget", "compare", "workers", "timeout", "out", "save_model", "as_json", "quiet", "no_report")
)
# Settings that are paths, stored as text.
PATH_SETTINGS = ("data_folder", "out", "checkpoint")


def require_one_subject(text: str | None, resume: str | None) -> tuple[str, ...] | None:
    """Check that exactly one of a subject, a script and --resume is given; return the script, if any.

    Raises:
        click.UsageError: If none or several are given.
    """
    context = click.get_current_context()
    script = script_of(context)
    if sum(given is not None for given in (text, script, resume)) != 1:
        raise click.UsageError("give either a SUBJECT, or a script after --, or --resume STUDY.", context)
    return script


def options_given_with_resume() -> set[str]:
    """Return the names of the options that are given along with --resume.

    Raises:
        click.UsageError: If one is given that a resumed study cannot change.
    """
    context = click.get_current_context()
    given = {name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    refused = sorted(given - ALLOWED_WITH_RESUME)
    if refused:
        names = ", ".join(refused)
        raise click.UsageError(f"--resume keeps the settings of the study; leave out {names}.", context)
    return given


def settings_of_resumed(
    info: StudyInfo, *, command: str, study: str, settings: Mapping[str, Any], given: Collection[str]
) -> dict[str, Any]:
    """Return the settings with which a resumed study continues: its own, updated by the options given now.

    Args:
        info: Of the study.
        command: Name of the command that resumes it.
        study: Name of the study, for messages.
        settings: All settings of the command line.
        given: Names of the settings that are given now.

    Raises:
        StudyError: If another command made the study, or the budget given now is smaller than the recorded one.
    """
    made_by = info.settings.get("command", "tune")
    if made_by != command:
        hint = f"surefoot {made_by} --resume {study}."
        raise StudyError(f"study {study} is one of surefoot {made_by}, not of surefoot {command}.", hint=hint)
    if "budget" in given:
        from surefoot.core.budget import Budget

        recorded_budget = Budget.parse(str(info.settings.get("budget") or "auto"))
        _refuse_smaller_budget(Budget.parse(settings["budget"]), recorded_budget, study=study)
    recorded = {
        name: value for name, value in info.settings.items() if name not in given or name not in ALLOWED_WITH_RESUME
    }
    paths = {name: Path(value) for name in PATH_SETTINGS if (value := recorded.get(name)) is not None}
    return {**settings, **recorded, **paths}


def require_command_line_study(info: StudyInfo, study: str) -> None:
    """Check that a study records what it trains.

    Raises:
        StudyError: If it was started from Python, where the task was an object.
    """
    if info.settings.get("task") is None and info.settings.get("script") is None:
        raise StudyError(f"study {study} was started from Python and can only be resumed there.")


def recorded_settings(
    settings: Mapping[str, Any], names: Collection[str], *, text: str | None, script: tuple[str, ...] | None
) -> dict[str, Json]:
    """Return the settings that a new study records, as JSON data."""
    recorded = {name: _as_json(settings[name]) for name in names if name in settings}
    return recorded | {"task": text, "script": None if script is None else list(script)}


def print_resume_command(command: str, study: str | None) -> None:
    """Print how to resume a command that was interrupted."""
    if study is None:
        click.echo("interrupted before the first trial ended.", err=True)
    else:
        resume = shlex.join(["surefoot", command, "--resume", study])
        click.echo(f"interrupted; all finished trials are stored. Resume with: {resume}", err=True)


def _refuse_smaller_budget(budget: Budget, recorded: Budget, *, study: str) -> None:
    """Raise an error if a budget is smaller than the recorded one, whose trials the result rests on.

    Raises:
        StudyError: If it is smaller.
    """
    pairs = ((budget.trainings, recorded.trainings), (budget.seconds, recorded.seconds))
    if any(now is not None and before is not None and now < before for now, before in pairs):
        raise StudyError(
            f"the budget {budget} is smaller than the {recorded} of study {study}.",
            hint="give a larger --budget, or leave it out.",
        )


def _as_json(value: Any) -> Json:
    if isinstance(value, Path):
        return str(value)
    return [*value] if isinstance(value, tuple) else value
