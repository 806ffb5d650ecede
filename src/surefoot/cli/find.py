"""``surefoot find``."""

from __future__ import annotations

from typing import Any

import click

from surefoot.cli.options import TaskText
from surefoot.cli.search import run_command, search_options
from surefoot.cli.subject import SubjectCommand


@click.command(cls=SubjectCommand, short_help="The good range of learning rates, by short trials alone.")
@click.argument("subject", type=TaskText(), required=False)
@search_options
def find(subject: str | None, *, resume: str | None, **settings: Any) -> int:
    """Find which learning rates are good for SUBJECT at which momentum, and what they will give, by short trials alone.

    SUBJECT is a task (FILE.py:NAME, FILE.csv with --target, a built-in), a training function (FILE.py:FUNCTION with
    --steps) or, after two dashes, a script that asks surefoot.trial().

    \b
    surefoot find digits
    surefoot find train.py:task --optimizers adamw
    surefoot find train.py:train --steps 2000 --workers 4
    surefoot find -- python train.py --epochs 3
    surefoot find --resume surefoot.db#3
    """
    return run_command("find", subject, resume=resume, settings=settings)
