import numpy as np
import pandas as pd
import pytest

from surefoot.core.errors import DataError
from surefoot.tasks.csv_file import as_features, sort_columns

ROWS = 40
LUCK = np.random.default_rng(0)  # drawn from at import only, always in the same order
SIZES = LUCK.normal(size=ROWS)


def roles(**columns):
    return sort_columns(pd.DataFrame({"size": SIZES} | columns))


def dates(start="2024-01-01"):
    return pd.date_range(start, periods=ROWS).strftime("%Y-%m-%d")


@pytest.mark.parametrize(
    "column",
    [
        LUCK.normal(size=ROWS),
        LUCK.integers(0, 5, ROWS),
        np.arange(ROWS) % 2 == 0,
        LUCK.permutation(ROWS) * 3,  # all distinct, yet it numbers nothing
        np.arange(ROWS) * 0.5,
        [np.nan, *LUCK.normal(size=ROWS - 1)],
        [np.nan] + [1.0] * (ROWS - 1),  # that it is missing says something
    ],
)
def test_numbers(column):
    assert roles(other=column).numbers == ("size", "other")
    assert roles(other=column).notes == ()


@pytest.mark.parametrize(
    "column",
    [["red", "blue"] * 20, [None, "red", "blue", "blue"] * 10, ["1990-01-01", "unknown"] * 20, list("abcdefghij") * 4],
)
def test_categories(column):
    assert roles(other=column).categories == ("other",)


@pytest.mark.parametrize(
    "column",
    [dates(), [f"{day}T12:30:00Z" for day in dates()], [f"{day} 12:30" for day in dates()], [None, *dates()[1:]]],
)
def test_dates(column):
    columns = roles(when=column)
    assert columns.dates == ("when",)
    assert columns.notes == ("column 'when' holds dates: they are read as days since 1970.",)


@pytest.mark.parametrize(
    ("name", "column", "why"),
    [
        ("other", [3.5] * ROWS, "it is always 3.5"),
        ("other", ["x"] * ROWS, "it is always x"),
        ("other", [np.nan] * ROWS, "it is empty"),
        ("other", np.arange(ROWS), "it numbers the rows"),
        ("Unnamed: 0", np.arange(1, ROWS + 1), "it numbers the rows"),
        ("patient_id", LUCK.permutation(ROWS), "it numbers the rows"),
        ("ID", LUCK.permutation(ROWS), "it numbers the rows"),
        ("other", [f"Mr {i}" for i in range(ROWS)], "40 distinct texts in 40 rows"),
        ("other", ["2024-13-01", *dates()[1:]], "40 distinct texts in 40 rows"),
    ],
)
def test_columns_that_teach_nothing_are_dropped_with_a_note(name, column, why):
    columns = roles(**{name: column})
    assert columns.numbers == ("size",)
    assert columns.categories == columns.dates == ()
    (note,) = columns.notes
    assert repr(name) in note
    assert why in note


def test_a_number_with_an_identifiers_name_that_repeats_is_kept():
    assert roles(shop_id=np.arange(ROWS) % 7).numbers == ("size", "shop_id")


def test_features_are_floats_and_strings():
    table = pd.DataFrame(
        {"n": [True, False, True], "d": ["1970-01-02", None, "1970-01-01T12:00:00"], "c": ["a", None, "b"]}
    )
    columns = sort_columns(table)
    features = as_features(table, columns)
    assert features["n"].tolist() == [1.0, 0.0, 1.0]
    assert features["d"].tolist() == pytest.approx([1.0, np.nan, 0.5], nan_ok=True)
    assert features["c"].tolist() == ["a", "(missing)", "b"]


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"a": [1.0, np.inf], "b": [-np.inf, np.inf]}, ["'a' holds 1 infinite", "'b' holds 2 infinite", "Hint: "]),
        ({}, ["the target is the only column", "Hint: "]),
        ({"id": [1, 2], "a": [3, 3]}, ["no column is left", "it numbers the rows", "it is always 3", "Hint: "]),
    ],
)
def test_unfit_tables_are_told(table, told):
    with pytest.raises(DataError) as caught:
        sort_columns(pd.DataFrame(table))
    for words in told:
        assert words in str(caught.value)
