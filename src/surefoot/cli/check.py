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
    from surefoot.diagnosis.checked import CheckResult

BUDGET, DEFAULT_OUT = "5x", "surefoot-out"
PAGE = "check.html"
KEPT = (*TASK_OPTIONS, "recipe", "checkpoint", "budget", "seed", "device")


@click.command(short_help="Is this learning rate and momentum right, and what to change?")
@click.argument("task", type=TaskText())
@click.option("--recipe", help="What to judge; SGD at learning rate 0.01 and momentum 0.9, if not given.")
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Start every training from these weights: a state_dict (.pt, .ckpt, .safetensors).",
)
@task_options
@click.option("--budget", default=BUDGET, show_default=True, help="Ceiling: 5x (full trainings) or 60s.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=DEFAULT_OUT, show_default=True, help="Folder for the report."
)
@click.option("--no-report", is_flag=True, help="Write no report.")
@run_options
def check(task: str, **settings: Any) -> int:
    """Judge a recipe's learning rate and momentum for TASK by trying others beside it.

    \b
    surefoot check digits --recipe "sgd(lr=0.001, momentum=0.9)"
    surefoot check train.py:task --recipe "adamw(lr=cosine(1e-3, warmup=5%))" --budget 10x
    surefoot check train.py:task --checkpoint epoch3.pt
    """
    from surefoot.cli.display import display
    from surefoot.cli.interrupt import stop_on_interrupt
    from surefoot.diagnosis.check import check as judged
    from surefoot.files import writable_folder
    from surefoot.fleet.progress import Interrupted
    from surefoot.recipe import DEFAULT_RECIPE, Recipe
    from surefoot.tasks.checkpoint import starting_from

    recipe, checkpoint = settings["recipe"], settings["checkpoint"]
    check_device(settings["device"])
    wanted = DEFAULT_RECIPE if recipe is None else Recipe.parse(recipe)
    if not settings["no_report"]:
        writable_folder(settings["out"])
    loaded = load_task(task, settings)
    if checkpoint is not None:
        loaded = starting_from(loaded, checkpoint)
    try:
        with display(quiet=settings["quiet"]) as progress, stop_on_interrupt() as stop:
            found = judged(
                loaded,
                wanted,
                budget=settings["budget"],
                seed=settings["seed"],
                plan=read_plan(settings["plan_file"]),
                device=settings["device"],
                progress=progress,
                stop=stop,
            )
    except Interrupted:
        click.echo("interrupted; a check keeps nothing, as it is short.", err=True)
        return INTERRUPTED
    _show(found, _write_report(found, task, settings), as_json=settings["as_json"])
    return DONE


def _write_report(found: CheckResult, task: str, settings: dict[str, Any]) -> str | None:
    """Write the page, if one is wanted; return its path."""
    if settings["no_report"]:
        return None
    from surefoot.reports.check_page import write_check_html
    from surefoot.studies.environment import environment

    asked = {**settings, "budget": None if settings["budget"] == BUDGET else settings["budget"]}
    path = settings["out"] / PAGE
    write_check_html(found, path, environment=environment(), command=again("check", task, asked, kept=KEPT))
    return str(path)


def _show(found: CheckResult, report: str | None, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**found.to_json(), "report": report}, indent=2))
        return
    from rich.console import Console

    from surefoot.reports.verdict import check_table

    console = Console()
    console.print(check_table(found))
    if report is not None:
        console.print(f"report: {report}", soft_wrap=True, highlight=False, markup=False)
