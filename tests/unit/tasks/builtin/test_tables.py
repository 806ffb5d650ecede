from itertools import pairwise

import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from surefoot.tasks.builtin.scikit_learn import breast_cancer, diabetes, wine
from surefoot.tasks.sanity_check import probe


@pytest.mark.parametrize(
    ("make", "rows", "batch_size", "steps", "widths"),
    [
        (breast_cancer, (455, 114), 32, 200, (30, 64, 64, 2)),
        (wine, (142, 36), 32, 200, (13, 64, 64, 3)),
        (diabetes, (353, 89), 32, 220, (10, 64, 64, 1)),
    ],
)
def test_they_are_the_tasks_of_the_design(make, rows, batch_size, steps, widths):
    task = make()
    assert ((len(task.train), len(task.valid)), task.batch_size, task.total_steps) == (rows, batch_size, steps)
    assert probe(task).parameters == sum((i + 1) * o for i, o in pairwise(widths))
    assert ("Tanh" in probe(task).modules) == (make is diabetes)


@pytest.mark.parametrize(("make", "read"), [(breast_cancer, load_breast_cancer), (wine, load_wine)])
def test_classes_are_split_stratified_and_inputs_standardised(make, read):
    table, labels = read(return_X_y=True)
    x, x_valid, _, y_valid = train_test_split(table, labels, test_size=0.2, stratify=labels, random_state=0)
    inputs, targets = make().valid.batch(torch.arange(len(y_valid)))
    assert torch.equal(inputs, torch.from_numpy(StandardScaler().fit(x).transform(x_valid)).float())
    assert torch.equal(targets, torch.from_numpy(y_valid))


def test_the_progression_of_diabetes_is_standardised_too():
    table, progression = load_diabetes(return_X_y=True, scaled=False)
    x, x_valid, y, y_valid = train_test_split(table, progression, test_size=0.2, random_state=0)
    inputs, targets = diabetes().valid.batch(torch.arange(len(y_valid)))
    assert torch.equal(inputs, torch.from_numpy(StandardScaler().fit(x).transform(x_valid)).float())
    assert targets.flatten().numpy() == pytest.approx((y_valid - y.mean()) / y.std(), abs=1e-6)
