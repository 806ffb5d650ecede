"""``surefoot completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


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
