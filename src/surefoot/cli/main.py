"""The command ``surefoot``: its verbs, and what every fault looks like.

Exit codes: 0 done, 1 the work failed, 2 the input is wrong, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import click

import surefoot
from surefoot.cli.check import check
from surefoot.cli.descend import descend
from surefoot.cli.diagnose import diagnose
from surefoot.cli.explain import explain
from surefoot.cli.options import DONE, FAILED, INTERRUPTED, WRONG_INPUT
from surefoot.cli.search_commands import export, find, report, tune
from surefoot.cli.slice import slice_
from surefoot.cli.utilities import completion, play, schedule
from surefoot.core.errors import SurefootError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(surefoot.__version__, message="surefoot %(version)s")
def cli() -> None:
    """Find, schedule and explain the learning rate and momentum of your PyTorch network.

    \b
    surefoot tune digits                           which learning rate, momentum, schedule and length?
    surefoot tune train.py:task                    the same for your own network
    surefoot tune train.py:train --steps 2000      the same for your own training function
    surefoot tune -- python train.py               the same for your own script
    surefoot tune data.csv --target price          the same for a table
    surefoot find digits                           which rates are good, without a full training?
    surefoot check digits --recipe "sgd(lr=0.5)"   is this right, and what to change?
    surefoot diagnose runs/Nov23_10-12-01          what does this log tell?
    surefoot play                                  balls on hills, in the browser
    surefoot descend ravine --recipe "sgd(lr=1)"   the same in the terminal, or as a film
    surefoot explain digits                        do the textbook's claims hold on this network?
    surefoot slice digits                          the loss of this network on a plane of its weights
    surefoot schedule "cosine(0.3, warmup=5%)"     what does this schedule look like?
    surefoot export surefoot.db --to pytorch       the recommended recipe as code

    TASK is FILE.py:NAME, a CSV file with --target COLUMN, or a built-in: digits, mnist1d, fashion-mnist,
    breast-cancer, diabetes, wine.
    """


for command in (tune, find, check, diagnose, explain, slice_, play, descend, report, schedule, export, completion):
    cli.add_command(command)


def main() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command line on some arguments; return the exit code."""
    try:
        code = cli.main(arguments, prog_name="surefoot", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return WRONG_INPUT
    except BrokenPipeError:
        # Whoever read our output has gone; Python must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (Exception, KeyboardInterrupt) as error:  # the last resort: no traceback for a user
        line, code = _explained(error)
        click.echo(" ".join([f"surefoot: {line}", *getattr(error, "__notes__", ())]), err=True)
    return code if isinstance(code, int) else DONE


def _explained(error: BaseException) -> tuple[str, int]:
    """Return the one line for an error, and the exit code."""
    if isinstance(error, SurefootError):
        return str(error), WRONG_INPUT
    if isinstance(error, click.ClickException):
        return _one_line(error), WRONG_INPUT
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return "interrupted.", INTERRUPTED
    if os.environ.get("SUREFOOT_DEBUG"):
        traceback.print_exception(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{frame.name}, line {frame.lineno} of {Path(frame.filename).name}"
    text = " ".join(str(error).split())[:300]
    return f"failed: {type(error).__name__}: {text} ({place}). Hint: SUREFOOT_DEBUG=1 shows where.", FAILED


def _one_line(error: click.ClickException) -> str:
    message = " ".join(error.format_message().split())
    context = getattr(error, "ctx", None)
    hint = f" Hint: see {context.command_path} --help." if context is not None else ""
    return message + ("" if "Hint:" in message else hint)
