"""``surefoot explain``."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from surefoot.cli.options import (
    DONE,
    INTERRUPTED,
    TASK_OPTIONS,
    TaskText,
    check_device,
    load_task_or_surface,
    no_report_option,
    out_option,
    require_task_or_surface,
    run_options,
    surface_options,
    task_options,
)
from surefoot.cli.report_and_resume import repeat_command

if TYPE_CHECKING:
    from surefoot.explanation.result import ExplainResult

DEFAULT_SEEDS = 5
REPORT_NAME = "explanation.html"
# What the command lines in a report repeat: everything that changes the result.
REPEATED_SETTINGS = (*TASK_OPTIONS, "surface", "condition", "claim", "seeds", "budget", "seed", "device")


@click.command(short_help="Test textbook claims about learning rate and momentum on a network.")
@click.argument("task", type=TaskText(), required=False)
@surface_options
@click.option("--claim", "claims", multiple=True, metavar="NAME", help="Test only this claim; repeatable.")
@task_options
@click.option(
    "--seeds",
    type=click.IntRange(min=2),
    default=DEFAULT_SEEDS,
    show_default=True,
    help="Number of seeds for every experiment.",
)
@click.option(
    "--budget",
    help="Limit on the cost: in full trainings (100x) or in time (60s); trainings become shorter to keep it.",
)
@out_option
@no_report_option
@run_options
def explain(task: str | None, *, claims: tuple[str, ...], **settings: Any) -> int:
    """Test textbook claims about learning rate and momentum by experiments on TASK, or on a test surface.

    \b
    surefoot explain digits
    surefoot explain train.py:task --claim momentum-speed --claim default
    surefoot explain train.py:task --seeds 3 --budget 200x
    surefoot explain --surface ravine --condition 100
    """
    from surefoot.core.files import make_writable_folder
    from surefoot.core.progress import Interrupted
    from surefoot.explanation.claims import require_known
    from surefoot.loss_slices.result import SLICE_COMMAND

    require_task_or_surface(task, settings, task_only=["budget"])
    check_device(settings["device"])
    require_known(claims)
    if not settings["no_report"]:
        make_writable_folder(settings["out"])
    try:
        result = _explain(task, claims, settings=settings)
    except Interrupted:
        click.echo("interrupted; explain stores no trials: run it again from the start.", err=True)
        return INTERRUPTED
    commands = {
        claim.name: _command_line(result, task, settings={**settings, "claim": claim.name}) for claim in result.claims
    }
    if result.loss_slice is not None:
        commands[SLICE_COMMAND] = _slice_command_line(result, task, settings=settings)
    command = " ".join([_command_line(result, task, settings=settings), *(f"--claim {name}" for name in claims)])
    report = (
        None if settings["no_report"] else _write_report(result, settings["out"], commands=commands, command=command)
    )
    _show(result, commands, report=report, as_json=settings["as_json"])
    return DONE


def _explain(task: str | None, claims: tuple[str, ...], *, settings: dict[str, Any]) -> ExplainResult:
    from surefoot.cli.progress_display import display, stop_on_interrupt
    from surefoot.explanation.explain import explain as run_explain

    subject, arguments = load_task_or_surface(task, settings)
    with display(quiet=settings["quiet"]) as progress, stop_on_interrupt() as stop:
        return run_explain(
            subject,
            claims=claims,
            seeds=settings["seeds"],
            budget=settings["budget"],
            seed=settings["seed"],
            progress=progress,
            stop=stop,
            **arguments,
        )


def _command_line(result: ExplainResult, task: str | None, *, settings: dict[str, Any]) -> str:
    """Return the command line that repeats it, with the length of training in place of the budget it came from."""
    length = {"steps": result.steps, "epochs": None} if settings["budget"] else {}
    seeds = None if settings["seeds"] == DEFAULT_SEEDS else settings["seeds"]
    return repeat_command(
        "explain", task, settings={**settings, **length, "budget": None, "seeds": seeds}, names=REPEATED_SETTINGS
    )


def _slice_command_line(result: ExplainResult, task: str | None, *, settings: dict[str, Any]) -> str:
    """Return the command line that draws the slice again."""
    trajectories = () if result.loss_slice is None else result.loss_slice.trajectories
    length = {"steps": result.steps, "epochs": None} if result.steps != result.full_steps else {}
    command = repeat_command("slice", task, settings={**settings, **length}, names=(*TASK_OPTIONS, "seed", "device"))
    return " ".join([command, *(f"--recipe {shlex.quote(str(each.recipe))}" for each in trajectories)])


def _write_report(result: ExplainResult, folder: Path, *, commands: dict[str, str], command: str) -> str:
    """Write the report; return its path."""
    from surefoot.reports.explain_page import write_explain_html
    from surefoot.studies.study import environment

    path = folder / REPORT_NAME
    write_explain_html(result, path, commands=commands, environment=environment(), command=command)
    return str(path)


def _show(result: ExplainResult, commands: dict[str, str], *, report: str | None, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**result.to_json(commands), "report": report}, indent=2))
        return
    from rich.console import Console

    from surefoot.reports.terminal_tables import explain_table

    Console().print(explain_table(result, commands))
    if report is not None:
        click.echo(f"report: {report}")
