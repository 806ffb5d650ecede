"""Make a Task of a table: read the target as classes or numbers, preprocess the features, and choose an MLP."""

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

from surefoot.core.errors import DataError, did_you_mean
from surefoot.tasks.csv_file import Columns, classify_columns, to_features
from surefoot.tasks.models_and_metrics import accuracy, explained_variance, mlp
from surefoot.tasks.split_rows import RowSplit, split_rows
from surefoot.tasks.task import Task

TargetKind: TypeAlias = Literal["auto", "classification", "regression"]
Series: TypeAlias = "pd.Series[Any]"

TARGET_KINDS: tuple[TargetKind, ...] = ("auto", "classification", "regression")
# A target of whole numbers is detected as classes if it has at most this number of distinct values, and at least this
# number of rows for each of them on average; chosen.
MAX_DETECTED_CLASSES = 20
MIN_ROWS_PER_DETECTED_CLASS = 5
# Maximum number of rows or classes that a message lists.
MAX_EXAMPLES = 5


@dataclass(frozen=True, slots=True, eq=False)
class ClassTarget:
    """A target that is a class.

    Attributes:
        names: Names of the classes, sorted.
        codes: Index of each row's class in ``names``, int64, shape [rows].
    """

    names: tuple[str, ...]
    codes: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class NumericTarget:
    """A target that is a number.

    Attributes:
        values: Value of each row, float64, shape [rows].
    """

    values: NDArray[np.float64]


def target_column(table: pd.DataFrame, name: str | None) -> Series:
    """Return the column to predict.

    Raises:
        DataError: If no name is given or there is no such column; the message lists the columns.
    """
    columns = ", ".join(table.columns)
    if name is None:
        raise DataError(
            "a CSV file needs the name of the column to predict.", hint=f"give --target NAME, one of: {columns}."
        )
    if name not in table.columns:
        alike = did_you_mean(name, table.columns)
        raise DataError(f"there is no column {name!r}.", hint=f"{alike or 'check the spelling;'} Columns: {columns}.")
    return table[name]


def read_target(column: Series, *, kind: TargetKind = "auto", min_rows: int = 2) -> ClassTarget | NumericTarget:
    """Return the target as classes or numbers.

    With ``auto``, text, booleans and few distinct whole numbers (at most 20, with 5 rows each on average) are read as
    classes, and all other numbers as numbers.

    Args:
        column: The target.
        kind: ``auto``, ``classification`` or ``regression``.
        min_rows: Minimum number of rows of every class.

    Raises:
        DataError: If values are missing or infinite, text is given for a regression, there is only one class or value,
            or a class has fewer than ``min_rows`` rows.

    Example:
        >>> read_target(pd.Series(["no", "yes", "no", "yes"])).codes
        array([0, 1, 0, 1])
        >>> read_target(pd.Series([0.5, 1.5])).values
        array([0.5, 1.5])
    """
    _require_values(column)
    if kind == "classification" or (kind == "auto" and _looks_like_classes(column)):
        return _class_target(column, min_rows)
    return _numeric_target(column)


def _require_values(column: Series) -> None:
    missing = np.flatnonzero(column.isna())
    if len(missing):
        rows = ", ".join(str(row + 1) for row in missing[:MAX_EXAMPLES]) + (
            ", …" if len(missing) > MAX_EXAMPLES else ""
        )
        raise DataError(
            f"target {column.name!r} is missing in {len(missing)} of {len(column)} rows (data rows {rows}).",
            hint="fill in the values or drop these rows; a missing target is never imputed.",
        )
    if pd.api.types.is_float_dtype(column) and not np.isfinite(column).all():
        count = int((~np.isfinite(column)).sum())
        raise DataError(f"target {column.name!r} holds {count} infinite values.", hint="drop these rows.")


def _looks_like_classes(column: Series) -> bool:
    if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
        return True
    distinct = column.nunique()
    return bool((column % 1 == 0).all()) and distinct <= min(
        MAX_DETECTED_CLASSES, len(column) / MIN_ROWS_PER_DETECTED_CLASS
    )


