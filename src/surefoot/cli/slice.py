"""``surefoot slice``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from surefoot.cli.options import (
    DONE,
    INTERRUPTED,
    TaskText,
    check_device,
    load_task,
    read_plan,
    run_options,
    task_options,
)

PICTURE = Path("surefoot-out", "slice.html")


@click.command("slice", short_help="The loss of this network on a plane of its weights.")
@click.argument("task", type=TaskText())
@task_options
@click.option("--recipe", "recipes", multiple=True, help="Of a training that goes past; repeatable, up to 7.")
@click.option(
    "--along",
    type=click.Choice(["ways", "hessian", "random"]),
    default="ways",
    show_default=True,
    help="Where the ways spread most, where the loss bends most at the end of the first, or at random.",
)
@click.option("--samples", type=click.IntRange(min=1), default=512, show_default=True, help="That losses are means of.")
@click.option("--points", type=click.IntRange(7, 400), default=41, show_default=True, help="Columns of the grid.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    metavar="FILE",
    default=PICTURE,
    show_default=True,
    help="The picture: .html, .png or .svg.",
)
@run_options
def slice_(task: str, *, recipes: tuple[str, ...], plot: Path, **settings: Any) -> int:
    """Slice the training loss of TASK along a plane of its weights, with trainings that go past.

    \b
    surefoot slice digits
    surefoot slice train.py:task --recipe "sgd(lr=0.1)" --recipe "adam(lr=0.001)" --plot slice.png
    surefoot slice digits --along hessian
    """
    from surefoot.cli.progress_display import display, stop_on_interrupt
    from surefoot.core.files import writable_folder
    from surefoot.core.progress import Interrupted
    from surefoot.loss_slices.slice_loss import RECIPES, slice_loss
    from surefoot.plots.figures import check_picture, save

    check_device(settings["device"])
    if plot == PICTURE:
        writable_folder(plot.parent)
    check_picture(plot)
    loaded = load_task(task, settings)
    try:
        with display(quiet=settings["quiet"]) as progress, stop_on_interrupt() as stop:
            found = slice_loss(
                loaded,
                recipes or RECIPES,
                along=settings["along"],
                samples=settings["samples"],
                points=settings["points"],
                seed=settings["seed"],
                plan=read_plan(settings["plan_file"]),
                device=settings["device"],
                progress=progress,
                stop=stop,
            )
    except Interrupted:
        click.echo("interrupted; a slice keeps nothing, as it is short.", err=True)
        return INTERRUPTED
    save(found, plot)
    if settings["as_json"]:
        click.echo(json.dumps({**found.to_json(), "picture": str(plot)}))
        return DONE
    from rich.console import Console

    from surefoot.reports.explain_tables import slice_table

    console = Console()
    console.print(slice_table(found))
    console.print(f"picture: {plot}", soft_wrap=True, highlight=False, markup=False)
    return DONE
