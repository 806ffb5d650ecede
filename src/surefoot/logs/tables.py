"""Logs that are tables: CSV of any origin (Lightning, Keras, a script's own), and one JSON object a line.

Hugging Face's ``trainer_state.json``, and other files with one JSON list of rows, or one list a column.
"""

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
from surefoot.logs.curve import Series
from surefoot.logs.names import listed, step_names

FORMATS = "logs are TensorBoard event files, CSV, JSONL, Hugging Face's trainer_state.json, MLflow's runs or database."
DELIMITERS = (",", ";", "\t")
# Beyond this a number is no count of steps.
MOST_STEPS = 2**53
# A counter may repeat itself on so many rows, as after a restart from a checkpoint.
MOST_REPEATED = 0.2
# Where commas do not part the fields they part a number's digits, in half the world.
DECIMAL_COMMA = re.compile(r"(\s*[+-]?\d+),(\d+(?:[eE][+-]?\d+)?\s*)")
# What a program writes where it has no value.
MISSING = {"", "na", "n/a", "none", "null", "-"}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows with numbers by name, in the order of writing; a row need not have all of them.

    Attributes:
        rows: The numbers of each row.
        damaged: How many lines could not be read.
    """

    rows: list[dict[str, float]]
    damaged: int = 0

    def names(self) -> list[str]:
        """Return all names with a number in some row."""
        return [*dict.fromkeys(name for row in self.rows for name in row)]

    def series(self) -> tuple[dict[str, Series], str]:
        """Return every column over the steps, and what counts them.

        Lightning writes training and validation in rows of their own, which share the column of the steps. Where no
        column counts the steps of the whole training, rows do.
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
        """Tell whether a column tells the rows of every other column apart, but for a restart or two.

        A batch number that begins anew with every epoch does not, nor does an epoch that many rows share.
        """
        seen: dict[str, set[int]] = {}
        rows = repeated = 0
        for row in self.rows:
            value = row.get(counter)
            if value is None:
                continue
            if not math.isfinite(value) or abs(value) >= MOST_STEPS or value != int(value):
                return False
            for name in row.keys() - {counter}:
                steps = seen.setdefault(name, set())
                rows, repeated = rows + 1, repeated + (int(value) in steps)
                steps.add(int(value))
        return repeated <= MOST_REPEATED * rows


def read_table(path: Path) -> Table:
    """Read a CSV or JSONL file.

    Raises:
        LogError: If it is empty, or holds no numbers.
        OSError: If it cannot be read.
    """
    text = text_of(path)
    first = text.lstrip()[:1]
    table = _json_lines(text) if first == "{" else _csv(path, text)
    if not table.rows:
        raise LogError(
            f"{path}: no numbers in it.",
            hint="a log is a table with a line of names, parted by comma, semicolon or tab, or one JSON object a line.",
        )
    return table


def text_of(path: Path) -> str:
    """Return a file's text.

    Raises:
        LogError: If it is empty, or text in neither UTF-8 nor UTF-16.
        OSError: If it cannot be read.
    """
    data = path.read_bytes()
    # What PowerShell's > writes begins with UTF-16's mark.
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = io.StringIO(data.decode(encoding), newline=None).read()
    except UnicodeDecodeError as error:
        raise LogError(f"{path}: neither an event file nor UTF-8 text.", hint=FORMATS) from error
    if not text.strip():
        raise LogError(f"{path}: the file is empty.", hint="has the training written anything yet?")
    return text


def table_of(rows: Iterable[Mapping[str, Any]], *, damaged: int = 0) -> Table:
    """Return the numbers of rows of anything; what lies in objects within them is named ``outer/inner``.

    Args:
        rows: What was read.
        damaged: How many lines could not be.

    Example:
        >>> table_of([{"step": 1, "loss": "0.5", "val": {"loss": None}, "note": "slow"}]).rows
        [{'step': 1.0, 'loss': 0.5}]
    """
    numbers = [{name: number for name, value in _flat(row) if (number := _number(value)) is not None} for row in rows]
    return Table([row for row in numbers if row], damaged)


def _csv(path: Path, text: str) -> Table:
    text = _without_remarks(text.lstrip())
    if not text:
        return Table([])
    first = text.splitlines()[0]
    delimiter = max(DELIMITERS, key=lambda each: len(next(csv.reader([first], delimiter=each))))
    try:
        names, *lines = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    except csv.Error as error:
        raise LogError(f"{path}: no table: {error}.", hint="is a quote not closed?") from error
    names = [name.strip() for name in names]
    if any(_number(name) is not None for name in names):
        given = f"the first line has no names but numbers ({listed(names, 4)})"
        raise LogError(f"{path}: {given}.", hint="name the columns: step,loss,...")
    if delimiter != ",":
        lines = [[DECIMAL_COMMA.sub(r"\1.\2", field) for field in fields] for fields in lines]
    torn = bool(lines) and len(lines[-1]) < len(names) and not text.endswith("\n")  # when the program died
    lines = [fields for fields in (lines[:-1] if torn else lines) if fields]
    # Fewer fields than names have nothing in the last columns. More are two lines in one: a restart's first behind one
    # that was cut off.
    whole = [fields for fields in lines if not any(map(str.strip, fields[len(names) :]))]
    return table_of(
        (dict(zip(names, fields, strict=False)) for fields in whole), damaged=len(lines) - len(whole) + torn
    )


def _without_remarks(text: str) -> str:
    r"""Return a table from its line of names on, which NumPy's ``savetxt`` writes as a remark as well.

    Example:
        >>> _without_remarks("# of today\n# step,loss\n1,0.5\n")
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
        # Broken, a whole number too long to be one, or objects in objects without end.
        with suppress(ValueError, RecursionError):
            rows.append(json.loads(line))
    objects = [row for row in rows if isinstance(row, dict)]
    return table_of(objects, damaged=len(lines) - len(objects))


def _step(row: Mapping[str, float], counter: str, *, before: int) -> int:
    """Return a row's step; one without has that of the row before."""
    value = row.get(counter)
    return before if value is None else int(value)


def _flat(row: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", value


def _number(value: Any) -> float | None:
    """Return a number, also one written as text; ``nan`` and ``inf`` are values, an empty field is none."""
    if isinstance(value, bool) or value is None:
        return None
    if not isinstance(value, (int, float, str)) or str(value).strip().lower() in MISSING:
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):  # text that is no number, or a whole number beyond all floats
        return None


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
