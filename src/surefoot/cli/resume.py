"""The command that asks for the same again.

Beginning a study or going on with one: what commands that keep studies have in common.
"""

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

DEFAULTS = {
    "kind": "auto",
    "test_share": 0.0,
    "split_seed": 0,
    "seed": 0,
    "device": "cpu",
    "sampler": "surefoot",
    "goal": "loss",
    "judge": "final",
    "tolerance": 0.05,
    "workers": 0,
    "transfer": False,
}
NAMES = {
    "test_share": "test",
    "also_search": "search",
    "set_settings": "set",
    "space_file": "space",
    "timeout": "trial-timeout",
}


def again(command: str, task: str | None, settings: Mapping[str, Any], *, kept: Collection[str]) -> str:
    """Return a command line.

    Args:
        command: Name of the command.
        task: What it is given, if anything.
        settings: Its options; what has its default is left out, and a list is an option for each of its items. A
            ``script`` among them follows after two dashes.
        kept: Which of them change the answer.

    Example:
        >>> again("check", "wine", {"seed": 0, "steps": 50, "quiet": True}, kept=["seed", "steps"])
        'surefoot check wine --steps 50'
    """
    options = [
        part
        for key, value in settings.items()
        if key in kept and value is not None and value != DEFAULTS.get(key)
        for each in (value if isinstance(value, list) else [value])
        for part in (f"--{NAMES.get(key, key).replace('_', '-')}", *(() if each is True else (str(each),)))
    ]
    script = settings.get("script")
    end = [] if script is None else ["--", *script]
    return shlex.join(["surefoot", command, *([] if task is None else [task]), *options, *end])


# What a study may be given anew when it is gone on with: none of these makes its recorded trials worth less.
WITH_RESUME = (
    "resume", "budget", "compare", "workers", "timeout", "out", "save_model", "as_json", "quiet", "no_report"
)  # fmt: skip
PATHS = ("data_folder", "out", "checkpoint")


def one_subject(text: str | None, resume: str | None) -> tuple[str, ...] | None:
    """Return the script after ``--``, if there is one.

    Raises:
        click.UsageError: Unless exactly one of a subject, a script and a study is given.
    """
    context = click.get_current_context()
    script = script_of(context)
    if sum(given is not None for given in (text, script, resume)) != 1:
        raise click.UsageError("give a SUBJECT, or a script after --, or --resume STUDY: one of them.", context)
    return script


def given_anew() -> set[str]:
    """Return which options are given to a study that goes on.

    Raises:
        click.UsageError: If one is given that it must keep.
    """
    context = click.get_current_context()
    given = {key for key in context.params if context.get_parameter_source(key) is ParameterSource.COMMANDLINE}
    refused = sorted(given - {*WITH_RESUME})
    if refused:
        raise click.UsageError(f"--resume goes on as the study was begun; leave out {', '.join(refused)}.", context)
    return given


def settings_to_go_on(
    info: StudyInfo, name: str, text: str, settings: Mapping[str, Any], given: Collection[str]
) -> dict[str, Any]:
    """Return the settings of a study as it was begun, with what is given anew.

    Args:
        info: Of the study.
        name: The command.
        text: What names the study.
        settings: Of the command line.
        given: Which of them are given anew.

    Raises:
        StudyError: If it is one of another command, or had a larger budget than is given.
    """
    begun = info.settings.get("command", "tune")
    if begun != name:
        raise StudyError(f"study {text} is one of surefoot {begun}.", hint=f"surefoot {begun} --resume {text}.")
    if "budget" in given:
        from surefoot.core.budget import Budget

        before = Budget.parse(str(info.settings.get("budget") or "auto"))
        _require_no_less(Budget.parse(settings["budget"]), before, text)
    recorded = {key: value for key, value in info.settings.items() if key not in given or key not in WITH_RESUME}
    paths = {key: Path(value) for key in PATHS if (value := recorded.get(key)) is not None}
    return {**settings, **recorded, **paths}


def _require_no_less(budget: Budget, before: Budget, text: str) -> None:
    """Make sure that a study keeps what its answer rests on: a smaller budget would take it away.

    Raises:
        StudyError: If the budget is smaller than before.
    """
    pairs = ((budget.trainings, before.trainings), (budget.seconds, before.seconds))
    if any(given is not None and had is not None and given < had for given, had in pairs):
        raise StudyError(
            f"study {text} had a budget of {before}; {budget} is less.", hint="give a larger --budget, or leave it out."
        )


def require_subject(info: StudyInfo, name: str) -> None:
    """Make sure that a study knows what it trains.

    Raises:
        StudyError: If it was begun from Python.
    """
    if info.settings.get("task") is None and info.settings.get("script") is None:
        raise StudyError(f"study {name} was begun from Python; go on with it there.")


def kept_settings(
    settings: Mapping[str, Any], kept: Collection[str], *, text: str | None, script: tuple[str, ...] | None
) -> dict[str, Json]:
    """Return what a new study is to remember of its command line."""
    found = {key: _plain(settings[key]) for key in kept if key in settings}
    return found | {"task": text, "script": None if script is None else list(script)}


def said_to_go_on(name: str, study: str | None) -> None:
    """Print how to go on with work that was interrupted."""
    if study is None:
        click.echo("interrupted before anything was measured.", err=True)
    else:
        command = shlex.join(["surefoot", name, "--resume", study])
        click.echo(f"interrupted; what was done is kept. Go on with: {command}", err=True)


def _plain(value: Any) -> Json:
    """Return a setting as JSON data."""
    if isinstance(value, Path):
        return str(value)
    return [*value] if isinstance(value, tuple) else value
