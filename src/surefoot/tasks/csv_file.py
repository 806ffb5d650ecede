"""Read a CSV file into a table, and find out which columns hold numbers, dates or categories."""

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

# Delimiters that are tried.
DELIMITERS = (",", ";", "\t")
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
# Number of lines that delimiter and decimal comma are detected from.
HEAD_LINES = 50


def read_csv(path: Path) -> pd.DataFrame:
    """Return the table in a CSV file: UTF-8, column names in the first line, delimited by comma, semicolon or tab.

    Where the delimiter is not a comma, numbers may have a decimal comma. Empty fields, NA, NaN, null and ? are read
    as missing values.

    Raises:
        DataError: If the file is missing, a folder, not UTF-8, empty, without rows, or has lines of different length.
    """
    text = _read_text(path)
    if not text.strip():
        raise DataError(f"{path}: the file is empty.", hint="the first line must hold the column names.")
    try:
        delimiter = _delimiter(text)
        head = _first_rows(text, delimiter)
        _require_names(path, head)
        table = _parse(text, delimiter, decimal="," if delimiter != "," and _has_decimal_commas(head) else ".")
    except (pd.errors.ParserError, csv.Error) as error:
        reason = str(error).strip().splitlines()[-1].removeprefix("Error tokenizing data. C error: ")
        hint = "every line must have as many fields as the first; quote fields that hold the delimiter."
        raise DataError(f"{path}: the lines cannot be read as a table: {reason}.", hint=hint) from error
    if table.empty:
        raise DataError(
            f"{path}: the file has column names ({', '.join(table.columns)}) but no rows.",
            hint="was the export cut off?",
        )
    return table


def _read_text(path: Path) -> str:
    if path.is_dir():
        raise DataError(f"{path} is a folder.", hint="give one CSV file in it.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"{path}: the file does not exist.", hint=_suggest_csv_files(path)) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: the text is not UTF-8: byte {error.object[error.start]:#04x} at position {error.start}.",
            hint="save it as UTF-8, e.g. iconv -f latin1 -t utf-8.",
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).", hint="check its permissions.") from error
    if "\0" in text:
        raise DataError(f"{path}: the file is not text: it holds NUL bytes.", hint="export the table as CSV in UTF-8.")
    return text


def _suggest_csv_files(path: Path) -> str:
    tables = sorted(file.name for file in path.parent.glob("*.csv")) if path.parent.is_dir() else []
    return f"CSV files in that folder: {', '.join(tables[:5])}." if tables else "check the path."


def _delimiter(text: str) -> str:
    """Return the delimiter that splits the first line into the most names."""
    return max(DELIMITERS, key=lambda delimiter: len(_first_rows(text, delimiter, lines=1)[0]))


def _first_rows(text: str, delimiter: str, *, lines: int = HEAD_LINES) -> list[list[str]]:
    rows = csv.reader(io.StringIO(text.lstrip()), delimiter=delimiter, skipinitialspace=True)
    return list(islice(filter(None, rows), lines))


