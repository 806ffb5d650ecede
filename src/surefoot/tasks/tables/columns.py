"""What each column of a table is good for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from surefoot.core.errors import DataError

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
