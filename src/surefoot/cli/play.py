"""``surefoot play``."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from surefoot.cli.options import DEFAULT_DATABASE

# An unassigned port; chosen.
DEFAULT_PORT = 8380


@click.command(short_help="Explore learning rate and momentum in the browser.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="Port to listen on; 0 for any free one.",
)
@click.option("--no-browser", is_flag=True, help="Print the address without opening a browser.")
@click.option(
    "--study",
    type=click.Path(path_type=Path),
    default=DEFAULT_DATABASE,
    show_default=True,
    metavar="PATH",
    help="Database whose studies and checks are shown, also while they run.",
)
def play(*, port: int, no_browser: bool, study: Path) -> None:
    """Open a page to explore learning rate and momentum: descent on test surfaces, schedules, studies and checks.

    The page works offline, and only this machine can open it. Ctrl-C stops the server.

    \b
    surefoot play
    surefoot play --port 9000 --no-browser
    surefoot play --study surefoot.db
    """
    from surefoot.web.app import make_app
    from surefoot.web.server import free_socket, serve

    sock = free_socket(port)
    found_port = sock.getsockname()[1]
    if port not in (0, found_port):
        click.echo(f"note: port {port} is in use; using {found_port}.", err=True)
    with contextlib.suppress(KeyboardInterrupt):
        serve(
            sock,
            lambda number: make_app(port=number, study=study),
            announce=lambda address: click.echo(f"surefoot play: {address} (Ctrl-C stops it)"),
            open_browser=not no_browser,
        )