def _require_names(path: Path, head: list[list[str]]) -> None:
    names, *rows = head
    duplicates = [name for name, count in Counter(name.strip() for name in names).items() if count > 1 and name]
    if duplicates:
        raise DataError(
            f"{path}: several columns are named {', '.join(duplicates)}.", hint="give every column a different name."
        )
    longest = max(map(len, rows), default=0)
    if longest > len(names):
        raise DataError(
            f"{path}: the first line names {len(names)} columns, but a later line has {longest} fields.",
            hint="name every column, also one of row numbers; quote fields that hold the delimiter.",
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


ColumnRole: TypeAlias = Literal["number", "date", "category", "dropped"]
Series: TypeAlias = "pd.Series[Any]"

ISO_DATE = r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?"
ID_COLUMN_NAME = re.compile(r"(.*[_\W])?(id|idx|index|uuid|key)|unnamed: \d+|row_?(num(ber)?|names?)?", re.IGNORECASE)
# Text with at most this many distinct values, or half as many as there are rows, is read as categories; chosen.
ALWAYS_CATEGORIES_UP_TO = 10
# Category of missing values.
MISSING_CATEGORY = "(missing)"


@dataclass(frozen=True, slots=True)
class Columns:
    """The feature columns of a table by role.

    Attributes:
        numbers: Names of the columns of numbers and booleans.
        dates: Names of the columns of ISO dates.
        categories: Names of the columns of text with few distinct values.
        notes: One sentence for each column that was dropped or converted, with the reason.
    """

    numbers: tuple[str, ...]
    dates: tuple[str, ...]
    categories: tuple[str, ...]
    notes: tuple[str, ...]


def classify_columns(table: pd.DataFrame) -> Columns:
    """Return the role of every column.

    Constant and empty columns, identifiers and free text are dropped, with a note on each.

    Raises:
        DataError: If a column holds infinite values, or all columns are dropped.

    Example:
        >>> table = pd.DataFrame({"id": [1, 2, 3], "size": [0.5, 0.1, 0.2], "colour": ["red", "blue", "red"]})
        >>> columns = classify_columns(table)
        >>> columns.numbers, columns.categories, columns.notes
        (('size',), ('colour',), ("column 'id' is dropped: it identifies the rows.",))
    """
    _require_finite(table)
    roles = {name: _role_of(name, table[name]) for name in table.columns}
    columns = Columns(
        numbers=_columns_of_role("number", roles),
        dates=_columns_of_role("date", roles),
        categories=_columns_of_role("category", roles),
        notes=tuple(f"column {name!r} {note}." for name, (_, note) in roles.items() if note),
    )
    if not (columns.numbers or columns.dates or columns.categories):
        reasons = " ".join(columns.notes) or "the target is the only column."
        raise DataError(f"no feature column is left: {reasons}", hint="at least one must hold numbers or categories.")
    return columns


def to_features(table: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Return the feature columns: numbers as floats, dates as days since 1970, categories as strings."""
    features: dict[str, Series] = {}
    for name in columns.numbers:
        features[name] = table[name].astype(float)
    for name in columns.dates:
        times = pd.to_datetime(table[name], format="ISO8601", utc=True)
        features[name] = (times - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)
    for name in columns.categories:
        text = table[name].astype(object)
        features[name] = text.where(text.notna(), MISSING_CATEGORY).map(str).astype(object)
    return pd.DataFrame(features)


def _columns_of_role(role: ColumnRole, roles: dict[str, tuple[ColumnRole, str | None]]) -> tuple[str, ...]:
    return tuple(name for name, (role_of_column, _) in roles.items() if role_of_column == role)


def _role_of(name: str, column: Series) -> tuple[ColumnRole, str | None]:
    values = column.dropna()
    distinct = values.nunique()
    if distinct == 0:
        return "dropped", "is dropped: it is empty"
    if column.nunique(dropna=False) == 1:
        return "dropped", f"is dropped: all its values are {values.iloc[0]}"
    if pd.api.types.is_numeric_dtype(column):  # booleans too
        return (
            ("dropped", "is dropped: it identifies the rows") if _is_row_identifier(name, column) else ("number", None)
        )
    return _role_of_text(values.map(str), distinct, rows=len(column))


def _role_of_text(values: Series, distinct: int, *, rows: int) -> tuple[ColumnRole, str | None]:
    if values.str.fullmatch(ISO_DATE).all() and _parse_as_dates(values):
        return "date", "holds dates, which are read as days since 1970"
    if distinct > max(ALWAYS_CATEGORIES_UP_TO, rows / 2):
        return "dropped", f"is dropped: {distinct} distinct texts in {rows} rows are names or free text, not categories"
    return "category", None


def _parse_as_dates(values: Series) -> bool:
    return bool(pd.to_datetime(values, format="ISO8601", utc=True, errors="coerce").notna().all())


def _is_row_identifier(name: str, column: Series) -> bool:
    """Return whether a column identifies rows: distinct whole numbers that count up or are named like an identifier."""
    if not pd.api.types.is_integer_dtype(column) or column.nunique() < len(column):
        return False
    steps = np.diff(column.to_numpy())
    return bool((steps == 1).all()) or ID_COLUMN_NAME.fullmatch(name.strip()) is not None


def _require_finite(table: pd.DataFrame) -> None:
    infinite = {name: int(np.isinf(table[name]).sum()) for name in table.select_dtypes("number").columns}
    faults = [f"column {name!r} holds {count} infinite values" for name, count in infinite.items() if count]
    if faults:
        raise DataError("; ".join(faults) + ".", hint="leave the field empty where a value is missing.")
