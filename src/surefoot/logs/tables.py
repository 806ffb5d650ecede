"""Reads logs that are tables: CSV (Lightning, Keras, a script), JSONL, and JSON such as ``trainer_state.json``."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surefoot.core.errors import LogError
from surefoot.logs.names import join_names
from surefoot.logs.number_texts import read_number
from surefoot.logs.table_layouts import series_of_rows
from surefoot.logs.text_lines import text_lines
from surefoot.logs.training_log import LogContents, damage_notes

FORMATS_HINT = (
    "logs are TensorBoard event files, CSV, JSONL, Hugging Face's trainer_state.json, MLflow's runs or database."
)
DELIMITERS = (",", ";", "\t", "|")
# Where commas do not separate the fields, a comma in a number is a decimal comma.
DECIMAL_COMMA = re.compile(r"(\s*[+-]?\d+),(\d+(?:[eE][+-]?\d+)?\s*)")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of fields by name, in the order of writing; a row need not have every name.

    Attributes:
        rows: Fields of each row, by name: numbers or texts.
        damaged: Number of lines that could not be read.
    """

    rows: list[dict[str, Any]]
    damaged: int = 0

    @property
    def has_numbers(self) -> bool:
        """Whether any field is a number."""
        return any(read_number(value) is not None for row in self.rows for value in row.values())


def read_table(path: Path) -> Table:
    """Read a CSV or JSONL file.

    Raises:
        LogError: If it is empty, or holds no numbers.
        OSError: If it cannot be read.
    """
    text = read_text(path)
    first = text.lstrip()[:1]
    table = _json_lines(text) if first == "{" else _csv_or_printed(path, text)
    if not table.has_numbers:
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
    """Return the table of some rows; fields of nested objects are named ``outer/inner``.

    Args:
        rows: The rows that were read.
        damaged: Number of lines that could not be read.

    Example:
        >>> make_table([{"step": 1, "loss": "0.5", "val": {"loss": None}, "phase": "train"}]).rows
        [{'step': 1, 'loss': '0.5', 'phase': 'train'}]
    """
    flat = [{name: value for name, value in _flat(row) if isinstance(value, (int, float, str))} for row in rows]
    return Table([row for row in flat if row], damaged)


def _csv_or_printed(path: Path, text: str) -> Table:
    """Return the table in a text, or the numbers of its lines where they are no table.

    Raises:
        LogError: If it is neither.
    """
    try:
        table = _csv(path, text)
    except LogError:
        if printed := text_lines(text):
            return Table(printed)
        raise
    return table if table.has_numbers else Table(text_lines(text))


def _csv(path: Path, text: str) -> Table:
    text = _without_comments(text.lstrip())
    if not text:
        return Table([])
    try:
        delimiter = _delimiter(text)
        lines = [*_fields(text, delimiter)]
    except csv.Error as error:
        raise LogError(f"{path}: no table: {error}.", hint="check for a quote that is not closed.") from error
    names = [name.strip() for name in lines[0]]
    if any(read_number(name) is not None for name in names):
        given = f"the first line has no names but numbers ({join_names(names, 4)})"
        raise LogError(f"{path}: {given}.", hint="name the columns: step,loss,...")
    if delimiter != ",":
        lines = [[DECIMAL_COMMA.sub(r"\1.\2", field) for field in fields] for fields in lines]
    torn = len(lines) > 1 and len(lines[-1]) < len(names) and not text.endswith("\n")
    rows, damaged = [], int(torn)
    for fields in lines[1:-1] if torn else lines[1:]:
        if _is_header(fields, names):  # a training that was started again may log other columns
            names = [name.strip() for name in fields]
        # A line with fewer fields than names has no value in the last columns. One with more is two lines in one: the
        # first after a restart, behind one that was cut off.
        elif any(map(str.strip, fields[len(names) :])):
            damaged += 1
        elif fields:
            rows.append(dict(zip(names, fields, strict=False)))
    return make_table(rows, damaged=damaged)


def _delimiter(text: str) -> str | None:
    """Return the delimiter of a table; ``None`` for white space."""
    first, *rest = [line for line in text.splitlines()[:3] if line.strip()]
    delimiter = max(DELIMITERS, key=lambda each: len(next(csv.reader([first], delimiter=each))))
    if delimiter in first:
        return delimiter
    return None if len(first.split()) > 1 and rest and len(rest[0].split()) > 1 else delimiter


def _fields(text: str, delimiter: str | None) -> Iterator[list[str]]:
    """Yield the fields of every line; in a table in white space, names may have single blanks in them."""
    if delimiter is not None:
        for fields in csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True):
            if delimiter == "|":
                fields = fields[1:-1] if len(fields) > 2 and not fields[0].strip() else fields  # noqa: PLW2901
                if all(set(field.strip()) <= set("-:= ") for field in fields):
                    continue  # the line below the names of a table in Markdown
            yield fields
        return
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    wide = [re.split(r"\s{2,}|\t", line) for line in lines]
    narrow = [line.split() for line in lines]
    is_wide = len(wide[0]) > 1 and all(len(fields) == len(wide[0]) for fields in wide[1:])
    yield from wide if is_wide else narrow


def _is_header(fields: Sequence[str], names: Sequence[str]) -> bool:
    """Return whether a line holds names: no number, and one of the names at least that were there before."""
    texts = [field.strip() for field in fields]
    return bool({*texts} & {*names}) and all(read_number(text) is None for text in texts if text)


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


def _flat(row: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", value


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
    """Return the rows of lists, one for each column; ``None`` where there are none.

    A list that is shorter, as of Keras with ``validation_freq=2``, has its values at every second row.

    Example:
        >>> _columns({"history": {"loss": [0.5, 0.25], "val_loss": [0.75]}})
        [{'loss': 0.5}, {'loss': 0.25, 'val_loss': 0.75}]
    """
    columns = data["history"] if isinstance(data.get("history"), dict) else data
    lists = {name: values for name, values in columns.items() if isinstance(values, list) and values}
    if not lists:
        return None
    rows: list[dict[str, Any]] = [{} for _ in range(max(map(len, lists.values())))]
    for name, values in lists.items():
        every = len(rows) // len(values)
        for number, value in enumerate(values):
            rows[(number + 1) * every - 1][name] = value
    return rows


def table_contents(path: Path, table: Table) -> LogContents:
    """Return the series of a table.

    Raises:
        LogError: If it has no column of numbers but the step.
    """
    series, counter, notes = series_of_rows(table.rows, title=path.stem)
    if not series:
        raise LogError(f"{path}: nothing but {counter} in it.", hint="a log needs a loss for every step.")
    by = [] if counter == "step" else [f"steps are counted by {counter}"]
    return LogContents(series, [*by, *notes, *damage_notes(table.damaged)])
