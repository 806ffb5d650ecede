from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, default_collate

from surefoot.core.errors import DataError
from surefoot.tasks.tensor_and_dataset_splits import DatasetSplit, TensorSplit, read_stream, split_from_samples


def test_a_batch_has_the_same_samples_of_every_leaf():
    x, y = torch.arange(12.0).reshape(6, 2), torch.arange(6)
    batch = TensorSplit({"text": (x, x + 1), "label": y}).batch(torch.tensor([5, 0, 5]))
    assert torch.equal(batch["text"][0], x[[5, 0, 5]])
    assert torch.equal(batch["text"][1], x[[5, 0, 5]] + 1)
    assert batch["label"].tolist() == [5, 0, 5]


def test_length_is_the_number_of_samples():
    assert len(TensorSplit((torch.zeros(7, 2), torch.zeros(7)))) == 7


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (np.zeros((3, 2)), torch.float32),
        (np.zeros(3, np.float16), torch.float32),
        (np.zeros(3, np.int64), torch.int64),
        (np.zeros(3, np.uint8), torch.uint8),
        (np.zeros(3, np.uint16), torch.int64),
        (np.zeros(3, ">i4"), torch.int32),
        (np.zeros(3, bool), torch.bool),
    ],
)
def test_numpy_arrays_become_tensors(array, dtype):
    assert TensorSplit(array).tensors.dtype == dtype


def test_tensors_keep_their_type_and_memory():
    tensor = torch.zeros(3, dtype=torch.float64)
    assert TensorSplit(tensor).tensors is tensor


def test_a_read_only_or_reversed_array_is_read_without_a_warning():
    array = np.arange(4.0)[::-1]
    array.flags.writeable = False
    assert TensorSplit(array).tensors.tolist() == [3.0, 2.0, 1.0, 0.0]


def test_minus_infinity_is_allowed_for_attention_masks():
    mask = torch.tensor([[0.0, -torch.inf]])
    assert torch.equal(TensorSplit(mask).tensors, mask)


def nan_at(*positions):
    x = torch.zeros(10, 4)
    for position in positions:
        x[position] = torch.nan
    return x


@pytest.mark.parametrize(
    ("tree", "parts"),
    [
        ((torch.zeros(5, 2), torch.zeros(4)), ["[0] has 5", "[1] has 4", "list"]),
        ((torch.zeros(0, 2), torch.zeros(0)), ["no samples", "at least 1"]),
        ((), ["no samples"]),
        ({"x": torch.zeros(3), "y": [1, 2, 3]}, ["['y'][0] has type int", "torch.tensor"]),
        ({"x": ["a"] * 9}, ["['x'][0] has type str", "and 6 more"]),
        ((torch.zeros(3), torch.tensor(1.0)), ["[1] is a single number", "first dimension"]),
        ((np.array(["a", "b"]), torch.zeros(2)), ["[0] is an array of <U1", "numbers are allowed"]),
        (
            (nan_at((3, 1), (3, 2), (7, 0)), torch.zeros(10)),
            ["[0] holds 3 NaN", "in 2 of 10 samples", "first at index 3"],
        ),
        ((torch.zeros(10), torch.full((10,), torch.inf)), ["[1] holds 10 infinite", "in 10 of 10"]),
    ],
)
def test_unusable_tensors_are_rejected_with_the_cause(tree, parts):
    with pytest.raises(DataError) as caught:
        TensorSplit(tree, "valid")
    message = str(caught.value)
    assert message.startswith("valid data: ")
    assert "Hint: " in message
    assert "\n" not in message
    for part in parts:
        assert part in message


class Squares(Dataset):
    def __init__(self, broken=None, size=10):
        self.broken, self.size = broken, size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        if index == self.broken:
            raise OSError("image 4 is truncated")
        return torch.tensor([float(index), float(index**2)]), index


class WithGetItems(Squares):
    def __getitems__(self, indices):
        return [(torch.tensor([float(index)]), -index) for index in indices]


def test_a_batch_collates_the_samples_at_the_indices():
    inputs, targets = DatasetSplit(Squares()).batch(torch.tensor([3, 0]))
    assert inputs.tolist() == [[3.0, 9.0], [0.0, 0.0]]
    assert targets.tolist() == [3, 0]


