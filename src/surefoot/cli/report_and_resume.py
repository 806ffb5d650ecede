"""``surefoot report``, and what commands that store studies share: showing, repeating and resuming them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from surefoot.cli.options import DEFAULT_DATABASE, DONE, FAILED, json_option, out_option, script_of
from surefoot.cli.search_options import RECORDED_SETTINGS
from surefoot.core.errors import StudyError

if TYPE_CHECKING:
    from surefoot.core.budget import Budget
    from surefoot.core.value_types import Json
    from surefoot.search.result import SearchResult
    from surefoot.studies.study import StudyInfo


@click.command(short_help="Show the result of a study and write its report again.")
@click.argument("study", default=DEFAULT_DATABASE)
@out_option
@json_option
def report(study: str, *, out: Path, as_json: bool) -> int:
    """Show the result of STUDY (PATH or PATH#id) and write its report again.

    \b
    surefoot report surefoot.db
    surefoot report surefoot.db#3 --out talk
    """
    from surefoot.core.files import make_writable_folder
    from surefoot.search.read_stored_result import SEARCHES, read_result
    from surefoot.studies.study import Study

    result = read_result(Study.open(study, commands=SEARCHES))
    make_writable_folder(out)
    return show_result(result, folder=out, as_json=as_json)


def show_result(result: SearchResult, *, folder: Path | None, as_json: bool) -> int:
    """Print a result and write its reports.

    Args:
        result: Result of find or tune.
        folder: Where to write the reports; ``None`` for no reports.
        as_json: Whether to print JSON instead of a table.

    Returns:
        The exit code.
    """
    if as_json:
        reports = {} if folder is None else _write_reports(result, folder)
        click.echo(json.dumps({**result.to_json(), "report": reports.get("report")}, indent=2))
    else:
        print_result(result, as_json=False)  # before the reports, which take a moment
        for label, path in ({} if folder is None else _write_reports(result, folder)).items():
            click.echo(f"{label}: {path}")
    return DONE if result.recipe is not None else FAILED


def print_result(result: SearchResult, *, as_json: bool) -> None:
    """Print a result as a table, or as JSON."""
    if as_json:
        click.echo(json.dumps(result.to_json(), indent=2))
        return
    from rich.console import Console

    from surefoot.reports.terminal_search_tables import search_table

    Console().print(search_table(result))


def _write_reports(result: SearchResult, folder: Path) -> dict[str, str]:
    """Write the HTML report and the TensorBoard curves; return what to print of each, by its label."""
    from surefoot.reports.search_page import write_search_html
    from surefoot.reports.tensorboard import write_tensorboard
    from surefoot.studies.study import Study

    info = Study.open(str(result.study)).info()
    command = _command_of_study(info.settings)
    write_search_html(result, folder / "report.html", environment=info.environment, command=command)
    write_tensorboard(result, folder / "tensorboard")
    return {"report": str(folder / "report.html"), "curves": f"tensorboard --logdir {folder / 'tensorboard'}"}


def _command_of_study(settings: Mapping[str, Any]) -> str:
    """Return the command line that repeats a study; an empty text for a study that was started from Python."""
    if settings.get("task") is None and settings.get("script") is None:
        return ""
    names = [name for name in RECORDED_SETTINGS if name != "out"]
    return repeat_command(settings.get("command", "tune"), settings.get("task"), settings=settings, names=names)


# Values that mean that an option was not given. Studies hold "final" for --score-at end.
DEFAULT_VALUES: dict[str, tuple[Any, ...]] = {
    "kind": ("auto",),
    "test_share": (0.0,),
    "split_seed": (0,),
    "seed": (0,),
    "device": ("cpu",),
    "sampler": ("surefoot",),
    "goal": ("loss",),
    "judge": ("end", "final"),
    "tolerance": (0.05,),
    "workers": (0,),
    "transfer": (False,),
}
# Names of options that differ from the names of their settings.
OPTION_NAMES = {
    "test_share": "test",
    "also_search": "search",
    "set_settings": "set",
    "space_file": "space",
    "timeout": "trial-timeout",
    "judge": "score-at",
}


def repeat_command(command: str, task: str | None, *, settings: Mapping[str, Any], names: Collection[str]) -> str:
    """Return the command line that gives the same result again.

    Args:
        command: Name of the command.
        task: Text of its argument; ``None`` if it has none.
        settings: Values of its options by name. Those with their default are left out; a list repeats the option. A
            ``script`` among them follows after two dashes.
        names: Names of the settings that change the result.

    Example:
        >>> repeat_command("check", "wine", settings={"seed": 0, "steps": 50, "quiet": True}, names=["seed", "steps"])
        'surefoot check wine --steps 50'
    """
    options = [
        part
        for name, value in settings.items()
        if name in names and value is not None and value not in DEFAULT_VALUES.get(name, ())
        for item in (value if isinstance(value, list) else [value])
        for part in (f"--{OPTION_NAMES.get(name, name).replace('_', '-')}", *(() if item is True else (str(item),)))
    ]
    script = settings.get("script")
    after_dashes = [] if script is None else ["--", *script]
    return shlex.join(["surefoot", command, *([] if task is None else [task]), *options, *after_dashes])


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
