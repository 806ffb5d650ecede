import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset, WeightedRandomSampler

from surefoot.core.errors import DataError
from surefoot.tasks.as_split import Split, as_split
from surefoot.tasks.tensor_and_dataset_splits import DatasetSplit, TensorSplit

X, Y = torch.arange(20.0).reshape(10, 2), torch.arange(10)
INDICES = torch.tensor([7, 1])


class Pairs(Dataset):
    def __len__(self):
        return 10

    def __getitem__(self, index):
        return X[index], Y[index]


class Stream(IterableDataset):
    def __init__(self, end):
        self.end = end

    def __iter__(self):
        return ((X[index], Y[index]) for index in range(self.end))


class UserSplit:
    def __len__(self):
        return 10

    def batch(self, indices):
        return X[indices], Y[indices]


class LikeHuggingFace:
    """Has a method ``batch`` of another meaning, as Hugging Face datasets have."""

    def __len__(self):
        return 10

    def __getitem__(self, index):
        return {"x": X[index], "y": Y[index]}

    def batch(self, batch_size):
        raise AssertionError("batch must not be called")


SOURCES = {
    "tensors": ((X, Y), TensorSplit),
    "arrays": ((X.numpy(), Y.numpy()), TensorSplit),
    "list of two tensors": ([X, Y], TensorSplit),
    "list of samples": ([(x, y) for x, y in zip(X, Y, strict=True)], TensorSplit),
    "list of samples with plain numbers": ([(x, int(y)) for x, y in zip(X, Y, strict=True)], TensorSplit),
    "tuple of samples": (tuple((x, int(y)) for x, y in zip(X, Y, strict=True)), TensorSplit),
    "TensorDataset": (TensorDataset(X, Y), TensorSplit),
    "Subset of a Subset of a TensorDataset": (Subset(Subset(TensorDataset(X, Y), range(10)), range(10)), TensorSplit),
    "Dataset": (Pairs(), DatasetSplit),
    "Subset of a Dataset": (Subset(Pairs(), range(10)), DatasetSplit),
    "DataLoader": (DataLoader(Pairs(), batch_size=3, shuffle=True), DatasetSplit),
    "DataLoader of tensors": (DataLoader(TensorDataset(X, Y), batch_size=3), TensorSplit),
    "IterableDataset": (Stream(10), TensorSplit),
    "DataLoader of a stream": (DataLoader(Stream(10), batch_size=3), TensorSplit),
    "a user's split": (UserSplit(), UserSplit),
}


@pytest.mark.parametrize(("data", "kind"), SOURCES.values(), ids=SOURCES.keys())
def test_all_sources_of_samples_give_the_same_batches(data, kind):
    split = as_split(data, name="train")
    assert type(split) is kind
    assert isinstance(split, Split)
    assert len(split) == 10
    inputs, targets = split.batch(INDICES)
    assert torch.equal(inputs, X[INDICES])
    assert torch.equal(targets, Y[INDICES])


@pytest.mark.parametrize("data", [(X, Y), Pairs(), UserSplit()])
def test_a_split_is_returned_as_it_is(data):
    split = as_split(data, name="train")
    assert as_split(split, name="other") is split


def test_a_dict_holds_columns():
    batch = as_split({"x": X, "y": Y}, name="train").batch(INDICES)
    assert torch.equal(batch["x"], X[INDICES])
    assert torch.equal(batch["y"], Y[INDICES])


def test_nested_inputs_are_columns_too():
    (first, second), targets = as_split((([X, X + 1]), Y), name="train").batch(INDICES)
    assert torch.equal(second, first + 1)
    assert torch.equal(targets, Y[INDICES])


def test_a_list_of_many_tensors_holds_samples():
    batch = as_split([torch.full((3, 4), float(i)) for i in range(6)], name="train").batch(torch.tensor([5]))
    assert torch.equal(batch, torch.full((1, 3, 4), 5.0))


def test_a_dataset_with_a_batch_method_is_read_sample_by_sample():
    assert torch.equal(as_split(LikeHuggingFace(), name="train").batch(INDICES)["x"], X[INDICES])


def test_a_subset_has_only_its_samples():
    split = as_split(Subset(TensorDataset(X, Y), [8, 2]), name="train")
    assert split.batch(torch.tensor([0, 1]))[1].tolist() == [8, 2]


def test_the_loaders_collate_function_is_used():
    loader = DataLoader(Pairs(), collate_fn=len)
    assert as_split(loader, name="train").batch(torch.arange(4)) == 4


class NoLength(Dataset):
    def __getitem__(self, index):
        return X[index]


SAMPLER = WeightedRandomSampler([1.0] * 10, 10)
UNUSABLE = {
    "nothing": (None, ["type NoneType is not supported", "allowed are"]),
    "generator": ((x for x in X), ["type generator is not supported"]),
    "frame": (pd.DataFrame({"a": [1, 2]}), ["type DataFrame is not supported", "to_numpy"]),
    "no length": (NoLength(), ["type NoLength is not supported", "__len__"]),
    "empty list": ([], ["no samples"]),
    "empty tuple": ((), ["no samples"]),
    "empty array": (np.zeros((0, 3)), ["no samples"]),
    "empty stream": (Stream(0), ["no samples"]),
    "unequal": ((X, Y[:9]), ["[0] has 10", "[1] has 9"]),
    "targets in a list": ((X, [1] * 10), ["[1][0] has type int", "and 7 more", "torch.tensor"]),
    "frame as inputs": ((pd.DataFrame({"a": [1, 2]}), torch.zeros(2)), ["[0] has type DataFrame", "to_numpy"]),
    "sampler": (DataLoader(Pairs(), sampler=SAMPLER), ["WeightedRandomSampler", "dataset alone"]),
    "batch sampler": (DataLoader(Pairs(), batch_sampler=[[0, 1], [2]]), ["with a list", "dataset alone"]),
    "batches in the dataset": (DataLoader(Pairs(), batch_size=None), ["batch_size=None", "single samples"]),
}


@pytest.mark.parametrize(("data", "parts"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_unusable_data_are_rejected_with_a_hint(data, parts):
    with pytest.raises(DataError) as caught:
        as_split(data, name="train")
    message = str(caught.value)
    assert message.startswith("train data: ")
    assert "Hint: " in message
    for part in parts:
        assert part in message
