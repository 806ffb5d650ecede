"""The column that is to be predicted: classes or a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from surefoot.core.errors import DataError, nearest

Kind: TypeAlias = Literal["auto", "classification", "regression"]
Series: TypeAlias = "pd.Series[Any]"

KINDS: tuple[Kind, ...] = ("auto", "classification", "regression")
MOST_CLASSES = 20
ROWS_PER_CLASS = 5
SHOWN = 5


@dataclass(frozen=True, slots=True, eq=False)
class Classes:
    """A target of classes.

    Attributes:
        names: The classes, sorted.
        codes: Place of each row's class among them, int64, shape [rows].
    """

    names: tuple[str, ...]
    codes: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """A target of numbers: ``values`` in float64, shape [rows]."""

    values: NDArray[np.float64]


def target_column(table: pd.DataFrame, name: str | None) -> Series:
    """Return the target's column.

    Raises:
        DataError: If no name is given or there is no such column, with the columns there are.
    """
    columns = ", ".join(table.columns)
    if name is None:
        raise DataError(
            "a CSV file needs the name of the column to predict.", hint=f"--target NAME, one of: {columns}."
        )
    if name not in table.columns:
        alike = nearest(name, table.columns)
        raise DataError(f"there is no column {name!r}.", hint=f"{alike or 'check the spelling;'} Columns: {columns}.")
    return table[name]


def read_target(column: Series, *, kind: Kind = "auto", fewest: int = 2) -> Classes | Numbers:
    """Return the target as classes or numbers.

    Found from the column when ``kind`` is ``auto``: text, truth values and few distinct whole numbers (at most 20,
    and 5 rows for each) are classes, all other numbers are numbers.

    Args:
        column: The target.
        kind: ``auto``, ``classification`` or ``regression``.
        fewest: Rows that every class needs.

    Raises:
        DataError: If values are missing or infinite, text is to be numbers, there is one class or value only, or a
            class has fewer rows than ``fewest``.

    Example:
        >>> read_target(pd.Series(["no", "yes", "no", "yes"])).codes
        array([0, 1, 0, 1])
        >>> read_target(pd.Series([0.5, 1.5])).values
        array([0.5, 1.5])
    """
    _require_values(column)
    if kind == "classification" or (kind == "auto" and _looks_like_classes(column)):
        return _classes(column, fewest)
    return _numbers(column)


def _require_values(column: Series) -> None:
    missing = np.flatnonzero(column.isna())
    if len(missing):
        places = ", ".join(str(row + 1) for row in missing[:SHOWN]) + (", …" if len(missing) > SHOWN else "")
        raise DataError(
            f"target {column.name!r} is missing in {len(missing)} of {len(column)} rows (data rows {places}).",
            hint="fill it in or drop these rows; a target is never guessed.",
        )
    if pd.api.types.is_float_dtype(column) and not np.isfinite(column).all():
        count = int((~np.isfinite(column)).sum())
        raise DataError(f"target {column.name!r} holds {count} infinite values.", hint="drop these rows.")


def _looks_like_classes(column: Series) -> bool:
    if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
        return True
    distinct = column.nunique()
    return bool((column % 1 == 0).all()) and distinct <= min(MOST_CLASSES, len(column) / ROWS_PER_CLASS)


def _classes(column: Series, fewest: int) -> Classes:
    labels, codes = np.unique(_plain(column), return_inverse=True)
    names = tuple(map(str, labels))
    if len(names) < 2:
        raise DataError(f"target {column.name!r} has one class only: {names[0]}.", hint="two or more are needed.")
    small = {names[code]: int(count) for code, count in enumerate(np.bincount(codes)) if count < fewest}
    if small:
        shown = ", ".join(f"{name} ({count})" for name, count in list(small.items())[:SHOWN])
        more = f" and {len(small) - SHOWN} more" if len(small) > SHOWN else ""
        numeric = pd.api.types.is_numeric_dtype(column)
        raise DataError(
            f"target {column.name!r}: every class needs at least {fewest} rows to be split; too few have "
            f"{shown}{more}.",
            hint="merge or drop them" + (", or read the numbers as they are: --kind regression." if numeric else "."),
        )
    return Classes(names, codes.astype(np.int64))


def _plain(column: Series) -> NDArray[Any]:
    """Return the labels as what they are written as: whole numbers without a point, all else that is no number text."""
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return column.map(str).to_numpy(dtype=str)
    whole = bool((column % 1 == 0).all())
    return column.to_numpy(dtype=np.int64 if whole else np.float64)


def _numbers(column: Series) -> Numbers:
    if not pd.api.types.is_numeric_dtype(column):
        example = column.iloc[0]
        raise DataError(
            f"target {column.name!r} holds text, such as {example!r}; regression needs numbers.",
            hint="--kind classification reads it as classes.",
        )
    values = column.to_numpy(dtype=np.float64)
    if np.ptp(values) == 0:
        raise DataError(f"target {column.name!r} is always {values[0]:g}.", hint="there is nothing to learn.")
    return Numbers(values)
