"""Real tables, written to CSV as a user has them, against the built-in tasks and against knowing nothing."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from surefoot.tasks.batches import BatchOrder
from surefoot.tasks.builtin.scikit_learn import breast_cancer, diabetes, wine
from surefoot.tasks.loader import load
from surefoot.tasks.sanity_check import probe

TABLES = {
    "wine": (load_wine, wine),
    "breast-cancer": (load_breast_cancer, breast_cancer),
    "diabetes": (lambda **options: load_diabetes(scaled=False, **options), diabetes),
}


def everything(split):
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
        return task.batch_metric(model.eval(), everything(task.valid)).item()


@pytest.fixture(params=TABLES, scope="module")
def table(request):
    read, make = TABLES[request.param]
    frame = read(as_frame=True).frame
    return frame, make(), request.param


def test_a_csv_of_a_built_in_holds_the_same_data(table, tmp_path):
    frame, built_in, name = table
    frame.to_csv(tmp_path / f"{name}.csv", index=False)
    task = load(str(tmp_path / f"{name}.csv"), target="target")
    assert task.name == name
    assert (task.loss, task.metric) == (built_in.loss, built_in.metric)
    for ours, theirs in ((task.train, built_in.train), (task.valid, built_in.valid)):
        for our, their in zip(everything(ours), everything(theirs), strict=True):
            assert our.shape == their.shape
            assert our.numpy() == pytest.approx(their.numpy(), abs=1e-5)


def test_a_messy_csv_is_still_learned_from(table, tmp_path):
    """Semicolons, decimal commas, holes, row numbers, a constant, a text, a category with holes and a date."""
    frame, _, name = table
    luck = np.random.default_rng(0)
    messy = frame.drop(columns="target").mask(luck.random((len(frame), frame.shape[1] - 1)) < 0.05)
    messy["constant"] = "x"
    messy["name"] = [f"sample {i}" for i in range(len(frame))]
    messy["colour"] = luck.choice(["red", "blue", "?"], len(frame))
    messy["day"] = [f"2024-0{1 + i % 9}-{1 + i % 28:02}" for i in range(len(frame))]
    messy["outcome"] = frame["target"]
    messy.to_csv(tmp_path / "messy.csv", sep=";", decimal=",", encoding="utf-8-sig")
    task = load(str(tmp_path / "messy.csv"), target="outcome")
    dropped = [note for note in task.notes if "dropped" in note]
    assert [note.split("'")[1] for note in dropped] == ["Unnamed: 0", "constant", "name"]
    assert probe(task).parameters > 0
    assert trained_metric(task) > {"wine": 0.9, "breast-cancer": 0.9, "diabetes": 0.2}[name]
