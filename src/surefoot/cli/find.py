"""``surefoot find``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from surefoot.cli.device import check_device
from surefoot.cli.exits import DONE, FAILED, INTERRUPTED
from surefoot.cli.options import TaskText, load_task, run_options, task_options
from surefoot.cli.plans import read_plan

if TYPE_CHECKING:
    from surefoot.tuning.found import FindResult


@click.command(short_help="The usable range of learning rates.")
@click.argument("task", type=TaskText())
@task_options
@click.option("--momentum", "momenta", type=float, multiple=True, help="A momentum to try; repeatable.")
@click.option(
    "--ramp-steps",
    type=int,
    default=100,
    show_default=True,
    help="Length of the ramp, which shows where to look; the answer does not depend on it.",
)
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="Fleets to average over.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw it: .png, .svg or .html.")
@run_options
def find(task: str, *, momenta: tuple[float, ...], plot: Path | None, **settings: Any) -> int:
    """Find the range of learning rates that is usable for TASK, at several momenta.

    \b
    surefoot find digits
    surefoot find train.py:task --momentum 0.9 --plot range.png
    """
    from surefoot.cli.display import display
    from surefoot.cli.interrupt import stop_on_interrupt
    from surefoot.fleet.progress import Interrupted
    from surefoot.plots import check_picture
    from surefoot.search.find import MOMENTA
    from surefoot.search.find import find as find_range

    check_device(settings["device"])
    if plot is not None:
        check_picture(plot)
    loaded = load_task(task, settings)
    try:
        with display(quiet=settings["quiet"]) as progress, stop_on_interrupt() as stop:
            found = find_range(
                loaded,
                momenta=momenta or MOMENTA,
                steps=settings["ramp_steps"],
                seeds=settings["seeds"],
                seed=settings["seed"],
                plan=read_plan(settings["plan_file"]),
                device=settings["device"],
                progress=progress,
                stop=stop,
            )
    except Interrupted:
        click.echo("interrupted; a range test keeps nothing, as it is short.", err=True)
        return INTERRUPTED
    _show(found, plot, as_json=settings["as_json"])
    return DONE if found.suggestion is not None else FAILED


def _show(found: FindResult, plot: Path | None, *, as_json: bool) -> None:
    if plot is not None:
        from surefoot.plots import save, show

        save(show(found), plot)
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2))
        return
    from rich.console import Console

    from surefoot.reports.terminal import find_table

    Console().print(find_table(found))
