import numpy as np
import pandas as pd
import pytest

from surefoot.core.errors import DataError
from surefoot.tasks.csv_file import classify_columns, read_csv, to_features


def written(folder, content, name="data.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_detected(tmp_path, delimiter):
    rows = [["size", "colour", "note"], ["1.5", "red", '"a, b; c"'], ["2", "blue", '"tab\there"']]
    table = read_csv(written(tmp_path, "\n".join(delimiter.join(row) for row in rows)))
    assert list(table.columns) == ["size", "colour", "note"]
    assert table["size"].tolist() == [1.5, 2.0]
    assert table["note"].tolist() == ["a, b; c", "tab\there"]


@pytest.mark.parametrize(
    ("text", "values"),
    [("a;b\n1,5;x\n-2,25;y\n", [1.5, -2.25]), ("a;b\n1.5;x\n-2.25;y\n", [1.5, -2.25]), ("a\tb\n0,5\tx\n", [0.5])],
)
def test_decimal_commas_and_points_are_read(tmp_path, text, values):
    assert read_csv(written(tmp_path, text))["a"].tolist() == values


def test_a_byte_order_mark_and_windows_line_ends_are_removed(tmp_path):
    table = read_csv(written(tmp_path, "\ufeffsize,größe\r\n1,2\r\n"))
    assert list(table.columns) == ["size", "größe"]


def test_blanks_around_names_and_fields_are_dropped(tmp_path):
    table = read_csv(written(tmp_path, "size , colour\n1, red\n2, blue\n"))
    assert list(table.columns) == ["size", "colour"]
    assert table["colour"].tolist() == ["red", "blue"]


def test_blank_lines_are_skipped(tmp_path):
    assert len(read_csv(written(tmp_path, "\n\na,b\n1,2\n\n3,4\n\n"))) == 2


def test_quoted_fields_may_hold_line_breaks(tmp_path):
    table = read_csv(written(tmp_path, 'a,b\n"one\ntwo",1\nthree,2\n'))
    assert table["a"].tolist() == ["one\ntwo", "three"]


@pytest.mark.parametrize("mark", ["", "NA", "NaN", "null", "?", " "])
def test_marks_of_missing_values_are_read_as_nan(tmp_path, mark):
    assert np.isnan(read_csv(written(tmp_path, f"a,b\n1,2\n{mark},4\n"))["a"].iloc[1])


UNREADABLE = {
    "empty": ("", ["the file is empty", "column names"]),
    "blank": (" \n\n", ["the file is empty"]),
    "header only": ("size,colour\n", ["column names (size, colour) but no rows"]),
    "latin-1": ("größe,b\n1,2\n".encode("latin-1"), ["not UTF-8", "byte 0xf6 at position 2", "iconv"]),
    "utf-16": ("a,b\n1,2\n".encode("utf-16"), ["not UTF-8", "0xff"]),
    "binary": (b"PK\0\0abc,d\n", ["NUL bytes", "export"]),
    "a name twice": ("a,b,a\n1,2,3\n", ["several columns are named a"]),
    "too many fields": ("a,b\n1,2,3\n", ["names 2 columns", "has 3 fields", "quote"]),
    "too many fields far below": (
        "a,b\n" + "1,2\n" * 100 + "1,2,3\n",
        ["cannot be read as a table", "Expected 2 fields in line 102"],
    ),
    "open quote": ('a,b\n"1,2\n3,4\n', ["cannot be read as a table", "inside string"]),
}


@pytest.mark.parametrize(("content", "parts"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_unreadable_files_are_rejected_with_a_hint(tmp_path, content, parts):
    path = written(tmp_path, content)
    with pytest.raises(DataError) as caught:
        read_csv(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "Hint: " in message
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_a_missing_file_is_rejected_with_the_files_of_the_folder(tmp_path):
    written(tmp_path, "a\n1\n", name="wine.csv")
    with pytest.raises(DataError, match=r"vine.csv: the file does not exist. Hint: CSV files in that folder: wine.csv"):
        read_csv(tmp_path / "vine.csv")


def test_a_missing_folder_is_rejected_as_a_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"the file does not exist. Hint: check the path"):
        read_csv(tmp_path / "nowhere" / "a.csv")


def test_a_folder_is_rejected(tmp_path):
    with pytest.raises(DataError, match=r"is a folder. Hint: give one CSV file"):
        read_csv(tmp_path)


ROWS = 40
RNG = np.random.default_rng(0)  # drawn from at import only, always in the same order
SIZES = RNG.normal(size=ROWS)


def roles(**columns):
    return classify_columns(pd.DataFrame({"size": SIZES} | columns))


def dates(start="2024-01-01"):
    return pd.date_range(start, periods=ROWS).strftime("%Y-%m-%d")


@pytest.mark.parametrize(
    "column",
    [
        RNG.normal(size=ROWS),
        RNG.integers(0, 5, ROWS),
        np.arange(ROWS) % 2 == 0,
        RNG.permutation(ROWS) * 3,  # distinct, but not an identifier
        np.arange(ROWS) * 0.5,
        [np.nan, *RNG.normal(size=ROWS - 1)],
        [np.nan] + [1.0] * (ROWS - 1),  # whether it is missing is information
    ],
)
def test_numbers_are_read_as_numbers(column):
    assert roles(other=column).numbers == ("size", "other")
    assert roles(other=column).notes == ()


@pytest.mark.parametrize(
    "column",
    [["red", "blue"] * 20, [None, "red", "blue", "blue"] * 10, ["1990-01-01", "unknown"] * 20, list("abcdefghij") * 4],
)
def test_short_text_is_read_as_categories(column):
    assert roles(other=column).categories == ("other",)


@pytest.mark.parametrize(
    "column",
    [dates(), [f"{day}T12:30:00Z" for day in dates()], [f"{day} 12:30" for day in dates()], [None, *dates()[1:]]],
)
def test_dates_are_read_as_dates(column):
    columns = roles(when=column)
    assert columns.dates == ("when",)
    assert columns.notes == ("column 'when' holds dates, which are read as days since 1970.",)


@pytest.mark.parametrize(
    ("name", "column", "why"),
    [
        ("other", [3.5] * ROWS, "all its values are 3.5"),
        ("other", ["x"] * ROWS, "all its values are x"),
        ("other", [np.nan] * ROWS, "it is empty"),
        ("other", np.arange(ROWS), "it identifies the rows"),
        ("Unnamed: 0", np.arange(1, ROWS + 1), "it identifies the rows"),
        ("patient_id", RNG.permutation(ROWS), "it identifies the rows"),
        ("ID", RNG.permutation(ROWS), "it identifies the rows"),
        ("other", [f"Mr {i}" for i in range(ROWS)], "40 distinct texts in 40 rows"),
        ("other", ["2024-13-01", *dates()[1:]], "40 distinct texts in 40 rows"),
    ],
)
def test_columns_without_information_are_dropped_with_a_note(name, column, why):
    columns = roles(**{name: column})
    assert columns.numbers == ("size",)
    assert columns.categories == columns.dates == ()
    (note,) = columns.notes
    assert repr(name) in note
    assert why in note


def test_repeated_numbers_are_kept_whatever_their_name():
    assert roles(shop_id=np.arange(ROWS) % 7).numbers == ("size", "shop_id")


def test_features_are_floats_and_strings():
    table = pd.DataFrame(
        {"n": [True, False, True], "d": ["1970-01-02", None, "1970-01-01T12:00:00"], "c": ["a", None, "b"]}
    )
    columns = classify_columns(table)
    features = to_features(table, columns)
    assert features["n"].tolist() == [1.0, 0.0, 1.0]
    assert features["d"].tolist() == pytest.approx([1.0, np.nan, 0.5], nan_ok=True)
    assert features["c"].tolist() == ["a", "(missing)", "b"]


@pytest.mark.parametrize(
    ("table", "parts"),
    [
        ({"a": [1.0, np.inf], "b": [-np.inf, np.inf]}, ["'a' holds 1 infinite", "'b' holds 2 infinite", "Hint: "]),
        ({}, ["the target is the only column", "Hint: "]),
        (
            {"id": [1, 2], "a": [3, 3]},
            ["no feature column is left", "it identifies the rows", "all its values are 3", "Hint: "],
        ),
    ],
)
def test_tables_without_features_are_rejected(table, parts):
    with pytest.raises(DataError) as caught:
        classify_columns(pd.DataFrame(table))
    for part in parts:
        assert part in str(caught.value)
