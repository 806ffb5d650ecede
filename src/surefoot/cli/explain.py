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
    read_plan,
    run_options,
    task_options,
)
from surefoot.cli.resume import again

if TYPE_CHECKING:
    from surefoot.explanation.result import ExplainResult

DEFAULT_SEEDS, DEFAULT_OUT = 5, "surefoot-out"
PAGE = "explanation.html"
KEPT = (*TASK_OPTIONS, "surface", "condition", "claim", "seeds", "budget", "seed", "device")


@click.command(short_help="Do the textbook's claims hold on this network?")
@click.argument("task", type=TaskText(), required=False)
@click.option("--surface", metavar="NAME", help="A landscape of one or two parameters instead of a TASK: ravine, ...")
@click.option("--condition", type=float, help="The ravine's condition number.")
@click.option("--claim", "claims", multiple=True, metavar="NAME", help="Only this claim, by its name; repeatable.")
@task_options
@click.option(
    "--seeds", type=click.IntRange(min=2), default=DEFAULT_SEEDS, show_default=True, help="Repetitions of everything."
)
@click.option("--budget", help="Ceiling: 100x (full trainings) or 60s; trainings become shorter to fit it.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=DEFAULT_OUT, show_default=True, help="Folder for the report."
)
@click.option("--no-report", is_flag=True, help="Write no report.")
@run_options
def explain(task: str | None, *, claims: tuple[str, ...], **settings: Any) -> int:
    """Judge the textbook's claims on learning rate and momentum by experiments on TASK.

    \b
    surefoot explain digits
    surefoot explain train.py:task --claim momentum-speed --claim default
    surefoot explain train.py:task --seeds 3 --budget 200x
    surefoot explain --surface ravine --condition 100
    """
    from surefoot.core.files import writable_folder
    from surefoot.core.progress import Interrupted
    from surefoot.explanation.claims import require_known
    from surefoot.loss_slices.result import SLICE

    if (task is None) == (settings["surface"] is None):
        raise click.UsageError("give a TASK or --surface NAME, one of the two.", click.get_current_context())
    check_device(settings["device"])
    require_known(claims)
    if not settings["no_report"]:
        writable_folder(settings["out"])
    try:
        found = _of_surface(claims, settings) if task is None else _of_task(task, claims, settings)
    except Interrupted:
        click.echo("interrupted; an explanation keeps nothing, as it is short.", err=True)
        return INTERRUPTED
    commands = {claim.name: _again(task, {**settings, "claim": claim.name}, found) for claim in found.claims}
    if found.loss_slice is not None:
        commands[SLICE] = _again_slice(task, settings, found)
    whole = " ".join([_again(task, settings, found), *(f"--claim {name}" for name in claims)])
    _show(found, commands, _write_report(found, commands, whole, settings), as_json=settings["as_json"])
    return DONE


def _of_task(task: str, claims: tuple[str, ...], settings: dict[str, Any]) -> ExplainResult:
    from surefoot.cli.progress_display import display, stop_on_interrupt
    from surefoot.explanation.explain import explain as explained

    if settings["condition"] is not None:
        raise click.UsageError("--condition belongs to --surface ravine.", click.get_current_context())
    loaded = load_task(task, settings)
    with display(quiet=settings["quiet"]) as progress, stop_on_interrupt() as stop:
        return explained(
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


def _of_surface(claims: tuple[str, ...], settings: dict[str, Any]) -> ExplainResult:
    from surefoot.cli.progress_display import display, stop_on_interrupt
    from surefoot.explanation.explain import STEPS, explain_surface
    from surefoot.surfaces import surface_named

    _refuse_task_options()
    surface = surface_named(settings["surface"], condition=settings["condition"])
    with display(quiet=settings["quiet"]) as progress, stop_on_interrupt() as stop:
        return explain_surface(
            surface,
            claims=claims,
            seeds=settings["seeds"],
            steps=settings["steps"] or STEPS,
            seed=settings["seed"],
            progress=progress,
            stop=stop,
        )


def _refuse_task_options() -> None:
    """Refuse what means nothing on a landscape rather than pass over it."""
    context = click.get_current_context()
    names = {*TASK_OPTIONS, "budget", "plan_file", "device"} - {"steps"}
    given = sorted(
        name.removesuffix("_file")
        for name in names & context.params.keys()
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    )
    if given:
        raise click.UsageError(f"--surface has no use for --{', --'.join(given).replace('_', '-')}.", context)


def _again(task: str | None, settings: dict[str, Any], found: ExplainResult) -> str:
    """Return what repeats it: with the length that the budget left, for one claim alone would have a longer one."""
    cut = {"steps": found.steps, "epochs": None} if settings["budget"] else {}
    seeds = None if settings["seeds"] == DEFAULT_SEEDS else settings["seeds"]
    return again("explain", task, {**settings, **cut, "budget": None, "seeds": seeds}, kept=KEPT)


def _again_slice(task: str | None, settings: dict[str, Any], found: ExplainResult) -> str:
    """Return what draws the slice again."""
    ways = () if found.loss_slice is None else found.loss_slice.ways
    cut = {"steps": found.steps, "epochs": None} if found.steps != found.full_steps else {}
    asked = again("slice", task, {**settings, **cut}, kept=(*TASK_OPTIONS, "seed", "device"))
    return " ".join([asked, *(f"--recipe {shlex.quote(str(way.recipe))}" for way in ways)])


def _write_report(found: ExplainResult, commands: dict[str, str], whole: str, settings: dict[str, Any]) -> str | None:
    """Write the page, if one is wanted; return its path."""
    if settings["no_report"]:
        return None
    from surefoot.reports.explain_page import write_explain_html
    from surefoot.studies.study import environment

    path = settings["out"] / PAGE
    write_explain_html(found, path, commands=commands, environment=environment(), command=whole)
    return str(path)


def _show(found: ExplainResult, commands: dict[str, str], report: str | None, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**found.to_json(commands), "report": report}, indent=2))
        return
    from rich.console import Console

    from surefoot.reports.explain_tables import explain_table

    console = Console()
    console.print(explain_table(found, commands))
    if report is not None:
        console.print(f"report: {report}", soft_wrap=True, highlight=False, markup=False)
