"""``surefoot diagnose``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from surefoot.cli.options import DONE, json_option

if TYPE_CHECKING:
    from surefoot.logs.names import Quantity


@click.command(short_help="Find problems of learning rate and momentum in training logs.")
@click.argument("logs", metavar="LOG...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="QUANTITY=NAME",
    help="Name in the log of train, valid, lr, momentum or grad_norm, if the guess is wrong; repeatable.",
)
@click.option("--lr", type=float, help="Learning rate, if it was constant and is not in the log.")
@click.option("--momentum", type=float, help="Momentum (or beta1), if it was constant and is not in the log.")
@json_option
def diagnose(
    logs: tuple[Path, ...], *, columns: tuple[str, ...], lr: float | None, momentum: float | None, as_json: bool
) -> int:
    """Diagnose trainings from their logs: TensorBoard, Lightning, Keras, Hugging Face, MLflow, CSV or JSONL.

    A log shows divergence and overfitting. Whether another learning rate would do better, it can only suggest;
    `surefoot check` measures it.

    \b
    surefoot diagnose runs/Nov23_10-12-01
    surefoot diagnose lightning_logs/version_3/metrics.csv --momentum 0.9
    surefoot diagnose log.csv --column train=my_loss --lr 0.1 --json
    """
    from surefoot.log_diagnosis.diagnose import diagnose as diagnose_log

    names = dict(_column(text) for text in columns)
    diagnoses = [diagnose_log(log, columns=names, lr=lr, momentum=momentum) for log in logs]
    if as_json:
        data = [diagnosis.to_json() for diagnosis in diagnoses]
        click.echo(json.dumps(data[0] if len(data) == 1 else {"schema": 2, "logs": data}, indent=2))
        return DONE
    from rich.console import Console

    from surefoot.reports.terminal_tables import diagnosis_text

    console = Console()
    for number, diagnosis in enumerate(diagnoses):
        if number:
            console.print()
        console.print(diagnosis_text(diagnosis))
    return DONE


def _column(text: str) -> tuple[Quantity, str]:
    """Return a quantity and its name in the log, from a text as ``train=loss``.

    Raises:
        LogError: If the text has another form, or the quantity does not exist.
    """
    from surefoot.core.errors import LogError, did_you_mean
    from surefoot.logs.names import QUANTITIES

    quantity, equals, name = text.partition("=")
    known = next((each for each in QUANTITIES if each == quantity), None)
    if known is None or not equals or not name:
        hint = did_you_mean(quantity, QUANTITIES) or f"QUANTITY must be one of {', '.join(QUANTITIES)}."
        raise LogError(f"--column must be QUANTITY=NAME; given {text!r}.", hint=hint)
    return known, name
