"""Reads logs that are tables: CSV (Lightning, Keras, a script), JSONL, and JSON such as ``trainer_state.json``."""

from __future__ import annotations

import codecs
import csv
import io
import json
import math
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surefoot.core.errors import LogError
from surefoot.logs.names import join_names, step_names
from surefoot.logs.training_log import LogContents, Series, damage_notes

FORMATS_HINT = (
    "logs are TensorBoard event files, CSV, JSONL, Hugging Face's trainer_state.json, MLflow's runs or database."
)
DELIMITERS = (",", ";", "\t")
# Larger numbers are not step numbers: float64 does not count beyond this.
MAX_STEP = 2**53
# A column of step numbers may repeat itself on this share of the rows, as after a restart from a checkpoint. Chosen.
MAX_REPEATED_SHARE = 0.2
# Where commas do not separate the fields, a comma in a number is a decimal comma.
DECIMAL_COMMA = re.compile(r"(\s*[+-]?\d+),(\d+(?:[eE][+-]?\d+)?\s*)")
# What programs write where they have no value, in lower case.
MISSING_VALUES = {"", "na", "n/a", "none", "null", "-"}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of numbers by name, in the order of writing; a row need not have every name.

    Attributes:
        rows: Numbers of each row, by name.
        damaged: Number of lines that could not be read.
    """

    rows: list[dict[str, float]]
    damaged: int = 0

    def names(self) -> list[str]:
        """Return all names that have a number in some row."""
        return [*dict.fromkeys(name for row in self.rows for name in row)]

    def series(self) -> tuple[dict[str, Series], str]:
        """Return every column as a series over steps, and the name of the column with the step numbers.

        Lightning writes training and validation in separate rows, which share the column of step numbers. Where no
        column numbers the steps of the whole training, rows are counted.
        """
        names = self.names()
        counter = next((name for name in step_names(names) if self._counts(name)), None)
        columns: dict[str, list[tuple[int, float]]] = {}
        step = 0
        for number, row in enumerate(self.rows):
            step = _step(row, counter, before=step) if counter else number
            for name, value in row.items():
                if name != counter:
                    columns.setdefault(name, []).append((step, value))
        return {name: Series.of(points) for name, points in columns.items()}, counter or "row"

    def _counts(self, counter: str) -> bool:
        """Return whether a column numbers the rows of every other column, except for a restart or two.

        A batch number that begins anew with every epoch does not, nor does an epoch that many rows share.
        """
        seen: dict[str, set[int]] = {}
        rows = repeated = 0
        for row in self.rows:
            value = row.get(counter)
            if value is None:
                continue
            if not math.isfinite(value) or abs(value) >= MAX_STEP or value != int(value):
                return False
            for name in row.keys() - {counter}:
                steps = seen.setdefault(name, set())
                rows, repeated = rows + 1, repeated + (int(value) in steps)
                steps.add(int(value))
        return repeated <= MAX_REPEATED_SHARE * rows


def read_table(path: Path) -> Table:
    """Read a CSV or JSONL file.

    Raises:
        LogError: If it is empty, or holds no numbers.
        OSError: If it cannot be read.
    """
    text = read_text(path)
    first = text.lstrip()[:1]
    table = _json_lines(text) if first == "{" else _csv(path, text)
    if not table.rows:
        raise LogError(
            f"{path}: no numbers in it.",
            hint="a log is a table with a line of names, separated by comma, semicolon or tab, or JSONL.",
        )
    return table


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises:
        LogError: If the file is empty, or is not text in UTF-8 or UTF-16.
        OSError: If it cannot be read.
    """
    data = path.read_bytes()
    # The output of PowerShell's > begins with the byte order mark of UTF-16.
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = io.StringIO(data.decode(encoding), newline=None).read()
    except UnicodeDecodeError as error:
        raise LogError(f"{path}: neither an event file nor UTF-8 text.", hint=FORMATS_HINT) from error
    if not text.strip():
        raise LogError(f"{path}: the file is empty.", hint="the training may not have written anything yet.")
    return text


def make_table(rows: Iterable[Mapping[str, Any]], *, damaged: int = 0) -> Table:
    """Return the table of the numbers in some rows; those in nested objects are named ``outer/inner``.

    Args:
        rows: The rows that were read.
        damaged: Number of lines that could not be read.

    Example:
        >>> make_table([{"step": 1, "loss": "0.5", "val": {"loss": None}, "note": "slow"}]).rows
        [{'step': 1.0, 'loss': 0.5}]
    """
    numbers = [{name: number for name, value in _flat(row) if (number := _number(value)) is not None} for row in rows]
    return Table([row for row in numbers if row], damaged)


