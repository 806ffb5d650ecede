"""``surefoot slice``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from surefoot.cli.options import (
    DEFAULT_FOLDER,
    DONE,
    INTERRUPTED,
    TaskText,
    check_device,
    load_task_or_surface,
    require_task_or_surface,
    run_options,
    surface_options,
    task_options,
)

DEFAULT_PICTURE = Path(DEFAULT_FOLDER, "slice.html")


@click.command("slice", short_help="Plot the training loss on a plane in weight space.")
@click.argument("task", type=TaskText(), required=False)
@surface_options
@task_options
@click.option(
    "--recipe", "recipes", multiple=True, help="Recipe of a training whose trajectory is drawn; repeatable, up to 7."
)
@click.option(
    "--along",
    type=click.Choice(["pca", "hessian", "random"]),
    show_default="pca",
    help="Directions of the plane: pca: along which the trajectories spread most; hessian: of the largest"
    " curvature at the end of the first; random.",
)
@click.option(
    "--samples",
    type=click.IntRange(min=1),
    show_default="512",
    help="Number of training samples over which the loss is averaged.",
)
@click.option(
    "--points",
    type=click.IntRange(7, 400),
    default=41,
    show_default=True,
    help="Number of columns of the grid; it has 4/7 as many rows.",
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    metavar="FILE",
    default=DEFAULT_PICTURE,
    show_default=True,
    help="Picture to write: .html, .png or .svg.",
)
@run_options
def slice_(task: str | None, *, recipes: tuple[str, ...], plot: Path, **settings: Any) -> int:
    """Plot the training loss of TASK on a plane in weight space, with the trajectories of trainings projected onto it.

    A test surface of two parameters is its own plane.

    \b
    surefoot slice digits
    surefoot slice train.py:task --recipe "adam(lr=0.001)" --plot slice.png
    surefoot slice digits --along hessian
    surefoot slice --surface ravine --steps 100
    """
    from surefoot.cli.progress_display import display, stop_on_interrupt
    from surefoot.core.files import make_writable_folder
    from surefoot.core.progress import Interrupted
    from surefoot.loss_slices.slice_loss import DEFAULT_RECIPES, slice_loss
    from surefoot.plots.chart import check_picture
    from surefoot.plots.figure_registry import save

    require_task_or_surface(task, settings, task_only=["along", "samples"])
    check_device(settings["device"])
    if plot == DEFAULT_PICTURE:
        make_writable_folder(plot.parent)
    check_picture(plot)
    subject, arguments = load_task_or_surface(task, settings)
    try:
        with display(quiet=settings["quiet"]) as progress, stop_on_interrupt() as stop:
            result = slice_loss(
                subject,
                recipes or DEFAULT_RECIPES,
                along=settings["along"],
                samples=settings["samples"],
                points=settings["points"],
                seed=settings["seed"],
                progress=progress,
                stop=stop,
                **arguments,
            )
    except Interrupted:
        click.echo("interrupted; slice stores nothing: run it again from the start.", err=True)
        return INTERRUPTED
    save(result, plot)
    if settings["as_json"]:
        click.echo(json.dumps({**result.to_json(), "picture": str(plot)}))
        return DONE
    from rich.console import Console

    from surefoot.reports.terminal_tables import slice_table

    Console().print(slice_table(result))
    click.echo(f"picture: {plot}")
    return DONE
