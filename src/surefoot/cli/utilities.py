"""``surefoot schedule``.

``surefoot play``.

``surefoot completion``.
"""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import get_completion_class


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

    from surefoot.reports.explain_tables import schedule_plot
    from surefoot.schedules.text import parse_schedule

    schedules = [parse_schedule(text) for text in texts]
    if plot is not None:
        from surefoot.plots.figures import save, show_schedules

        save(show_schedules(schedules, steps=steps), plot)
    width, height = shutil.get_terminal_size((80, 24))
    for one in schedules:
        click.echo(schedule_plot(one, steps, width=min(width, 100), height=min(height - 4, 20)))


DEFAULT_PORT = 8380


@click.command(short_help="Play with learning rate and momentum in the browser.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="Where to listen; 0: any."
)
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.option(
    "--study",
    type=click.Path(path_type=Path),
    default="surefoot.db",
    show_default=True,
    metavar="PATH",
    help="The database whose studies are shown, also while a tune writes it.",
)
def play(*, port: int, no_browser: bool, study: Path) -> None:
    """Open a page where balls roll down hills with learning rate and momentum of your choice.

    It is served on this machine for this machine alone, and asks no network for anything. Ctrl-C ends it.

    \b
    surefoot play
    surefoot play --port 9000 --no-browser
    surefoot play --study surefoot.db
    """
    import contextlib

    from surefoot.web.app import make_app
    from surefoot.web.server import free_socket, serve

    sock = free_socket(port)
    taken = sock.getsockname()[1]
    if port not in (0, taken):
        click.echo(f"note: port {port} is in use; taking {taken}.", err=True)
    with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C is how it ends
        serve(
            sock,
            lambda number: make_app(port=number, study=study),
            say=lambda address: click.echo(f"surefoot play: {address} (Ctrl-C ends it)"),
            browse=not no_browser,
        )


@click.command(short_help="Completion for your shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes commands, options and tasks in SHELL.

    \b
    eval "$(surefoot completion bash)"             in ~/.bashrc
    eval "$(surefoot completion zsh)"              in ~/.zshrc
    surefoot completion fish | source              in ~/.config/fish/config.fish
    """
    kind = get_completion_class(shell)
    context = click.get_current_context()
    if kind is not None:
        root = context.find_root().command
        click.echo(kind(root, {}, "surefoot", "_SUREFOOT_COMPLETE").source())
