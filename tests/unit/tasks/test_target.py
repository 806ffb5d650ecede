import numpy as np
import pandas as pd
import pytest

from surefoot.core.errors import DataError
from surefoot.tasks.tabular_task import Classes, Numbers, read_target, target_column

COLUMN = "price"


def column(values):
    return pd.Series(values, name=COLUMN)


@pytest.mark.parametrize(
    ("values", "names", "codes"),
    [
        (["no", "yes", "no", "yes"], ("no", "yes"), [0, 1, 0, 1]),
        ([True, False, True, False], ("False", "True"), [1, 0, 1, 0]),
        ([10, 2] * 5, ("2", "10"), [1, 0] * 5),
        ([3.0, 1.0] * 5, ("1", "3"), [1, 0] * 5),
        (["10", "9", "b"] * 2, ("10", "9", "b"), [0, 1, 2] * 2),
    ],
)
def test_classes_are_found_and_sorted(values, names, codes):
    target = read_target(column(values))
    assert isinstance(target, Classes)
    assert target.names == names
    assert target.codes.tolist() == codes
    assert target.codes.dtype == np.int64


@pytest.mark.parametrize(
    "values",
    [
        [0.5, 1.5] * 20,
        list(range(21)) * 10,  # more than 20 distinct
        [1, 2, 3],  # fewer than 5 rows for each
    ],
)
def test_numbers_are_found(values):
    target = read_target(column(values))
    assert isinstance(target, Numbers)
    assert target.values.tolist() == [float(value) for value in values]


def test_twenty_whole_numbers_of_five_rows_are_classes():
    assert len(read_target(column(list(range(20)) * 5)).names) == 20


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, 2] * 5, "regression", Numbers),
        ([0.5, 1.5] * 5, "classification", Classes),
        ([True, False], "regression", Numbers),
    ],
)
def test_the_kind_can_be_said(values, kind, expected):
    values = values * 3
    assert isinstance(read_target(column(values), kind=kind), expected)


@pytest.mark.parametrize(
    ("values", "options", "told"),
    [
        ([1.0, np.nan, 2.0, np.nan], {}, ["missing in 2 of 4 rows (data rows 2, 4)", "never guessed"]),
        (["a", None] * 10, {}, ["missing in 10 of 20 rows (data rows 2, 4, 6, 8, 10, …)"]),
        ([1.5, np.inf, -np.inf], {}, ["holds 2 infinite values", "drop"]),
        (["a"] * 5, {}, ["one class only: a", "two or more"]),
        ([1] * 5, {}, ["one class only: 1"]),
        (["a", "a", "b"], {}, ["at least 2 rows", "b (1)", "merge or drop"]),
        (["a"] * 5 + ["b"] * 4, {"fewest": 5}, ["at least 5 rows", "b (4)"]),
        ([0.5, 1.5], {"kind": "classification"}, ["0.5 (1), 1.5 (1)", "--kind regression"]),
        (list("abcdefgh"), {}, ["a (1), b (1), c (1), d (1), e (1) and 3 more"]),
        (["1", "many"], {"kind": "regression"}, ["holds text, such as '1'", "--kind classification"]),
        ([2.5] * 5, {"kind": "regression"}, ["is always 2.5", "nothing to learn"]),
    ],
)
def test_unfit_targets_are_told_with_a_hint(values, options, told):
    with pytest.raises(DataError) as caught:
        read_target(column(values), **options)
    message = str(caught.value)
    assert message.startswith("target 'price'")
    assert "Hint: " in message
    for words in told:
        assert words in message


def test_the_targets_column_is_found():
    assert target_column(pd.DataFrame({"a": [1], "b": [2]}), "b").tolist() == [2]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (None, ["needs the name of the column to predict", "--target NAME, one of: size, price"]),
        ("prise", ["there is no column 'prise'", "did you mean price?", "Columns: size, price"]),
        ("xyzzy", ["there is no column 'xyzzy'", "Columns: size, price"]),
    ],
)
def test_a_missing_name_is_answered_with_the_columns(name, told):
    with pytest.raises(DataError) as caught:
        target_column(pd.DataFrame({"size": [1], "price": [2]}), name)
    for words in told:
        assert words in str(caught.value)
