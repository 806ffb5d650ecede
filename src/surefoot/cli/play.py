"""``surefoot play``."""

from __future__ import annotations

from pathlib import Path

import click

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
    from surefoot.web.serve import free_socket, serve

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
