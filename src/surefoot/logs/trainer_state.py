"""Hugging Face's ``trainer_state.json``, and other files with one JSON list of rows, or one list a column."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from surefoot.errors import LogError
from surefoot.logs.tables import FORMATS, Table, read_table, table_of, text_of


def read_trainer_state(path: Path) -> Table:
    """Read the rows of a trainer's ``log_history``, of a plain list of objects, or of Keras' ``History.history``.

    Raises:
        LogError: If the file is no such JSON.
        OSError: If it cannot be read.
    """
    try:
        data = json.loads(text_of(path))
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":  # one object a line, under another name
            return read_table(path)
        raise LogError(f"{path}: broken JSON at line {error.lineno}.", hint="was the file cut off?") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, lists in lists without end
        raise LogError(f"{path}: JSON that is no log.", hint=FORMATS) from error
    rows = data.get("log_history", _columns(data)) if isinstance(data, dict) else data
    if not isinstance(rows, list):
        raise LogError(f"{path}: JSON without a list of rows named log_history.", hint=FORMATS)
    table = table_of([row for row in rows if isinstance(row, dict)])
    if not table.rows:
        raise LogError(f"{path}: nothing was logged in it.", hint="has the trainer reached logging_steps?")
    return table


def _columns(data: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return the rows of columns of one length, ``None`` where there are none.

    Example:
        >>> _columns({"history": {"loss": [0.5, 0.25], "val_loss": [0.75, 0.5]}})
        [{'loss': 0.5, 'val_loss': 0.75}, {'loss': 0.25, 'val_loss': 0.5}]
    """
    columns = data["history"] if isinstance(data.get("history"), dict) else data
    lists = {name: values for name, values in columns.items() if isinstance(values, list)}
    if len({len(values) for values in lists.values()}) != 1:
        return None
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
