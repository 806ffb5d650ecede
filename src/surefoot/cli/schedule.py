"""``surefoot schedule``."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

# Size of a plot in the terminal, in characters, however large the terminal is; the rest is the room for the prompt.
MAX_PLOT_WIDTH, MAX_PLOT_HEIGHT, LINES_FOR_PROMPT = 100, 20, 4


@click.command(short_help="Plot learning rate schedules.")
@click.argument("texts", nargs=-1, required=True, metavar="SCHEDULE...")
@click.option(
    "--steps",
    type=click.IntRange(min=1, max=1_000_000),
    default=1000,
    show_default=True,
    help="Length of the training, in optimizer steps.",
)
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE", help="Also write a plot: .png, .svg or .html.")
def schedule(texts: tuple[str, ...], *, steps: int, plot: Path | None) -> None:
    """Plot each SCHEDULE in the terminal.

    \b
    surefoot schedule "cosine(0.3, warmup=5%)"
    surefoot schedule "0.1 for 50% then linear(0.1)" --steps 5000
    surefoot schedule "wsd(0.3)" "onecycle(0.3)" --plot schedules.png
    """
    from surefoot.reports.schedule_plot import schedule_plot
    from surefoot.schedules.text import parse_schedule

    schedules = [parse_schedule(text) for text in texts]
    if plot is not None:
        from surefoot.plots.figures import save, show_schedules

        save(show_schedules(schedules, steps=steps), plot)
    width, height = shutil.get_terminal_size((80, 24))
    for parsed in schedules:
        plot_size = {"width": min(width, MAX_PLOT_WIDTH), "height": min(height - LINES_FOR_PROMPT, MAX_PLOT_HEIGHT)}
        click.echo(schedule_plot(parsed, steps, **plot_size))
