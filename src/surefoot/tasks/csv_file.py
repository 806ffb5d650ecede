"""A CSV file on disk -> a table.

What each column of a table is good for.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from surefoot.core.errors import DataError

DELIMITERS = (",", ";", "\t")
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
HEAD_LINES = 50


def read_csv(path: Path) -> pd.DataFrame:
    """Read a CSV file: UTF-8, its first line the names of the columns; comma, semicolon or tab between the fields.

    Where the delimiter is no comma, numbers may have a decimal comma. Empty fields, NA, NaN, null and ? are missing
    values.

    Raises:
        DataError: If the file is absent, a folder, no UTF-8, empty, without rows, or its lines do not fit together.
    """
    text = _text(path)
    if not text.strip():
        raise DataError(f"{path}: the file is empty.", hint="the first line holds the names of the columns.")
    try:
        delimiter = _delimiter(text)
        head = _head(text, delimiter)
        _require_names(path, head)
        table = _parse(text, delimiter, decimal="," if delimiter != "," and _has_decimal_commas(head) else ".")
    except (pd.errors.ParserError, csv.Error) as error:
        reason = str(error).strip().splitlines()[-1].removeprefix("Error tokenizing data. C error: ")
        hint = "every line has as many fields as the first; fields that hold the delimiter are quoted."
        raise DataError(f"{path}: the lines do not fit together: {reason}.", hint=hint) from error
    if table.empty:
        raise DataError(
            f"{path}: there are column names ({', '.join(table.columns)}) but no rows.",
            hint="was the export cut off?",
        )
    return table


def _text(path: Path) -> str:
    if path.is_dir():
        raise DataError(f"{path} is a folder.", hint="give one CSV file in it.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file.", hint=_files_beside(path)) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: not UTF-8 text: byte {error.object[error.start]:#04x} at position {error.start}.",
            hint="save it as UTF-8, e.g. iconv -f latin1 -t utf-8.",
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).", hint="check its permissions.") from error
    if "\0" in text:
        raise DataError(f"{path}: not a text file; it holds NUL bytes.", hint="export the table as CSV in UTF-8.")
    return text


def _files_beside(path: Path) -> str:
    tables = sorted(file.name for file in path.parent.glob("*.csv")) if path.parent.is_dir() else []
    return f"CSV files there: {', '.join(tables[:5])}." if tables else "check the path."


def _delimiter(text: str) -> str:
    """Return the delimiter that cuts the first line into most names; a name seldom holds one unquoted."""
    return max(DELIMITERS, key=lambda delimiter: len(_head(text, delimiter, lines=1)[0]))


def _head(text: str, delimiter: str, *, lines: int = HEAD_LINES) -> list[list[str]]:
    rows = csv.reader(io.StringIO(text.lstrip()), delimiter=delimiter, skipinitialspace=True)
    return list(islice(filter(None, rows), lines))


def _require_names(path: Path, head: list[list[str]]) -> None:
    names, *rows = head
    twice = [name for name, count in Counter(name.strip() for name in names).items() if count > 1 and name]
    if twice:
        raise DataError(
            f"{path}: column {', '.join(twice)} comes more than once.", hint="give every column its own name."
        )
    longest = max(map(len, rows), default=0)
    if longest > len(names):
        raise DataError(
            f"{path}: the first line names {len(names)} columns and a line below has {longest} fields.",
            hint="name every column, row numbers too; quote fields that hold the delimiter.",
        )


def _has_decimal_commas(head: list[list[str]]) -> bool:
    return any(DECIMAL_COMMA.fullmatch(field.strip()) for row in head[1:] for field in row)


def _parse(text: str, delimiter: str, *, decimal: str) -> pd.DataFrame:
    stream = io.StringIO(text)
    table = pd.read_csv(
        stream, sep=delimiter, decimal=decimal, skipinitialspace=True, na_values=["?"], low_memory=False
    )
    table.columns = pd.Index([str(name).strip() for name in table.columns])
    return table


Role: TypeAlias = Literal["number", "date", "category", "dropped"]
Series: TypeAlias = "pd.Series[Any]"

ISO_DATE = r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?"
ID_NAME = re.compile(r"(.*[_\W])?(id|idx|index|uuid|key)|unnamed: \d+|row_?(num(ber)?|names?)?", re.IGNORECASE)
CATEGORIES_ANYWAY = 10
MISSING = "(missing)"


@dataclass(frozen=True, slots=True)
class Columns:
    """The feature columns of a table by what they hold, with a note on each that is not taken as it stands.

    Attributes:
        numbers: Numbers and truth values.
        dates: ISO dates, read as days.
        categories: Text of few distinct values.
        notes: What was dropped or converted, and why.
    """

    numbers: tuple[str, ...]
    dates: tuple[str, ...]
    categories: tuple[str, ...]
    notes: tuple[str, ...]


def sort_columns(table: pd.DataFrame) -> Columns:
    """Find out what every column holds.

    Constant and empty columns, identifiers and free text are dropped, with a note.

    Raises:
        DataError: If a column holds infinite values, or no column is left.

    Example:
        >>> table = pd.DataFrame({"id": [1, 2, 3], "size": [0.5, 0.1, 0.2], "colour": ["red", "blue", "red"]})
        >>> columns = sort_columns(table)
        >>> columns.numbers, columns.categories, columns.notes
        (('size',), ('colour',), ("column 'id' is dropped: it numbers the rows.",))
    """
    _require_finite(table)
    roles = {name: _role(name, table[name]) for name in table.columns}
    columns = Columns(
        numbers=_of_role("number", roles),
        dates=_of_role("date", roles),
        categories=_of_role("category", roles),
        notes=tuple(f"column {name!r} {note}." for name, (_, note) in roles.items() if note),
    )
    if not (columns.numbers or columns.dates or columns.categories):
        found = " ".join(columns.notes) or "the target is the only column."
        raise DataError(
            f"no column is left to learn from: {found}", hint="at least one must hold numbers or categories."
        )
    return columns


def as_features(table: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Return the table with floats for numbers, days since 1970 for dates and strings for categories."""
    features: dict[str, Series] = {}
    for name in columns.numbers:
        features[name] = table[name].astype(float)
    for name in columns.dates:
        moments = pd.to_datetime(table[name], format="ISO8601", utc=True)
        features[name] = (moments - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)
    for name in columns.categories:
        text = table[name].astype(object)
        features[name] = text.where(text.notna(), MISSING).map(str).astype(object)
    return pd.DataFrame(features)


