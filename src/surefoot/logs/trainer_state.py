"""Hugging Face's ``trainer_state.json``, and other files with one JSON list of rows."""

from __future__ import annotations

import json
from pathlib import Path

from surefoot.errors import LogError
from surefoot.logs.tables import FORMATS, Table, table_of, text_of


def read_trainer_state(path: Path) -> Table:
    """Read the rows of a trainer's ``log_history``, or of a plain list of objects.

    Raises:
        LogError: If the file is no such JSON.
        OSError: If it cannot be read.
    """
    try:
        data = json.loads(text_of(path))
    except json.JSONDecodeError as error:
        raise LogError(f"{path}: broken JSON at line {error.lineno}.", hint="was the file cut off?") from error
    rows = data.get("log_history") if isinstance(data, dict) else data
    if not isinstance(rows, list):
        raise LogError(f"{path}: JSON without a list of rows named log_history.", hint=FORMATS)
    table = table_of([row for row in rows if isinstance(row, dict)])
    if not table.rows:
        raise LogError(f"{path}: nothing was logged in it.", hint="has the trainer reached logging_steps?")
    return table
