"""The command ``surefoot``: its subcommands, and how every error is shown.

Exit codes: 0 done, 1 failed, 2 invalid input, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import click
from click.shell_completion import get_completion_class

import surefoot
from surefoot.cli.check import check
from surefoot.cli.descend import descend
from surefoot.cli.diagnose import diagnose
from surefoot.cli.explain import explain
from surefoot.cli.find_and_tune import find, tune
from surefoot.cli.options import DONE, FAILED, INTERRUPTED, WRONG_INPUT
from surefoot.cli.play import play
from surefoot.cli.recipe_commands import export, schedule
from surefoot.cli.report_and_resume import report
from surefoot.cli.slice import slice_
from surefoot.core.errors import SurefootError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(surefoot.__version__, message="surefoot %(version)s")
def cli() -> None:
    """Find, schedule and explain the learning rate and momentum of your PyTorch network.

    \b
    surefoot tune digits                          find learning rate and momentum
    surefoot tune train.py:task                   the same for your network
    surefoot tune train.py:train --steps 2000     the same for your function
    surefoot tune -- python train.py              the same for your script
    surefoot tune data.csv --target price         the same for a table
    surefoot find digits                          find good rates by short trials
    surefoot check digits --recipe "sgd(lr=0.5)"  check a recipe
    surefoot diagnose runs/Nov23_10-12-01         find problems in a log
    surefoot play                                 explore in the browser
    surefoot descend ravine --recipe "sgd(lr=1)"  run SGD on a test surface
    surefoot explain digits                       test textbook claims
    surefoot slice digits                         plot the loss around the weights
    surefoot schedule "cosine(0.3, warmup=5%)"    plot a schedule
    surefoot export surefoot.db --to pytorch      print the result as code

    The task to train is FILE.py:NAME, a CSV file with --target COLUMN, or a built-in one: digits, mnist1d,
    fashion-mnist, breast-cancer, diabetes, wine.
    """


@click.command(short_help="Print the completion script for your shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes commands, options and tasks in SHELL.

    \b
    eval "$(surefoot completion bash)"             in ~/.bashrc
    eval "$(surefoot completion zsh)"              in ~/.zshrc
    surefoot completion fish | source              in ~/.config/fish/config.fish
    """
    completer = get_completion_class(shell)
    if completer is not None:
        click.echo(completer(cli, {}, "surefoot", "_SUREFOOT_COMPLETE").source())


for command in (tune, find, check, diagnose, explain, slice_, play, descend, report, schedule, export, completion):
    cli.add_command(command)


def main() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command line with the given arguments; return the exit code."""
    try:
        code = cli.main(arguments, prog_name="surefoot", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return WRONG_INPUT
    except BrokenPipeError:
        # The reader of our output has closed it: Python must not report that at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (Exception, KeyboardInterrupt) as error:  # users see one line, not a traceback
        line, code = _error_line(error)
        click.echo(" ".join([f"surefoot: {line}", *getattr(error, "__notes__", ())]), err=True)
    return code if isinstance(code, int) else DONE


def _error_line(error: BaseException) -> tuple[str, int]:
    """Return the line to show for an error, and the exit code."""
    if isinstance(error, SurefootError):
        return str(error), WRONG_INPUT
    if isinstance(error, click.ClickException):
        return _usage_line(error), WRONG_INPUT
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return "interrupted.", INTERRUPTED
    if os.environ.get("SUREFOOT_DEBUG"):
        traceback.print_exception(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    position = f"{frame.name}, line {frame.lineno} of {Path(frame.filename).name}"
    text = " ".join(str(error).split())[:300]
    return f"failed: {type(error).__name__}: {text} ({position}). Hint: SUREFOOT_DEBUG=1 shows the traceback.", FAILED


def _usage_line(error: click.ClickException) -> str:
    message = " ".join(error.format_message().split())
    context = getattr(error, "ctx", None)
    hint = f" Hint: see {context.command_path} --help." if context is not None else ""
    return message + ("" if "Hint:" in message else hint)
