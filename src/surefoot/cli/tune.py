"""``surefoot tune``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from surefoot.cli.options import TaskText
from surefoot.cli.search import run_command, search_options
from surefoot.cli.subject import SubjectCommand


@click.command(cls=SubjectCommand, short_help="The best learning rate, momentum, schedule and length.")
@click.argument("subject", type=TaskText(), required=False)
@search_options
@click.option("--compare", metavar="RECIPE", multiple=True, help="Train this too, beside the answer; repeatable.")
@click.option(
    "--transfer",
    is_flag=True,
    help="Also: how the answer changes with the batch size; at most 3 trainings beyond the budget.",
)
@click.option(
    "--save-model",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the weights of the recommended training: FILE.safetensors.",
)
def tune(subject: str | None, *, resume: str | None, **settings: Any) -> int:
    """Find the learning rate, momentum and schedule for SUBJECT, and how long to train; then train so.

    SUBJECT is a task (FILE.py:NAME, FILE.csv with --target, a built-in), a training function (FILE.py:FUNCTION with
    --steps) or, after two dashes, a script that asks surefoot.trial().

    \b
    surefoot tune digits
    surefoot tune train.py:task --optimizers sgd,adamw --search warmup
    surefoot tune houses.csv --target price --test 0.2
    surefoot tune train.py:train --steps 2000 --workers 4
    surefoot tune --budget 10m -- python train.py --epochs 3
    surefoot tune digits --compare "adamw(lr=cosine(0.001))" --save-model best.safetensors
    surefoot tune --resume surefoot.db#3 --budget 30x
    """
    return run_command("tune", subject, resume=resume, settings=settings)
