import itertools

import pytest
import torch
from torch.utils.data import Dataset, default_collate

from surefoot.core.errors import DataError
from surefoot.tasks.dataset_split import DatasetSplit, read_stream, split_from_samples
from surefoot.tasks.tensor_split import TensorSplit


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
    with pytest.raises(DataError, match=r"OSError: image 4 is truncated \(test_dataset_split.py, line \d+\)") as caught:
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
