"""Real tables as CSV files: against the built-in tasks, and with the faults that users' files have."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from surefoot.tasks.batch_order_and_trees import BatchOrder
from surefoot.tasks.builtin.scikit_learn import breast_cancer, diabetes, wine
from surefoot.tasks.loader import load_task
from surefoot.tasks.sanity_check import sanity_check

TABLES = {
    "wine": (load_wine, wine),
    "breast-cancer": (load_breast_cancer, breast_cancer),
    "diabetes": (lambda **options: load_diabetes(scaled=False, **options), diabetes),
}


def all_samples(split):
    return split.batch(torch.arange(len(split)))


def trained_metric(task):
    """Train by plain PyTorch with the usual default, and return the metric on the validation data."""
    torch.manual_seed(0)
    model = task.new_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    order = BatchOrder(len(task.train), task.batch_size, seed=0)
    for number in range(task.total_steps):
        optimizer.zero_grad()
        task.batch_loss(model, task.batch("train", order.indices(number))).backward()
        optimizer.step()
    with torch.no_grad():
        return task.batch_metric(model.eval(), all_samples(task.valid)).item()


@pytest.fixture(params=TABLES, scope="module")
def table(request):
    read, make = TABLES[request.param]
    frame = read(as_frame=True).frame
    return frame, make(), request.param


def test_the_csv_file_of_a_built_in_task_gives_the_same_data(table, tmp_path):
    frame, built_in, name = table
    frame.to_csv(tmp_path / f"{name}.csv", index=False)
    task = load_task(str(tmp_path / f"{name}.csv"), target="target")
    assert task.name == name
    assert (task.loss, task.metric) == (built_in.loss, built_in.metric)
    for csv_split, built_in_split in ((task.train, built_in.train), (task.valid, built_in.valid)):
        for actual, expected in zip(all_samples(csv_split), all_samples(built_in_split), strict=True):
            assert actual.shape == expected.shape
            assert actual.numpy() == pytest.approx(expected.numpy(), abs=1e-5)


def test_a_model_learns_from_a_messy_csv_file(table, tmp_path):
    """Semicolons, decimal commas, missing values, row numbers, a constant, free text, a category and a date."""
    frame, _, name = table
    rng = np.random.default_rng(0)
    messy = frame.drop(columns="target").mask(rng.random((len(frame), frame.shape[1] - 1)) < 0.05)
    messy["constant"] = "x"
    messy["name"] = [f"sample {i}" for i in range(len(frame))]
    messy["colour"] = rng.choice(["red", "blue", "?"], len(frame))
    messy["day"] = [f"2024-0{1 + i % 9}-{1 + i % 28:02}" for i in range(len(frame))]
    messy["outcome"] = frame["target"]
    messy.to_csv(tmp_path / "messy.csv", sep=";", decimal=",", encoding="utf-8-sig")
    task = load_task(str(tmp_path / "messy.csv"), target="outcome")
    dropped = [note for note in task.notes if "dropped" in note]
    assert [note.split("'")[1] for note in dropped] == ["Unnamed: 0", "constant", "name"]
    assert sanity_check(task).parameters > 0
    assert trained_metric(task) > {"wine": 0.9, "breast-cancer": 0.9, "diabetes": 0.2}[name]
