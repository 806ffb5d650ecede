"""``surefoot check``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from surefoot.cli.again import again
from surefoot.cli.device import check_device
from surefoot.cli.exits import DONE, INTERRUPTED
from surefoot.cli.options import TASK_OPTIONS, TaskText, load_task, run_options, task_options
from surefoot.cli.plans import read_plan

if TYPE_CHECKING:
    from surefoot.checking.result import CheckResult

BUDGET, DEFAULT_OUT, DEFAULT_STUDY = "auto", "surefoot-out", "surefoot.db"
PAGE = "check.html"
KEPT = (*TASK_OPTIONS, "recipe", "checkpoint", "budget", "seed", "device")


@click.command(short_help="Is this learning rate and momentum right, and what to change?")
@click.argument("task", type=TaskText())
@click.option("--recipe", help="What to judge; SGD at learning rate 0.01 and momentum 0.9, if not given.")
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Start every trial from these weights: a state_dict (.pt, .ckpt, .safetensors).",
)
@task_options
@click.option(
    "--budget",
    default=BUDGET,
    show_default=True,
    help="Ceiling: auto (2x at 220 steps, 0.5x at 4000), 5x (full trainings) or 60s.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=DEFAULT_OUT, show_default=True, help="Folder for the report."
)
@click.option("--no-report", is_flag=True, help="Write no report.")
@click.option(
    "--study", type=click.Path(path_type=Path), default=DEFAULT_STUDY, show_default=True, help="Database to write to."
)
@click.option("--no-study", is_flag=True, help="Write to no database; surefoot play then does not show it.")
@run_options
def check(task: str, **settings: Any) -> int:
    """Judge a recipe's learning rate and momentum for TASK by trials of its neighbours.

    \b
    surefoot check digits --recipe "sgd(lr=0.001, momentum=0.9)"
    surefoot check train.py:task --recipe "adamw(lr=cosine(1e-3, warmup=5%))" --budget 10x
    surefoot check train.py:task --checkpoint epoch3.pt
    """
    from surefoot.checking.check import check as judged
    from surefoot.cli.display import display
    from surefoot.cli.interrupt import stop_on_interrupt
    from surefoot.files import writable_folder
    from surefoot.fleet.progress import Interrupted
    from surefoot.recipe import DEFAULT_RECIPE, Recipe
    from surefoot.studies import Database

    recipe, checkpoint = settings["recipe"], settings["checkpoint"]
    check_device(settings["device"])
    wanted = DEFAULT_RECIPE if recipe is None else Recipe.parse(recipe)
    if not settings["no_report"]:
        writable_folder(settings["out"])
    if not settings["no_study"] and settings["study"].exists():
        Database(settings["study"])  # refuse what is no database before any work
    loaded = load_task(task, settings)
    try:
        with display(quiet=settings["quiet"]) as progress, stop_on_interrupt() as stop:
            found = judged(
                loaded,
                wanted,
                budget=settings["budget"],
                seed=settings["seed"],
                checkpoint=checkpoint,
                plan=read_plan(settings["plan_file"]),
                device=settings["device"],
                progress=progress,
                stop=stop,
            )
    except Interrupted:
        click.echo("interrupted; nothing was recorded.", err=True)
        return INTERRUPTED
    asked = {**settings, "budget": None if settings["budget"] == BUDGET else settings["budget"]}
    command = again("check", task, asked, kept=KEPT)
    report = None if settings["no_report"] else _write_report(found, settings["out"] / PAGE, command)
    kept = None if settings["no_study"] else _keep(found, settings["study"], command)
    _show(found, report, kept, as_json=settings["as_json"])
    return DONE


def _write_report(found: CheckResult, path: Path, command: str) -> str:
    """Write the page; return its path."""
    from surefoot.reports.check_page import write_check_html
    from surefoot.studies import environment

    write_check_html(found, path, environment=environment(), command=command)
    return str(path)


def _keep(found: CheckResult, path: Path, command: str) -> str | None:
    """Write the check to the database; return by what it is found there, ``None`` where it could not be written."""
    from surefoot.checking.record import to_record
    from surefoot.errors import StudyError
    from surefoot.studies import Database, add_check

    recipe, verdict = str(found.recipe), found.verdict
    try:
        number = add_check(
            Database(path), to_record(found), task=found.task, recipe=recipe, verdict=verdict, command=command
        )
    except StudyError as error:  # the result is shown all the same
        click.echo(f"surefoot: not recorded: {error}", err=True)
        return None
    return f"{path}, check {number}"


def _show(found: CheckResult, report: str | None, kept: str | None, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**found.to_json(), "report": report, "study": kept}, indent=2))
        return
    from rich.console import Console

    from surefoot.reports.verdict import check_table

    console = Console()
    console.print(check_table(found))
    places = {"report": report, "recorded": None if kept is None else f"{kept}; surefoot play shows it"}
    for name, place in places.items():
        if place is not None:
            console.print(f"{name}: {place}", soft_wrap=True, highlight=False, markup=False)
