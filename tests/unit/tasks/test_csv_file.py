import numpy as np
import pytest

from surefoot.core.errors import DataError
from surefoot.tasks.csv_file import read_csv


def written(folder, content, name="data.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_found_whatever_the_fields_hold(tmp_path, delimiter):
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


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_names(tmp_path):
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
def test_marks_of_missing_values_are_known(tmp_path, mark):
    assert np.isnan(read_csv(written(tmp_path, f"a,b\n1,2\n{mark},4\n"))["a"].iloc[1])


UNFIT = {
    "empty": ("", ["the file is empty", "names of the columns"]),
    "blank": (" \n\n", ["the file is empty"]),
    "header only": ("size,colour\n", ["column names (size, colour) but no rows"]),
    "latin-1": ("größe,b\n1,2\n".encode("latin-1"), ["not UTF-8", "byte 0xf6 at position 2", "iconv"]),
    "utf-16": ("a,b\n1,2\n".encode("utf-16"), ["not UTF-8", "0xff"]),
    "binary": (b"PK\0\0abc,d\n", ["NUL bytes", "export"]),
    "a name twice": ("a,b,a\n1,2,3\n", ["column a comes more than once"]),
    "too many fields": ("a,b\n1,2,3\n", ["names 2 columns", "has 3 fields", "quote"]),
    "too many fields far below": (
        "a,b\n" + "1,2\n" * 100 + "1,2,3\n",
        ["do not fit together", "Expected 2 fields in line 102"],
    ),
    "open quote": ('a,b\n"1,2\n3,4\n', ["do not fit together", "inside string"]),
}


@pytest.mark.parametrize(("content", "told"), UNFIT.values(), ids=UNFIT.keys())
def test_unfit_files_are_told_with_a_hint(tmp_path, content, told):
    path = written(tmp_path, content)
    with pytest.raises(DataError) as caught:
        read_csv(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "Hint: " in message
    assert "\n" not in message
    for words in told:
        assert words in message


def test_a_missing_file_names_those_that_are_there(tmp_path):
    written(tmp_path, "a\n1\n", name="wine.csv")
    with pytest.raises(DataError, match=r"vine.csv: there is no such file. Hint: CSV files there: wine.csv"):
        read_csv(tmp_path / "vine.csv")


def test_a_missing_folder_is_a_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"there is no such file. Hint: check the path"):
        read_csv(tmp_path / "nowhere" / "a.csv")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(DataError, match=r"is a folder. Hint: give one CSV file"):
        read_csv(tmp_path)
