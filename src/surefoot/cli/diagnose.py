"""``surefoot diagnose``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from surefoot.cli.options import DONE, json_option

if TYPE_CHECKING:
    from surefoot.logs.names import Quantity


@click.command(short_help="What went wrong in a training that left a log?")
@click.argument("logs", metavar="LOG...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="QUANTITY=NAME",
    help="What the log calls train, valid, lr, momentum or grad_norm, where the guess is wrong; repeatable.",
)
@click.option("--lr", type=float, help="The learning rate, where it was constant and is not in the log.")
@click.option("--momentum", type=float, help="The momentum (or beta1), likewise.")
@json_option
def diagnose(
    logs: tuple[Path, ...], *, columns: tuple[str, ...], lr: float | None, momentum: float | None, as_json: bool
) -> int:
    """Judge trainings by what they logged: TensorBoard, Lightning, Keras, Hugging Face, MLflow, CSV or JSONL.

    One curve shows divergence and overfitting. Whether another learning rate would have done better it only makes
    likely; `surefoot check` measures it.

    \b
    surefoot diagnose runs/Nov23_10-12-01
    surefoot diagnose lightning_logs/version_3/metrics.csv --momentum 0.9
    surefoot diagnose log.csv --column train=my_loss --lr 0.1 --json
    """
    from surefoot.log_diagnosis.diagnose import diagnose as judged

    names = dict(_column(text) for text in columns)
    found = [judged(log, columns=names, lr=lr, momentum=momentum) for log in logs]
    if as_json:
        first, *others = found
        data = {"schema": 2, "logs": [each.to_json() for each in found]} if others else first.to_json()
        click.echo(json.dumps(data, indent=2))
        return DONE
    from rich.console import Console

    from surefoot.reports.log_tables import diagnosis_text

    console = Console()
    for number, each in enumerate(found):
        if number:
            console.print()
        console.print(diagnosis_text(each))
    return DONE


def _column(text: str) -> tuple[Quantity, str]:
    """Read ``train=loss``.

    Raises:
        LogError: If it is not like that.
    """
    from surefoot.core.errors import LogError, nearest
    from surefoot.logs.names import QUANTITIES

    quantity, equals, name = text.partition("=")
    known = next((each for each in QUANTITIES if each == quantity), None)
    if known is None or not equals or not name:
        hint = nearest(quantity, QUANTITIES) or f"QUANTITY is one of {', '.join(QUANTITIES)}."
        raise LogError(f"--column {text!r} is not QUANTITY=NAME.", hint=hint)
    return known, name