def _class_target(column: Series, min_rows: int) -> ClassTarget:
    labels, codes = np.unique(_labels(column), return_inverse=True)
    names = tuple(map(str, labels))
    if len(names) < 2:
        raise DataError(f"target {column.name!r} has only one class: {names[0]}.", hint="at least two are needed.")
    small = {names[code]: int(count) for code, count in enumerate(np.bincount(codes)) if count < min_rows}
    if small:
        shown = ", ".join(f"{name} ({count})" for name, count in list(small.items())[:MAX_EXAMPLES])
        more = f" and {len(small) - MAX_EXAMPLES} more" if len(small) > MAX_EXAMPLES else ""
        numeric = pd.api.types.is_numeric_dtype(column)
        raise DataError(
            f"target {column.name!r}: every class needs at least {min_rows} rows to be split; these have "
            f"fewer: {shown}{more}.",
            hint="merge or drop them" + (", or read the target as a number: --kind regression." if numeric else "."),
        )
    return ClassTarget(names, codes.astype(np.int64))


def _labels(column: Series) -> NDArray[Any]:
    """Return the labels as integers where all are whole numbers, as floats for other numbers, and otherwise as text."""
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return column.map(str).to_numpy(dtype=str)
    whole = bool((column % 1 == 0).all())
    return column.to_numpy(dtype=np.int64 if whole else np.float64)


def _numeric_target(column: Series) -> NumericTarget:
    if not pd.api.types.is_numeric_dtype(column):
        example = column.iloc[0]
        raise DataError(
            f"target {column.name!r} holds text, such as {example!r}; regression needs numbers.",
            hint="read it as classes: --kind classification.",
        )
    values = column.to_numpy(dtype=np.float64)
    if np.ptp(values) == 0:
        raise DataError(f"target {column.name!r} has only one value: {values[0]:g}.", hint="there is nothing to learn.")
    return NumericTarget(values)


# Minimum number of rows of a table; chosen: with 10, two are for validation.
MIN_ROWS = 10
# Minimum number of rows of each class, without and with test data: enough to split them once, and twice.
MIN_ROWS_OF_CLASS = (2, 5)
# Share of validation rows among those that are not test rows; chosen, as is usual.
VALID_SHARE = 0.2
# Maximum share of test rows; chosen.
MAX_TEST_SHARE = 0.5
# Maximum number of categories of a column, and the share of the rows below which a category is rare; chosen. Those
# beyond the maximum and rare ones become one.
MAX_CATEGORIES = 32
RARE_CATEGORY_SHARE = 0.01
# Length of a training in epochs, and its bounds in steps; chosen.
DEFAULT_EPOCHS = 20
STEP_BOUNDS = (200, 2_000)
# Batch sizes as (maximum number of training rows, batch size), and the batch size for more rows; chosen.
BATCH_SIZES = ((1_000, 32), (10_000, 64), (100_000, 128))
LARGEST_BATCH_SIZE = 256
# Maximum absolute value of a column: the sum of squares of larger ones is not finite, so they cannot be standardised.
MAX_STANDARDISABLE_VALUE = 1e150


def tabular_task(
    table: pd.DataFrame,
    *,
    target: str | None,
    name: str = "table",
    kind: TargetKind = "auto",
    test_share: float = 0.0,
    split_seed: int = 0,
) -> Task:
    """Return the task of predicting one column of a table from the others.

    Numbers, booleans and ISO dates are standardised; a missing value becomes the median, with an indicator column.
    Categories are one-hot encoded; missing values are a category, and categories rarer than 1 % of the rows or beyond
    the 32 most frequent are merged into one. Constant columns, identifiers and free text are dropped, with a sentence
    in ``Task.notes``. All preprocessing is fitted on the training rows only.

    What ``test_share`` leaves is split 80/20 into training and validation rows. For classes the split is stratified,
    the loss is the cross-entropy and the metric the accuracy. A target of numbers is standardised, the loss is the mean
    squared error and the metric the explained variance (R²).

    Args:
        table: The table, with one sample in each row.
        target: Name of the column to predict.
        name: Name of the task in reports.
        kind: Type of the target; ``auto`` detects it.
        test_share: Share of the rows that become test data, from 0 to 0.5.
        split_seed: Seed of the split.

    Raises:
        DataError: If the table is too small, or its target or its columns cannot be used.

    Example:
        >>> table = pd.DataFrame({"x": np.arange(40) % 7, "y": ["a", "b"] * 20})
        >>> task = tabular_task(table, target="y")
        >>> len(task.train), len(task.valid), task.batch_size
        (32, 8, 32)
    """
    _require_options(kind, test_share, split_seed)
    column = target_column(table, target)
    target_values = read_target(column, kind=kind, min_rows=MIN_ROWS_OF_CLASS[test_share > 0])
    columns = classify_columns(table.drop(columns=[column.name]))
    codes = target_values.codes if isinstance(target_values, ClassTarget) else None
    _require_rows(len(table), 0 if codes is None else int(codes.max()) + 1, test_share)
    parts = split_rows(len(table), valid=VALID_SHARE, test=test_share, seed=split_seed, classes=codes)
    if isinstance(target_values, NumericTarget):
        _require_scale(column.name, target_values.values)
    x = _preprocess(to_features(table, columns), columns, parts)
    return _task(name, x, target_values, parts, notes=(_target_note(column.name, target_values), *columns.notes))


