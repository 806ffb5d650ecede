"""The column that is to be predicted: classes or a number.

A table -> a Task: preprocessing that knows the training rows only, and an MLP.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss

from surefoot.core.errors import DataError, nearest
from surefoot.tasks.csv_file import Columns, as_features, sort_columns
from surefoot.tasks.holdout import Parts, hold_out
from surefoot.tasks.models_and_metrics import accuracy, explained_variance, mlp
from surefoot.tasks.task import Task

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


FEWEST_ROWS = 10
FEWEST_OF_CLASS = (2, 5)  # without and with test data: enough to be split once, and twice
VALID_SHARE = 0.2
MOST_TEST_SHARE = 0.5
MOST_CATEGORIES = 32
RARE_SHARE = 0.01
EPOCHS = 20
STEPS = (200, 2_000)
BATCH_SIZES = ((1_000, 32), (10_000, 64), (100_000, 128))
LARGE_BATCH = 256
# Larger values cannot be standardised: their squares, summed over the rows, are not finite.
LARGEST = 1e150


def tabular_task(
    table: pd.DataFrame,
    *,
    target: str | None,
    name: str = "table",
    kind: Kind = "auto",
    test_share: float = 0.0,
    split_seed: int = 0,
) -> Task:
    """Return the task of predicting one column of a table from the others.

    Numbers, truth values and ISO dates: missing ones become the median, with an indicator column; standardised.
    Categories: one column each, missing values a category of their own, those rarer than 1 % or beyond the 32 most
    frequent together in one. Constant columns, row numbers and free text are dropped; ``Task.notes`` says so. All of
    it is fitted on the training rows alone.

    Classes are split stratified, 80/20 of what ``test_share`` leaves, and scored by cross-entropy and accuracy. A
    target of numbers is standardised and scored by mean squared error and explained variance (R²).

    Args:
        table: One row a sample.
        target: Name of the column to predict.
        name: What reports call the task.
        kind: Classes or numbers; ``auto`` finds out from the target.
        test_share: Share of the rows set aside as test data, from 0 to 0.5.
        split_seed: The luck of the split.

    Raises:
        DataError: If the table is too small, or target or columns are unfit.

    Example:
        >>> table = pd.DataFrame({"x": np.arange(40) % 7, "y": ["a", "b"] * 20})
        >>> task = tabular_task(table, target="y")
        >>> len(task.train), len(task.valid), task.batch_size
        (32, 8, 32)
    """
    _require_options(kind, test_share, split_seed)
    column = target_column(table, target)
    answers = read_target(column, kind=kind, fewest=FEWEST_OF_CLASS[test_share > 0])
    columns = sort_columns(table.drop(columns=[column.name]))
    codes = answers.codes if isinstance(answers, Classes) else None
    _require_rows(len(table), 0 if codes is None else int(codes.max()) + 1, test_share)
    parts = hold_out(len(table), valid=VALID_SHARE, test=test_share, seed=split_seed, classes=codes)
    if isinstance(answers, Numbers):
        _require_scale(column.name, answers.values)
    x = _features(as_features(table, columns), columns, parts)
    return _task(name, x, answers, parts, notes=(_target_note(column.name, answers), *columns.notes))


def _task(name: str, x: Tensor, answers: Classes | Numbers, parts: Parts, *, notes: tuple[str, ...]) -> Task:
    y = torch.from_numpy(answers.codes) if isinstance(answers, Classes) else _standardised(answers, parts)
    outputs = len(answers.names) if isinstance(answers, Classes) else 1
    rows = len(parts.train)
    batch_size = min(rows, next((size for most, size in BATCH_SIZES if rows <= most), LARGE_BATCH))
    width = _width(x.shape[1])
    return Task(
        name=name,
        model=partial(mlp, (x.shape[1], width, width, outputs)),
        loss=cross_entropy if isinstance(answers, Classes) else mse_loss,
        train=(x[parts.train], y[parts.train]),
        valid=(x[parts.valid], y[parts.valid]),
        test=(x[parts.test], y[parts.test]) if len(parts.test) else None,
        batch_size=batch_size,
        steps=int(np.clip(EPOCHS * rows // batch_size, *STEPS)),
        metric=accuracy if isinstance(answers, Classes) else explained_variance,
        notes=notes,
    )


def _features(features: pd.DataFrame, columns: Columns, parts: Parts) -> Tensor:
    """Return all rows in float32, shape [rows, columns], by what the training rows teach."""
    numbers = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), StandardScaler()
    )
    categories = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        max_categories=MOST_CATEGORIES,
        min_frequency=RARE_SHARE,
        sparse_output=False,
    )
    preprocess = ColumnTransformer(
        [
            ("numbers", numbers, [*columns.numbers, *columns.dates]),
            ("categories", categories, list(columns.categories)),
        ]
    )
    for name in columns.numbers:
        _require_scale(name, features[name].to_numpy(dtype=np.float64, na_value=np.nan))
    preprocess.fit(features.iloc[parts.train])
    return torch.from_numpy(np.asarray(preprocess.transform(features), dtype=np.float32))


def _require_scale(name: Any, values: NDArray[np.float64]) -> None:
    """Make sure that a column can be standardised: its values have finite squares.

    Raises:
        DataError: If they have not.
    """
    largest = float(np.nanmax(np.abs(values), initial=0.0))
    if largest > LARGEST:
        raise DataError(
            f"column {name!r} holds values as large as {largest:.3g}; they cannot be standardised.",
            hint=f"values up to {LARGEST:.0e} can: divide the column by a constant, or take its logarithm.",
        )


def _standardised(answers: Numbers, parts: Parts) -> Tensor:
    values = answers.values[:, None]
    scaled = StandardScaler().fit(values[parts.train]).transform(values)
    return torch.from_numpy(np.asarray(scaled, dtype=np.float32))


def _width(inputs: int) -> int:
    """Return the width of the hidden layers: 64 up to 64 inputs, 128 up to 256, else 256."""
    return 64 if inputs <= 64 else 128 if inputs <= 256 else 256


def _target_note(name: Any, answers: Classes | Numbers) -> str:
    if isinstance(answers, Classes):
        shown = ", ".join(answers.names[:5]) + (", …" if len(answers.names) > 5 else "")
        return f"target {name!r} is read as {len(answers.names)} classes: {shown}."
    return f"target {name!r} is read as a number, standardised."


def _require_options(kind: str, test_share: float, split_seed: int) -> None:
    faults = []
    if kind not in KINDS:
        faults.append(f"kind must be one of {', '.join(KINDS)}; given {kind!r}")
    if not 0 <= test_share <= MOST_TEST_SHARE:
        faults.append(f"the test share must be from 0 to {MOST_TEST_SHARE}; given {test_share!r}")
    if split_seed < 0:
        faults.append(f"the split seed must be at least 0; given {split_seed!r}")
    if faults:
        raise DataError("; ".join(faults) + ".")


def _require_rows(rows: int, classes: int, test_share: float) -> None:
    """Raise where a part would be too small to hold every class."""
    smallest = min((1 - test_share) * VALID_SHARE, test_share or 1)
    fewest = max(FEWEST_ROWS, int(np.ceil(classes / smallest)))
    if rows < fewest:
        of = f" of {classes} classes" if classes else ""
        raise DataError(
            f"{rows} rows{of} are too few to split; at least {fewest} are needed.", hint="gather more data."
        )
