from itertools import pairwise

import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.preprocessing import StandardScaler

from surefoot.tasks.builtin.scikit_learn import breast_cancer, diabetes, digits, wine
from surefoot.tasks.sanity_check import sanity_check


def test_digits_is_the_documented_task():
    task = digits()
    assert (len(task.train), len(task.valid), task.batch_size, task.total_steps) == (1437, 360, 64, 220)
    assert sanity_check(task).parameters == (64 * 128 + 128) + (128 * 10 + 10)


def test_the_split_of_digits_is_the_first_of_five_stratified_folds():
    x, y = load_digits(return_X_y=True)
    train, valid = next(StratifiedKFold(5, shuffle=True, random_state=0).split(x, y))
    task = digits()
    for split, inputs, targets in ((task.train, x[train], y[train]), (task.valid, x[valid], y[valid])):
        batch = split.batch(torch.arange(len(split)))
        assert torch.equal(batch[0], torch.tensor(inputs / 16).float())
        assert torch.equal(batch[1], torch.tensor(targets))


@pytest.mark.parametrize(
    ("make", "rows", "batch_size", "steps", "widths"),
    [
        (breast_cancer, (455, 114), 32, 200, (30, 64, 64, 2)),
        (wine, (142, 36), 32, 200, (13, 64, 64, 3)),
        (diabetes, (353, 89), 32, 220, (10, 64, 64, 1)),
    ],
)
def test_the_tables_are_the_documented_tasks(make, rows, batch_size, steps, widths):
    task = make()
    assert ((len(task.train), len(task.valid)), task.batch_size, task.total_steps) == (rows, batch_size, steps)
    assert sanity_check(task).parameters == sum((i + 1) * o for i, o in pairwise(widths))
    assert ("Tanh" in sanity_check(task).modules) == (make is diabetes)


@pytest.mark.parametrize(("make", "read"), [(breast_cancer, load_breast_cancer), (wine, load_wine)])
def test_classes_are_split_stratified_and_inputs_standardised(make, read):
    table, labels = read(return_X_y=True)
    x, x_valid, _, y_valid = train_test_split(table, labels, test_size=0.2, stratify=labels, random_state=0)
    inputs, targets = make().valid.batch(torch.arange(len(y_valid)))
    assert torch.equal(inputs, torch.from_numpy(StandardScaler().fit(x).transform(x_valid)).float())
    assert torch.equal(targets, torch.from_numpy(y_valid))


def test_the_target_of_diabetes_is_standardised():
    table, progression = load_diabetes(return_X_y=True, scaled=False)
    x, x_valid, y, y_valid = train_test_split(table, progression, test_size=0.2, random_state=0)
    inputs, targets = diabetes().valid.batch(torch.arange(len(y_valid)))
    assert torch.equal(inputs, torch.from_numpy(StandardScaler().fit(x).transform(x_valid)).float())
    assert targets.flatten().numpy() == pytest.approx((y_valid - y.mean()) / y.std(), abs=1e-6)
