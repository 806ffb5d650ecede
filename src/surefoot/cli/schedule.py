"""``surefoot schedule``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(short_help="What a schedule looks like.")
@click.argument("texts", nargs=-1, required=True, metavar="SCHEDULE...")
@click.option("--steps", type=click.IntRange(min=1, max=1_000_000), default=1000, show_default=True, help="Length.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw it: .png, .svg or .html.")
def schedule(texts: tuple[str, ...], *, steps: int, plot: Path | None) -> None:
    """Show what a SCHEDULE looks like.

    \b
    surefoot schedule "cosine(0.3, warmup=5%)"
    surefoot schedule "0.1 for 50% then linear(0.1)" --steps 5000
    surefoot schedule "wsd(0.3)" "onecycle(0.3)" --plot schedules.png
    """
    import shutil

    from surefoot.reports.schedule_plot import schedule_plot
    from surefoot.schedules.text import parse_schedule

    schedules = [parse_schedule(text) for text in texts]
    if plot is not None:
        from surefoot.plots.notebook import save, show_schedules

        save(show_schedules(schedules, steps=steps), plot)
    width, height = shutil.get_terminal_size((80, 24))
    for one in schedules:
        click.echo(schedule_plot(one, steps, width=min(width, 100), height=min(height - 4, 20)))
