"""``surefoot explain``."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from surefoot.cli.options import (
    DONE,
    INTERRUPTED,
    TASK_OPTIONS,
    TaskText,
    check_device,
    load_task,
    no_report_option,
    out_option,
    read_plan,
    run_options,
    task_options,
)
from surefoot.cli.repeat_command import repeat_command

if TYPE_CHECKING:
    from surefoot.explanation.result import ExplainResult

DEFAULT_SEEDS = 5
REPORT_NAME = "explanation.html"
# What the command lines in a report repeat: everything that changes the result.
REPEATED_SETTINGS = (*TASK_OPTIONS, "surface", "condition", "claim", "seeds", "budget", "seed", "device")


@click.command(short_help="Test textbook claims about learning rate and momentum on a network.")
@click.argument("task", type=TaskText(), required=False)
@click.option("--surface", metavar="NAME", help="A test surface of one or two parameters instead of a TASK, as ravine.")
@click.option("--condition", type=float, help="Condition number of the ravine.")
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

    if (task is None) == (settings["surface"] is None):
        raise click.UsageError("give either a TASK or --surface NAME.", click.get_current_context())
    check_device(settings["device"])
    require_known(claims)
    if not settings["no_report"]:
        make_writable_folder(settings["out"])
    try:
        result = _explain_surface(claims, settings) if task is None else _explain_task(task, claims, settings=settings)
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


def _explain_task(task: str, claims: tuple[str, ...], *, settings: dict[str, Any]) -> ExplainResult:
    from surefoot.cli.progress_display import display, stop_on_interrupt
    from surefoot.explanation.explain import explain as run_explain

    if settings["condition"] is not None:
        raise click.UsageError("--condition is for --surface ravine only.", click.get_current_context())
    loaded = load_task(task, settings)
    with display(quiet=settings["quiet"]) as progress, stop_on_interrupt() as stop:
        return run_explain(
            loaded,
            claims=claims,
            seeds=settings["seeds"],
            budget=settings["budget"],
            seed=settings["seed"],
            plan=read_plan(settings["plan_file"]),
            device=settings["device"],
            progress=progress,
            stop=stop,
        )


def _explain_surface(claims: tuple[str, ...], settings: dict[str, Any]) -> ExplainResult:
    from surefoot.cli.progress_display import display, stop_on_interrupt
    from surefoot.explanation.explain import explain as run_explain
    from surefoot.surfaces import surface_named

    _refuse_task_options()
    surface = surface_named(settings["surface"], condition=settings["condition"])
    with display(quiet=settings["quiet"]) as progress, stop_on_interrupt() as stop:
        return run_explain(
            surface,
            claims=claims,
            seeds=settings["seeds"],
            steps=settings["steps"],
            seed=settings["seed"],
            progress=progress,
            stop=stop,
        )


def _refuse_task_options() -> None:
    """Raise an error if an option is given that has no effect on a surface."""
    context = click.get_current_context()
    names = {*TASK_OPTIONS, "budget", "plan_file", "device"} - {"steps"}
    given = sorted(
        name.removesuffix("_file")
        for name in names & context.params.keys()
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    )
    if given:
        raise click.UsageError(f"--{', --'.join(given).replace('_', '-')} cannot be given with --surface.", context)


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

    from surefoot.reports.explain_tables import explain_table

    Console().print(explain_table(result, commands))
    if report is not None:
        click.echo(f"report: {report}")