def test_samples_are_read_by_getitems_where_the_dataset_has_it():
    inputs, targets = DatasetSplit(WithGetItems()).batch(torch.tensor([3, 1]))
    assert inputs.tolist() == [[3.0], [1.0]]
    assert targets.tolist() == [-3, -1]


def test_a_given_collate_function_makes_the_batch():
    ragged = [torch.ones(1), torch.ones(3)]
    split = DatasetSplit(ragged, lambda samples: torch.nn.utils.rnn.pad_sequence(samples, batch_first=True))
    assert split.batch(torch.tensor([0, 1])).tolist() == [[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]]


def test_an_empty_dataset_is_rejected():
    with pytest.raises(DataError, match=r"train data: there are no samples.*Hint"):
        DatasetSplit(Squares(size=0), name="train")


def test_a_first_sample_that_raises_is_rejected_at_once():
    with pytest.raises(DataError, match=r"reading sample 0 raised OSError: image 4 is truncated"):
        DatasetSplit(Squares(broken=0))


def test_an_exception_in_a_later_sample_names_file_and_line():
    with pytest.raises(
        DataError, match=r"OSError: image 4 is truncated \(test_tensor_and_dataset_splits.py, line \d+\)"
    ) as caught:
        DatasetSplit(Squares(broken=4)).batch(torch.tensor([2, 4]))
    assert isinstance(caught.value.__cause__, OSError)


def test_samples_of_different_shapes_need_a_collate_function():
    with pytest.raises(DataError, match=r"collating 2 samples raised RuntimeError.*Hint:.*collate_fn"):
        DatasetSplit([torch.ones(1), torch.ones(3)]).batch(torch.tensor([0, 1]))


def test_nan_in_a_batch_is_a_data_error():
    with pytest.raises(DataError, match=r"1 NaN values in 1 of 2 samples, the first at index 1"):
        DatasetSplit([torch.zeros(2), torch.tensor([0.0, torch.nan])]).batch(torch.tensor([0, 1]))


def test_samples_of_equal_shapes_are_stacked_as_torch_does():
    samples = [(torch.full((2,), float(i)), i % 3) for i in range(8)]
    split = split_from_samples(samples, name="train")
    assert isinstance(split, TensorSplit)
    batch, reference = split.batch(torch.tensor([5, 2])), default_collate([samples[5], samples[2]])
    assert all(torch.equal(actual, expected) for actual, expected in zip(batch, reference, strict=True))


@pytest.mark.parametrize(
    "samples",
    [
        [torch.zeros(1), torch.zeros(2)],
        [{"text": "a", "y": 0}, {"text": "b", "y": 1}],
    ],
)
def test_samples_of_different_shapes_stay_separate(samples):
    assert isinstance(split_from_samples(samples, name="train"), DatasetSplit)


def test_a_given_collate_function_is_used():
    split = split_from_samples([1, 2, 3], collate=lambda samples: torch.tensor(samples).sum(), name="train")
    assert split.batch(torch.tensor([0, 2])) == 4


def test_nan_in_a_sample_is_rejected():
    with pytest.raises(DataError, match="1 NaN values"):
        split_from_samples([(torch.zeros(1), 0.0), (torch.zeros(1), float("nan"))], name="train")


def test_an_empty_list_of_samples_is_rejected():
    with pytest.raises(DataError, match=r"valid data: there are no samples. Hint"):
        split_from_samples([], name="valid")


def test_a_stream_is_read_to_its_end():
    assert read_stream(iter(range(5)), name="train", max_samples=5) == [0, 1, 2, 3, 4]


def test_an_endless_stream_is_rejected_with_a_hint():
    with pytest.raises(DataError, match=r"goes on after 100 samples.*Hint: if it is endless.*islice"):
        read_stream(itertools.count(), name="train", max_samples=100)


def test_a_stream_of_too_many_bytes_is_rejected():
    with pytest.raises(DataError, match="goes on after 2 samples"):
        read_stream(itertools.repeat(torch.zeros(1000)), name="train", max_bytes=10_000)


def test_an_exception_in_a_stream_names_the_sample():
    def stream():
        yield 1
        raise ConnectionError("gone")

    with pytest.raises(DataError, match=r"sample 1 of the stream raised ConnectionError: gone"):
        read_stream(stream(), name="train")
