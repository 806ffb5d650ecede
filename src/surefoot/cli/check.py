"""``surefoot check``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from surefoot.cli.device import check_device
from surefoot.cli.exits import DONE, INTERRUPTED
from surefoot.cli.options import TaskText, load_task, run_options, task_options
from surefoot.cli.plans import read_plan

if TYPE_CHECKING:
    from surefoot.diagnosis.checked import CheckResult


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
@click.option("--budget", default="5x", show_default=True, help="Ceiling: 5x (full trainings) or 60s.")
@run_options
def check(task: str, *, recipe: str | None, checkpoint: Path | None, **settings: Any) -> int:
    """Judge a recipe's learning rate and momentum for TASK by trying others beside it.

    \b
    surefoot check digits --recipe "sgd(lr=0.001, momentum=0.9)"
    surefoot check train.py:task --recipe "adamw(lr=cosine(1e-3, warmup=5%))" --budget 10x
    surefoot check train.py:task --checkpoint epoch3.pt
    """
    from surefoot.cli.display import display
    from surefoot.cli.interrupt import stop_on_interrupt
    from surefoot.diagnosis.check import check as judged
    from surefoot.fleet.progress import Interrupted
    from surefoot.recipe import DEFAULT_RECIPE, Recipe
    from surefoot.tasks.checkpoint import starting_from

    check_device(settings["device"])
    wanted = DEFAULT_RECIPE if recipe is None else Recipe.parse(recipe)
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
    _show(found, as_json=settings["as_json"])
    return DONE


def _show(found: CheckResult, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2))
        return
    from rich.console import Console

    from surefoot.reports.verdict import check_table

    Console().print(check_table(found))
