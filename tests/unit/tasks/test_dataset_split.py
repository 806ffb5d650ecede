import pytest
import torch
from torch.utils.data import Dataset

from surefoot.core.errors import DataError
from surefoot.tasks.dataset_split import DatasetSplit


class Squares(Dataset):
    def __init__(self, broken=None, size=10):
        self.broken, self.size = broken, size

    def __len__(self):
        return self.size

    def __getitem__(self, place):
        if place == self.broken:
            raise OSError("picture 4 is cut off")
        return torch.tensor([float(place), float(place**2)]), place


class Listed(Squares):
    def __getitems__(self, places):
        return [(torch.tensor([float(place)]), -place) for place in places]


def test_batch_collates_the_samples_asked_for():
    inputs, targets = DatasetSplit(Squares()).batch(torch.tensor([3, 0]))
    assert inputs.tolist() == [[3.0, 9.0], [0.0, 0.0]]
    assert targets.tolist() == [3, 0]


def test_samples_are_fetched_together_where_the_dataset_can():
    inputs, targets = DatasetSplit(Listed()).batch(torch.tensor([3, 1]))
    assert inputs.tolist() == [[3.0], [1.0]]
    assert targets.tolist() == [-3, -1]


def test_a_collate_function_of_ones_own_makes_the_batch():
    ragged = [torch.ones(1), torch.ones(3)]
    split = DatasetSplit(ragged, lambda samples: torch.nn.utils.rnn.pad_sequence(samples, batch_first=True))
    assert split.batch(torch.tensor([0, 1])).tolist() == [[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]]


def test_an_empty_dataset_is_refused():
    with pytest.raises(DataError, match=r"train data: there are no samples.*Hint"):
        DatasetSplit(Squares(size=0), name="train")


def test_a_first_sample_that_raises_is_refused_at_once():
    with pytest.raises(DataError, match=r"reading sample 0 raised OSError: picture 4 is cut off"):
        DatasetSplit(Squares(broken=0))


def test_a_later_sample_that_raises_is_told_with_the_line_it_came_from():
    with pytest.raises(DataError, match=r"OSError: picture 4 is cut off \(test_dataset_split.py, line \d+\)") as caught:
        DatasetSplit(Squares(broken=4)).batch(torch.tensor([2, 4]))
    assert isinstance(caught.value.__cause__, OSError)


def test_ragged_samples_ask_for_a_collate_function():
    with pytest.raises(DataError, match=r"collating 2 samples raised RuntimeError.*Hint:.*collate_fn"):
        DatasetSplit([torch.ones(1), torch.ones(3)]).batch(torch.tensor([0, 1]))


def test_nan_in_a_batch_is_an_error_and_no_divergence():
    with pytest.raises(DataError, match=r"1 NaN values in 1 of 2 samples, the first at index 1"):
        DatasetSplit([torch.zeros(2), torch.tensor([0.0, torch.nan])]).batch(torch.tensor([0, 1]))
