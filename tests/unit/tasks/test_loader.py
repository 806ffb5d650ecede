import gzip
import struct

import numpy as np
import pandas as pd
import pytest

from surefoot.core.errors import DataError, TaskError
from surefoot.tasks.loader import load_task
from surefoot.tasks.models_and_metrics import accuracy

TASK_FILE = """\
import torch
from torch import nn
from surefoot.tasks.task import Task

x, y = torch.zeros(8, 2), torch.zeros(8, 1)
task = Task("mine", lambda: nn.Linear(2, 1), nn.MSELoss(), (x, y), (x, y), batch_size=4, epochs=2)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(TASK_FILE)
    (tmp_path / "notes.txt").write_text("hello")
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.normal(size=50), "y": ["a", "b"] * 25, "z": [1, 2, 3, 4, 5] * 10})
    table.to_csv(tmp_path / "data.csv", index=False)
    table.to_csv(tmp_path / "data.TSV", index=False, sep="\t")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("text", ["mine.py:task", "mine.py", "mine.py:", "./mine.py:task"])
def test_a_python_file_is_loaded(folder, text):
    assert load_task(text).name == "mine"


def test_the_home_folder_is_expanded(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    assert load_task("~/mine.py:task").name == "mine"


def test_a_drive_letter_is_part_of_the_path(folder):
    (folder / "C:").mkdir()
    (folder / "C:" / "mine.py").write_text(TASK_FILE)
    assert load_task("C:/mine.py:task").name == "mine"
    assert load_task("C:/mine.py").name == "mine"


@pytest.mark.parametrize("text", ["data.csv", "data.TSV"])
def test_a_table_is_loaded(folder, text):
    task = load_task(text, target="y", test_share=0.2)
    assert (task.name, task.metric, len(task.test)) == ("data", accuracy, 10)


def test_the_kind_of_target_can_be_set(folder):
    assert load_task("data.csv", target="z").metric is accuracy
    assert load_task("data.csv", target="z", kind="regression").metric is not accuracy


def test_a_built_in_task_is_loaded():
    assert load_task("wine").name == "wine"


@pytest.mark.parametrize(
    ("options", "batch_size", "steps"),
    [
        ({}, 4, 4),
        ({"steps": 7}, 4, 7),
        ({"epochs": 5}, 4, 10),
        ({"batch_size": 8}, 8, 2),
        ({"batch_size": 2, "epochs": 1}, 2, 4),
    ],
)
def test_length_and_batch_size_can_be_set(folder, options, batch_size, steps):
    task = load_task("mine.py:task", **options)
    assert (task.batch_size, task.total_steps) == (batch_size, steps)


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"steps": 0}, "steps must be a whole number of at least 1; given 0"),
        ({"steps": 3, "epochs": 1}, "one of steps and epochs is needed; given both"),
        ({"epochs": -1}, "epochs must be a number above 0; given -1"),
        ({"batch_size": 9}, "batch_size must be at most 8, the number of training samples; given 9"),
    ],
)
def test_invalid_lengths_are_rejected(folder, options, parts):
    with pytest.raises(TaskError, match=parts):
        load_task("mine.py:task", **options)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("digit", ["there is no task 'digit'", "did you mean digits?", "Built-ins: digits, mnist1d, fashion-mnist"]),
        ("xyzzy", ["there is no task 'xyzzy'", "FILE.py:NAME", "Built-ins: digits"]),
        ("", ["there is no task ''", "Built-ins: digits"]),
        ("notes.txt", ["notes.txt is neither a .py nor a .csv file", "FILE.py:NAME"]),
        ("nowhere.py:task", ["nowhere.py: the file does not exist", "mine.py"]),
        ("nowhere.csv", ["nowhere.csv: the file does not exist", "data.csv"]),
        ("data.csv", ["data.csv: a CSV file needs the name of the column to predict", "one of: x, y, z"]),
    ],
)
def test_an_unknown_task_is_rejected_with_the_known_ones(folder, text, parts):
    with pytest.raises(TaskError) as caught:
        load_task(text)
    assert "Hint: " in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("text", "options", "parts"),
    [
        ("digits", {"target": "y"}, ["digits: target cannot be given", "Hint: target is for CSV files"]),
        (
            "mine.py:task",
            {"kind": "regression", "test_share": 0.1, "split_seed": 3},
            ["kind, test_share, split_seed cannot"],
        ),
        ("digits", {"data_folder": "."}, ["data_folder cannot be given", "data_folder is for fashion-mnist"]),
        ("data.csv", {"target": "y", "data_folder": "."}, ["data_folder cannot be given"]),
    ],
)
def test_options_that_do_not_apply_are_rejected(folder, text, options, parts):
    with pytest.raises(TaskError) as caught:
        load_task(text, **options)
    for part in parts:
        assert part in str(caught.value)


def test_an_error_in_a_table_names_the_file(folder):
    with pytest.raises(DataError, match=r"^data.csv: there is no column 'w'. Hint: .*Columns: x, y, z"):
        load_task("data.csv", target="w")


def test_the_data_folder_is_passed_to_the_built_in_task(folder):
    images = np.zeros((10_000, 28, 28), np.uint8)
    images[::2] = 255
    for name, array in (("train-images-idx3-ubyte", images), ("train-labels-idx1-ubyte", np.zeros(10_000, np.uint8))):
        header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        (folder / f"{name}.gz").write_bytes(gzip.compress(header + array.tobytes(), compresslevel=1))
    assert len(load_task("fashion-mnist", data_folder=folder).train) == 8_000


def test_an_object_that_is_neither_a_task_nor_a_text_is_rejected():
    from surefoot.tasks.loader import as_task

    with pytest.raises(TaskError, match="given int"):
        as_task(42)
    assert as_task("wine").name == "wine"