def _csv(path: Path, text: str) -> Table:
    text = _without_comments(text.lstrip())
    if not text:
        return Table([])
    first = text.splitlines()[0]
    delimiter = max(DELIMITERS, key=lambda each: len(next(csv.reader([first], delimiter=each))))
    try:
        names, *lines = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    except csv.Error as error:
        raise LogError(f"{path}: no table: {error}.", hint="check for a quote that is not closed.") from error
    names = [name.strip() for name in names]
    if any(_number(name) is not None for name in names):
        given = f"the first line has no names but numbers ({join_names(names, 4)})"
        raise LogError(f"{path}: {given}.", hint="name the columns: step,loss,...")
    if delimiter != ",":
        lines = [[DECIMAL_COMMA.sub(r"\1.\2", field) for field in fields] for fields in lines]
    torn = bool(lines) and len(lines[-1]) < len(names) and not text.endswith("\n")
    lines = [fields for fields in (lines[:-1] if torn else lines) if fields]
    # A line with fewer fields than names has no value in the last columns. One with more is two lines in one: the first
    # after a restart, behind one that was cut off.
    whole = [fields for fields in lines if not any(map(str.strip, fields[len(names) :]))]
    return make_table(
        (dict(zip(names, fields, strict=False)) for fields in whole), damaged=len(lines) - len(whole) + torn
    )


def _without_comments(text: str) -> str:
    r"""Return a table without the comments before it; NumPy's ``savetxt`` writes the line of names as a comment too.

    Example:
        >>> _without_comments("# of today\n# step,loss\n1,0.5\n")
        'step,loss\n1,0.5\n'
    """
    while text.startswith("#"):
        first, _, rest = text.partition("\n")
        if re.match(r"\s*[-+.\d]", rest):
            return f"{first.lstrip('# ')}\n{rest}"
        text = rest.lstrip()
    return text


def _json_lines(text: str) -> Table:
    lines = [*filter(str.strip, text.splitlines())]
    rows = []
    for line in lines:
        # Broken JSON, an int with too many digits, or objects nested too deeply.
        with suppress(ValueError, RecursionError):
            rows.append(json.loads(line))
    objects = [row for row in rows if isinstance(row, dict)]
    return make_table(objects, damaged=len(lines) - len(objects))


def _step(row: Mapping[str, float], counter: str, *, before: int) -> int:
    """Return the step number of a row; a row without one has that of the row before."""
    value = row.get(counter)
    return before if value is None else int(value)


def _flat(row: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", value


def _number(value: Any) -> float | None:
    """Return a number, or the number that a text holds, ``nan`` and ``inf`` included; ``None`` for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    if not isinstance(value, (int, float, str)) or str(value).strip().lower() in MISSING_VALUES:
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):  # other text, or an int that is too large for a float
        return None


def read_trainer_state(path: Path) -> Table:
    """Read JSON: a ``log_history`` of Hugging Face's trainer, a list of objects, or Keras' ``History.history``.

    Raises:
        LogError: If the file is not JSON of one of these kinds.
        OSError: If it cannot be read.
    """
    try:
        data = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":  # JSONL in a file that is named .json
            return read_table(path)
        raise LogError(f"{path}: broken JSON at line {error.lineno}.", hint="the file may be cut off.") from error
    except (ValueError, RecursionError) as error:  # an int with too many digits, or lists nested too deeply
        raise LogError(f"{path}: JSON that is not a log.", hint=FORMATS_HINT) from error
    rows = data.get("log_history", _columns(data)) if isinstance(data, dict) else data
    if not isinstance(rows, list):
        raise LogError(f"{path}: JSON without a list of rows named log_history.", hint=FORMATS_HINT)
    table = make_table([row for row in rows if isinstance(row, dict)])
    if not table.rows:
        raise LogError(f"{path}: nothing was logged in it.", hint="the trainer may not have reached logging_steps yet.")
    return table


def _columns(data: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return the rows of lists of one length, one for each column; ``None`` where there are none.

    Example:
        >>> _columns({"history": {"loss": [0.5, 0.25], "val_loss": [0.75, 0.5]}})
        [{'loss': 0.5, 'val_loss': 0.75}, {'loss': 0.25, 'val_loss': 0.5}]
    """
    columns = data["history"] if isinstance(data.get("history"), dict) else data
    lists = {name: values for name, values in columns.items() if isinstance(values, list)}
    if len({len(values) for values in lists.values()}) != 1:
        return None
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


def table_contents(path: Path, table: Table) -> LogContents:
    """Return the series of a table.

    Raises:
        LogError: If it has no column of numbers but the step.
    """
    series, counter = table.series()
    if not series:
        raise LogError(f"{path}: nothing but {counter} in it.", hint="a log needs a loss for every step.")
    by = [] if counter == "step" else [f"steps are counted by {counter}"]
    return LogContents(series, [*by, *damage_notes(table.damaged)])
