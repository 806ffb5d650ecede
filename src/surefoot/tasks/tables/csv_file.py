"""A CSV file on disk -> a table."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from itertools import islice
from pathlib import Path

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