def _of_role(wanted: Role, roles: dict[str, tuple[Role, str | None]]) -> tuple[str, ...]:
    return tuple(name for name, (role, _) in roles.items() if role == wanted)


def _role(name: str, column: Series) -> tuple[Role, str | None]:
    values = column.dropna()
    distinct = values.nunique()
    if distinct == 0:
        return "dropped", "is dropped: it is empty"
    if column.nunique(dropna=False) == 1:
        return "dropped", f"is dropped: it is always {values.iloc[0]}"
    if pd.api.types.is_numeric_dtype(column):  # truth values too
        return ("dropped", "is dropped: it numbers the rows") if _numbers_rows(name, column) else ("number", None)
    return _role_of_text(values.map(str), distinct, rows=len(column))


def _role_of_text(values: Series, distinct: int, *, rows: int) -> tuple[Role, str | None]:
    if values.str.fullmatch(ISO_DATE).all() and _parse_as_dates(values):
        return "date", "holds dates: they are read as days since 1970"
    if distinct > max(CATEGORIES_ANYWAY, rows / 2):
        return "dropped", f"is dropped: {distinct} distinct texts in {rows} rows are names or free text, no categories"
    return "category", None


def _parse_as_dates(values: Series) -> bool:
    return bool(pd.to_datetime(values, format="ISO8601", utc=True, errors="coerce").notna().all())


def _numbers_rows(name: str, column: Series) -> bool:
    """Tell an identifier: whole numbers, all distinct, that count up one by one or bear an identifier's name."""
    if not pd.api.types.is_integer_dtype(column) or column.nunique() < len(column):
        return False
    steps = np.diff(column.to_numpy())
    return bool((steps == 1).all()) or ID_NAME.fullmatch(name.strip()) is not None


def _require_finite(table: pd.DataFrame) -> None:
    infinite = {name: int(np.isinf(table[name]).sum()) for name in table.select_dtypes("number").columns}
    faults = [f"column {name!r} holds {count} infinite values" for name, count in infinite.items() if count]
    if faults:
        raise DataError("; ".join(faults) + ".", hint="leave the field empty where a value is missing.")
