"""``surefoot report``, and how results of searches are printed and written to reports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from surefoot.cli.options import DEFAULT_DATABASE, DONE, FAILED, json_option, out_option
from surefoot.cli.repeat_command import repeat_command
from surefoot.cli.search_options import RECORDED_SETTINGS

if TYPE_CHECKING:
    from surefoot.search.result import SearchResult


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
    from surefoot.search.stored_result import SEARCHES, read_result
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

    from surefoot.reports.search_tables import search_table

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