def _task(
    name: str, x: Tensor, target_values: ClassTarget | NumericTarget, parts: RowSplit, *, notes: tuple[str, ...]
) -> Task:
    y = (
        torch.from_numpy(target_values.codes)
        if isinstance(target_values, ClassTarget)
        else _standardised(target_values, parts)
    )
    outputs = len(target_values.names) if isinstance(target_values, ClassTarget) else 1
    rows = len(parts.train)
    batch_size = min(rows, next((size for max_rows, size in BATCH_SIZES if rows <= max_rows), LARGEST_BATCH_SIZE))
    width = _hidden_width(x.shape[1])
    return Task(
        name=name,
        model=partial(mlp, (x.shape[1], width, width, outputs)),
        loss=cross_entropy if isinstance(target_values, ClassTarget) else mse_loss,
        train=(x[parts.train], y[parts.train]),
        valid=(x[parts.valid], y[parts.valid]),
        test=(x[parts.test], y[parts.test]) if len(parts.test) else None,
        batch_size=batch_size,
        steps=int(np.clip(DEFAULT_EPOCHS * rows // batch_size, *STEP_BOUNDS)),
        metric=accuracy if isinstance(target_values, ClassTarget) else explained_variance,
        notes=notes,
    )


def _preprocess(features: pd.DataFrame, columns: Columns, parts: RowSplit) -> Tensor:
    """Return the features of all rows, preprocessed as fitted on the training rows, float32, shape [rows, columns]."""
    numbers = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), StandardScaler()
    )
    categories = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        max_categories=MAX_CATEGORIES,
        min_frequency=RARE_CATEGORY_SHARE,
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
    """Check that a column can be standardised, which needs finite squares.

    Raises:
        DataError: If its values are too large.
    """
    largest = float(np.nanmax(np.abs(values), initial=0.0))
    if largest > MAX_STANDARDISABLE_VALUE:
        raise DataError(
            f"column {name!r} holds values as large as {largest:.3g}, which cannot be standardised.",
            hint=f"values up to {MAX_STANDARDISABLE_VALUE:.0e} are allowed: divide the column, or take the logarithm.",
        )


def _standardised(target_values: NumericTarget, parts: RowSplit) -> Tensor:
    values = target_values.values[:, None]
    scaled = StandardScaler().fit(values[parts.train]).transform(values)
    return torch.from_numpy(np.asarray(scaled, dtype=np.float32))


def _hidden_width(inputs: int) -> int:
    """Return the width of the hidden layers: 64 up to 64 inputs, 128 up to 256, else 256."""
    return 64 if inputs <= 64 else 128 if inputs <= 256 else 256


def _target_note(name: Any, target_values: ClassTarget | NumericTarget) -> str:
    if isinstance(target_values, ClassTarget):
        shown = ", ".join(target_values.names[:MAX_EXAMPLES]) + (
            ", …" if len(target_values.names) > MAX_EXAMPLES else ""
        )
        return f"target {name!r} is read as {len(target_values.names)} classes: {shown}."
    return f"target {name!r} is read as a number and standardised."


def _require_options(kind: str, test_share: float, split_seed: int) -> None:
    faults = []
    if kind not in TARGET_KINDS:
        faults.append(f"kind must be one of {', '.join(TARGET_KINDS)}; given {kind!r}")
    if not 0 <= test_share <= MAX_TEST_SHARE:
        faults.append(f"the test share must be from 0 to {MAX_TEST_SHARE}; given {test_share!r}")
    if split_seed < 0:
        faults.append(f"the split seed must be at least 0; given {split_seed!r}")
    if faults:
        raise DataError("; ".join(faults) + ".")


def _require_rows(rows: int, classes: int, test_share: float) -> None:
    """Raise an error if a part of the split would be too small to hold every class."""
    smallest_share = min((1 - test_share) * VALID_SHARE, test_share or 1)
    needed = max(MIN_ROWS, int(np.ceil(classes / smallest_share)))
    if rows < needed:
        in_classes = f" in {classes} classes" if classes else ""
        raise DataError(
            f"{rows} rows{in_classes} are too few to split; at least {needed} are needed.", hint="collect more data."
        )
