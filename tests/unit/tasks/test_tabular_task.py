import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn.functional import cross_entropy, mse_loss

from surefoot.core.errors import DataError
from surefoot.tasks.models_and_metrics import accuracy, explained_variance
from surefoot.tasks.sanity_check import sanity_check
from surefoot.tasks.split_rows import split_rows
from surefoot.tasks.tabular_task import ClassTarget, NumericTarget, read_target, tabular_task, target_column

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
def test_classes_are_detected_and_sorted(values, names, codes):
    target = read_target(column(values))
    assert isinstance(target, ClassTarget)
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
def test_numbers_are_detected(values):
    target = read_target(column(values))
    assert isinstance(target, NumericTarget)
    assert target.values.tolist() == [float(value) for value in values]


def test_twenty_whole_numbers_of_five_rows_are_classes():
    assert len(read_target(column(list(range(20)) * 5)).names) == 20


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, 2] * 5, "regression", NumericTarget),
        ([0.5, 1.5] * 5, "classification", ClassTarget),
        ([True, False], "regression", NumericTarget),
    ],
)
def test_read_target_takes_a_kind(values, kind, expected):
    values = values * 3
    assert isinstance(read_target(column(values), kind=kind), expected)


@pytest.mark.parametrize(
    ("values", "options", "parts"),
    [
        ([1.0, np.nan, 2.0, np.nan], {}, ["missing in 2 of 4 rows (data rows 2, 4)", "never imputed"]),
        (["a", None] * 10, {}, ["missing in 10 of 20 rows (data rows 2, 4, 6, 8, 10, …)"]),
        ([1.5, np.inf, -np.inf], {}, ["holds 2 infinite values", "drop"]),
        (["a"] * 5, {}, ["only one class: a", "at least two"]),
        ([1] * 5, {}, ["only one class: 1"]),
        (["a", "a", "b"], {}, ["at least 2 rows", "b (1)", "merge or drop"]),
        (["a"] * 5 + ["b"] * 4, {"min_rows": 5}, ["at least 5 rows", "b (4)"]),
        ([0.5, 1.5], {"kind": "classification"}, ["0.5 (1), 1.5 (1)", "--kind regression"]),
        (list("abcdefgh"), {}, ["a (1), b (1), c (1), d (1), e (1) and 3 more"]),
        (["1", "many"], {"kind": "regression"}, ["holds text, such as '1'", "--kind classification"]),
        ([2.5] * 5, {"kind": "regression"}, ["only one value: 2.5", "nothing to learn"]),
    ],
)
def test_unusable_targets_are_rejected_with_a_hint(values, options, parts):
    with pytest.raises(DataError) as caught:
        read_target(column(values), **options)
    message = str(caught.value)
    assert message.startswith("target 'price'")
    assert "Hint: " in message
    for part in parts:
        assert part in message


def test_the_target_column_is_returned():
    assert target_column(pd.DataFrame({"a": [1], "b": [2]}), "b").tolist() == [2]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (None, ["needs the name of the column to predict", "--target NAME, one of: size, price"]),
        ("prise", ["there is no column 'prise'", "did you mean price?", "Columns: size, price"]),
        ("xyzzy", ["there is no column 'xyzzy'", "Columns: size, price"]),
    ],
)
def test_a_missing_target_is_rejected_with_the_columns(name, parts):
    with pytest.raises(DataError) as caught:
        target_column(pd.DataFrame({"size": [1], "price": [2]}), name)
    for part in parts:
        assert part in str(caught.value)


ROWS = 200


def rng():
    return np.random.default_rng(0)


