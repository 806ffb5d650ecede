import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn.functional import cross_entropy, mse_loss

from surefoot.core.errors import DataError
from surefoot.tasks.holdout import hold_out
from surefoot.tasks.models_and_metrics import accuracy, explained_variance
from surefoot.tasks.sanity_check import probe
from surefoot.tasks.tabular_task import tabular_task

ROWS = 200


def luck():
    return np.random.default_rng(0)


def table(**columns):
    return pd.DataFrame({"size": luck().normal(5, 3, ROWS), "label": ["a", "b"] * (ROWS // 2)} | columns)


def everything(split):
    return split.batch(torch.arange(len(split)))


def test_numbers_are_standardised_by_the_training_rows():
    data = table()
    task = tabular_task(data, target="label")
    parts = hold_out(ROWS, classes=np.tile([0, 1], ROWS // 2))
    sizes = data["size"].to_numpy()
    expected = (sizes - sizes[parts.train].mean()) / sizes[parts.train].std()
    assert everything(task.train)[0].flatten().numpy() == pytest.approx(expected[parts.train], abs=1e-6)
    assert everything(task.valid)[0].flatten().numpy() == pytest.approx(expected[parts.valid], abs=1e-6)


def test_missing_numbers_become_the_median_and_are_marked():
    sizes = luck().normal(size=ROWS)
    sizes[::3] = np.nan
    inputs, _ = everything(tabular_task(table(size=sizes), target="label").train)
    assert inputs.shape == (160, 2)
    marked = inputs[:, 1] > 0
    assert 0.2 < marked.float().mean() < 0.5
    assert inputs[marked, 0].unique().numel() == 1
    assert inputs[marked, 0][0].item() == pytest.approx(np.median(inputs[~marked, 0]), abs=1e-6)


def test_categories_get_a_column_each_and_missing_ones_their_own():
    colours = (["red", "blue", None, "red"] * 50)[:ROWS]
    inputs, _ = everything(tabular_task(table(colour=colours), target="label").train)
    one_hot = inputs[:, 1:]
    assert one_hot.shape == (160, 3)
    assert torch.equal(one_hot.sum(dim=1), torch.ones(160))


def test_rare_and_many_categories_share_a_column():
    rows = 2000
    names = [f"common {i % 50}" for i in range(rows - 30)] + [f"rare {i}" for i in range(30)]
    data = pd.DataFrame(
        {"name": luck().permutation(names), "size": luck().normal(size=rows), "y": luck().normal(size=rows)}
    )
    inputs, _ = everything(tabular_task(data, target="y").train)
    assert inputs.shape[1] == 1 + 32
    assert torch.equal(inputs[:, 1:].sum(dim=1), torch.ones(len(inputs)))


def test_what_only_the_validation_rows_hold_does_no_harm():
    parts = hold_out(ROWS, classes=np.tile([0, 1], ROWS // 2))
    colours = np.where(np.arange(ROWS) % 3 == 0, "red", "blue").astype(object)
    sizes = luck().normal(size=ROWS)
    colours[parts.valid[:2]], sizes[parts.valid[:2]] = "green", np.nan
    inputs, _ = everything(tabular_task(table(colour=colours, size=sizes), target="label").valid)
    assert inputs.shape == (40, 3)
    assert torch.equal(inputs[:2, 1:], torch.zeros(2, 2))
    assert inputs.isfinite().all()


def test_a_column_that_is_empty_in_the_training_rows_does_no_harm():
    parts = hold_out(ROWS, classes=np.tile([0, 1], ROWS // 2))
    sizes = np.full(ROWS, np.nan)
    sizes[parts.valid] = 1.0
    task = tabular_task(table(size=sizes, other=luck().normal(size=ROWS)), target="label")
    assert everything(task.train)[0].isfinite().all()


def test_dates_count_as_numbers():
    when = pd.Series(pd.date_range("2020-01-01", periods=ROWS)).dt.strftime("%Y-%m-%d")
    inputs, _ = everything(tabular_task(table(when=when), target="label").train)
    assert inputs[:, 1].mean().item() == pytest.approx(0.0, abs=1e-5)
    assert inputs[:, 1].std(correction=0).item() == pytest.approx(1.0, abs=1e-5)


def test_classes_make_a_classification():
    task = tabular_task(table(label=["c", "a", "b", "a"] * 50), target="label")
    assert (task.loss, task.metric) == (cross_entropy, accuracy)
    assert probe(task).parameters == (1 * 64 + 64) + (64 * 64 + 64) + (64 * 3 + 3)
    assert everything(task.valid)[1].bincount().tolist() == [20, 10, 10]
    assert task.notes == ("target 'label' is read as 3 classes: a, b, c.",)


def test_numbers_make_a_regression_with_a_standardised_target():
    task = tabular_task(table(price=luck().normal(100, 20, ROWS)), target="price")
    assert (task.loss, task.metric) == (mse_loss, explained_variance)
    _, targets = everything(task.train)
    assert targets.shape == (160, 1)
    assert targets.mean().item() == pytest.approx(0.0, abs=1e-5)
    assert targets.std(correction=0).item() == pytest.approx(1.0, abs=1e-5)
    assert task.notes[0] == "target 'price' is read as a number, standardised."


def test_the_kind_can_be_said():
    data = table(label=[1, 2, 3, 4] * 50)
    assert tabular_task(data, target="label").loss is cross_entropy
    assert tabular_task(data, target="label", kind="regression").loss is mse_loss


def test_notes_say_what_was_dropped():
    notes = tabular_task(table(row=np.arange(ROWS)), target="label").notes
    assert notes[1] == "column 'row' is dropped: it numbers the rows."


def test_test_data_are_set_aside_and_share_no_row():
    data = table(key=luck().permutation(ROWS) + 0.5)
    task = tabular_task(data, target="label", test_share=0.25)
    keys = torch.cat([everything(split)[0][:, 1] for split in (task.train, task.valid, task.test)])
    assert (len(task.train), len(task.valid), len(task.test)) == (120, 30, 50)
    assert keys.unique().numel() == ROWS


def test_without_a_test_share_there_are_no_test_data():
    assert tabular_task(table(), target="label").test is None


def test_the_split_seed_is_the_luck_of_the_split():
    first, again, other = (
        everything(tabular_task(DATA, target="label", split_seed=seed).valid)[0] for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


DATA = table()


@pytest.mark.parametrize(
    ("rows", "batch_size", "steps"),
    [(10, 8, 200), (500, 32, 250), (5000, 64, 1250), (40_000, 128, 2000), (200_000, 256, 2000)],
)
def test_batch_and_length_follow_the_number_of_rows(rows, batch_size, steps):
    task = tabular_task(pd.DataFrame({"x": luck().normal(size=rows), "y": luck().normal(size=rows)}), target="y")
    assert (task.batch_size, task.total_steps) == (batch_size, steps)


@pytest.mark.parametrize(("columns", "width"), [(3, 64), (64, 64), (65, 128), (300, 256)])
def test_width_follows_the_number_of_columns(columns, width):
    data = pd.DataFrame(luck().normal(size=(50, columns)), columns=[f"c{i}" for i in range(columns)])
    task = tabular_task(data.assign(y=["a", "b"] * 25), target="y")
    assert probe(task).parameters == (columns + 1) * width + (width + 1) * width + (width + 1) * 2


def classes_of(*sizes):
    labels = [f"class {i}" for i, size in enumerate(sizes) for _ in range(size)]
    return pd.DataFrame({"x": luck().normal(size=len(labels)), "y": labels})


@pytest.mark.parametrize(
    ("sizes", "test_share"),
    [
        ((5, 5), 0.0),
        ((5, 6, 7, 5, 5), 0.0),
        ((2,) * 9 + (100,), 0.0),
        ((5,) * 9 + (100,), 0.5),
        ((5, 5, 5, 1000), 0.05),
        ((5, 5, 5, 1000), 0.5),
    ],
)
def test_small_classes_can_be_split(sizes, test_share):
    task = tabular_task(classes_of(*sizes), target="y", test_share=test_share)
    assert everything(task.train)[1].unique().numel() == len(sizes)
    assert len(task.train) + len(task.valid) + len(task.test or []) == sum(sizes)


@pytest.mark.parametrize(
    ("sizes", "test_share", "fewest"),
    [((4, 5), 0.0, 10), ((5, 5), 0.5, 20), ((5, 5), 0.05, 40), ((5,) * 9 + (100,), 0.05, 200)],
)
def test_too_few_rows_for_the_classes_are_told(sizes, test_share, fewest):
    told = f"{sum(sizes)} rows of {len(sizes)} classes are too few to split; at least {fewest} are needed. Hint"
    with pytest.raises(DataError, match=told):
        tabular_task(classes_of(*sizes), target="y", test_share=test_share)


@pytest.mark.parametrize(
    ("changes", "options", "told"),
    [
        ({}, {"target": "lable"}, ["there is no column 'lable'", "did you mean label?"]),
        ({}, {"target": None}, ["--target NAME, one of: size, label"]),
        ({"size": [1.0, np.inf] * 100}, {}, ["column 'size' holds 100 infinite values"]),
        ({"size": [1.0, 3e300] * 100}, {}, ["column 'size' holds values as large as 3e+300", "take its logarithm"]),
        ({"label": ["a"] * ROWS}, {}, ["one class only"]),
        ({"label": ["a"] * (ROWS - 1) + ["b"]}, {}, ["b (1)", "at least 2 rows"]),
        ({"label": ["a"] * (ROWS - 4) + ["b"] * 4}, {"test_share": 0.2}, ["b (4)", "at least 5 rows"]),
        ({"size": [1.0] * ROWS}, {}, ["no column is left", "it is always 1.0"]),
        ({}, {"kind": "ranking"}, ["kind must be one of auto, classification, regression; given 'ranking'"]),
        ({}, {"test_share": 0.8, "split_seed": -1}, ["from 0 to 0.5; given 0.8", "at least 0; given -1"]),
    ],
)
def test_unfit_tables_are_told(changes, options, told):
    with pytest.raises(DataError) as caught:
        tabular_task(table(**changes), **({"target": "label"} | options))
    for words in told:
        assert words in str(caught.value)