def table(**columns):
    return pd.DataFrame({"size": rng().normal(5, 3, ROWS), "label": ["a", "b"] * (ROWS // 2)} | columns)


def all_samples(split):
    return split.batch(torch.arange(len(split)))


def test_numbers_are_standardised_by_the_training_rows():
    data = table()
    task = tabular_task(data, target="label")
    parts = split_rows(ROWS, classes=np.tile([0, 1], ROWS // 2))
    sizes = data["size"].to_numpy()
    expected = (sizes - sizes[parts.train].mean()) / sizes[parts.train].std()
    assert all_samples(task.train)[0].flatten().numpy() == pytest.approx(expected[parts.train], abs=1e-6)
    assert all_samples(task.valid)[0].flatten().numpy() == pytest.approx(expected[parts.valid], abs=1e-6)


def test_missing_numbers_become_the_median_with_an_indicator():
    sizes = rng().normal(size=ROWS)
    sizes[::3] = np.nan
    inputs, _ = all_samples(tabular_task(table(size=sizes), target="label").train)
    assert inputs.shape == (160, 2)
    marked = inputs[:, 1] > 0
    assert 0.2 < marked.float().mean() < 0.5
    assert inputs[marked, 0].unique().numel() == 1
    assert inputs[marked, 0][0].item() == pytest.approx(np.median(inputs[~marked, 0]), abs=1e-6)


def test_categories_and_missing_values_are_one_hot_encoded():
    colours = (["red", "blue", None, "red"] * 50)[:ROWS]
    inputs, _ = all_samples(tabular_task(table(colour=colours), target="label").train)
    one_hot = inputs[:, 1:]
    assert one_hot.shape == (160, 3)
    assert torch.equal(one_hot.sum(dim=1), torch.ones(160))


def test_rare_categories_are_merged():
    rows = 2000
    names = [f"common {i % 50}" for i in range(rows - 30)] + [f"rare {i}" for i in range(30)]
    data = pd.DataFrame(
        {"name": rng().permutation(names), "size": rng().normal(size=rows), "y": rng().normal(size=rows)}
    )
    inputs, _ = all_samples(tabular_task(data, target="y").train)
    assert inputs.shape[1] == 1 + 32
    assert torch.equal(inputs[:, 1:].sum(dim=1), torch.ones(len(inputs)))


def test_values_found_only_in_validation_rows_are_handled():
    parts = split_rows(ROWS, classes=np.tile([0, 1], ROWS // 2))
    colours = np.where(np.arange(ROWS) % 3 == 0, "red", "blue").astype(object)
    sizes = rng().normal(size=ROWS)
    colours[parts.valid[:2]], sizes[parts.valid[:2]] = "green", np.nan
    inputs, _ = all_samples(tabular_task(table(colour=colours, size=sizes), target="label").valid)
    assert inputs.shape == (40, 3)
    assert torch.equal(inputs[:2, 1:], torch.zeros(2, 2))
    assert inputs.isfinite().all()


def test_a_column_that_is_empty_in_the_training_rows_is_handled():
    parts = split_rows(ROWS, classes=np.tile([0, 1], ROWS // 2))
    sizes = np.full(ROWS, np.nan)
    sizes[parts.valid] = 1.0
    task = tabular_task(table(size=sizes, other=rng().normal(size=ROWS)), target="label")
    assert all_samples(task.train)[0].isfinite().all()


def test_dates_are_standardised_like_numbers():
    when = pd.Series(pd.date_range("2020-01-01", periods=ROWS)).dt.strftime("%Y-%m-%d")
    inputs, _ = all_samples(tabular_task(table(when=when), target="label").train)
    assert inputs[:, 1].mean().item() == pytest.approx(0.0, abs=1e-5)
    assert inputs[:, 1].std(correction=0).item() == pytest.approx(1.0, abs=1e-5)


def test_a_target_of_classes_makes_a_classification():
    task = tabular_task(table(label=["c", "a", "b", "a"] * 50), target="label")
    assert (task.loss, task.metric) == (cross_entropy, accuracy)
    assert sanity_check(task).parameters == (1 * 64 + 64) + (64 * 64 + 64) + (64 * 3 + 3)
    assert all_samples(task.valid)[1].bincount().tolist() == [20, 10, 10]
    assert task.notes == ("target 'label' is read as 3 classes: a, b, c.",)


def test_a_target_of_numbers_makes_a_regression():
    task = tabular_task(table(price=rng().normal(100, 20, ROWS)), target="price")
    assert (task.loss, task.metric) == (mse_loss, explained_variance)
    _, targets = all_samples(task.train)
    assert targets.shape == (160, 1)
    assert targets.mean().item() == pytest.approx(0.0, abs=1e-5)
    assert targets.std(correction=0).item() == pytest.approx(1.0, abs=1e-5)
    assert task.notes[0] == "target 'price' is read as a number and standardised."


def test_the_task_takes_a_kind():
    data = table(label=[1, 2, 3, 4] * 50)
    assert tabular_task(data, target="label").loss is cross_entropy
    assert tabular_task(data, target="label", kind="regression").loss is mse_loss


def test_notes_say_what_was_dropped():
    notes = tabular_task(table(row=np.arange(ROWS)), target="label").notes
    assert notes[1] == "column 'row' is dropped: it identifies the rows."


def test_training_validation_and_test_rows_are_disjoint():
    data = table(key=rng().permutation(ROWS) + 0.5)
    task = tabular_task(data, target="label", test_share=0.25)
    keys = torch.cat([all_samples(split)[0][:, 1] for split in (task.train, task.valid, task.test)])
    assert (len(task.train), len(task.valid), len(task.test)) == (120, 30, 50)
    assert keys.unique().numel() == ROWS


def test_without_a_test_share_there_are_no_test_data():
    assert tabular_task(table(), target="label").test is None


def test_the_split_depends_on_its_seed():
    first, again, other = (
        all_samples(tabular_task(DATA, target="label", split_seed=seed).valid)[0] for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


DATA = table()


@pytest.mark.parametrize(
    ("rows", "batch_size", "steps"),
    [(10, 8, 200), (500, 32, 250), (5000, 64, 1250), (40_000, 128, 2000), (200_000, 256, 2000)],
)
def test_batch_and_length_follow_the_number_of_rows(rows, batch_size, steps):
    task = tabular_task(pd.DataFrame({"x": rng().normal(size=rows), "y": rng().normal(size=rows)}), target="y")
    assert (task.batch_size, task.total_steps) == (batch_size, steps)


@pytest.mark.parametrize(("columns", "width"), [(3, 64), (64, 64), (65, 128), (300, 256)])
def test_width_follows_the_number_of_columns(columns, width):
    data = pd.DataFrame(rng().normal(size=(50, columns)), columns=[f"c{i}" for i in range(columns)])
    task = tabular_task(data.assign(y=["a", "b"] * 25), target="y")
    assert sanity_check(task).parameters == (columns + 1) * width + (width + 1) * width + (width + 1) * 2


def classes_of(*sizes):
    labels = [f"class {i}" for i, size in enumerate(sizes) for _ in range(size)]
    return pd.DataFrame({"x": rng().normal(size=len(labels)), "y": labels})


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
    assert all_samples(task.train)[1].unique().numel() == len(sizes)
    assert len(task.train) + len(task.valid) + len(task.test or []) == sum(sizes)


@pytest.mark.parametrize(
    ("sizes", "test_share", "needed"),
    [((4, 5), 0.0, 10), ((5, 5), 0.5, 20), ((5, 5), 0.05, 40), ((5,) * 9 + (100,), 0.05, 200)],
)
def test_too_few_rows_for_the_classes_are_rejected(sizes, test_share, needed):
    message = f"{sum(sizes)} rows in {len(sizes)} classes are too few to split; at least {needed} are needed. Hint"
    with pytest.raises(DataError, match=message):
        tabular_task(classes_of(*sizes), target="y", test_share=test_share)


@pytest.mark.parametrize(
    ("changes", "options", "parts"),
    [
        ({}, {"target": "lable"}, ["there is no column 'lable'", "did you mean label?"]),
        ({}, {"target": None}, ["--target NAME, one of: size, label"]),
        ({"size": [1.0, np.inf] * 100}, {}, ["column 'size' holds 100 infinite values"]),
        ({"size": [1.0, 3e300] * 100}, {}, ["column 'size' holds values as large as 3e+300", "take the logarithm"]),
        ({"label": ["a"] * ROWS}, {}, ["only one class"]),
        ({"label": ["a"] * (ROWS - 1) + ["b"]}, {}, ["b (1)", "at least 2 rows"]),
        ({"label": ["a"] * (ROWS - 4) + ["b"] * 4}, {"test_share": 0.2}, ["b (4)", "at least 5 rows"]),
        ({"size": [1.0] * ROWS}, {}, ["no feature column is left", "all its values are 1.0"]),
        ({}, {"kind": "ranking"}, ["kind must be one of auto, classification, regression; given 'ranking'"]),
        ({}, {"test_share": 0.8, "split_seed": -1}, ["from 0 to 0.5; given 0.8", "at least 0; given -1"]),
    ],
)
def test_unusable_tables_and_options_are_rejected(changes, options, parts):
    with pytest.raises(DataError) as caught:
        tabular_task(table(**changes), **({"target": "label"} | options))
    for part in parts:
        assert part in str(caught.value)
