import itertools

import pytest
import torch
from torch.utils.data import default_collate

from surefoot.core.errors import DataError
from surefoot.tasks.dataset_split import DatasetSplit, from_samples, read_stream
from surefoot.tasks.tensor_split import TensorSplit


def test_samples_that_are_alike_are_stacked_and_batch_as_torch_would():
    samples = [(torch.full((2,), float(i)), i % 3) for i in range(8)]
    split = from_samples(samples, name="train")
    assert isinstance(split, TensorSplit)
    batch, torchs = split.batch(torch.tensor([5, 2])), default_collate([samples[5], samples[2]])
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(batch, torchs, strict=True))


@pytest.mark.parametrize(
    "samples",
    [
        [torch.zeros(1), torch.zeros(2)],
        [{"text": "a", "y": 0}, {"text": "b", "y": 1}],
    ],
)
def test_samples_that_do_not_stack_stay_separate(samples):
    assert isinstance(from_samples(samples, name="train"), DatasetSplit)


def test_a_collate_function_of_ones_own_is_used():
    split = from_samples([1, 2, 3], collate=lambda samples: torch.tensor(samples).sum(), name="train")
    assert split.batch(torch.tensor([0, 2])) == 4


def test_nan_among_separate_samples_is_found():
    with pytest.raises(DataError, match="1 NaN values"):
        from_samples([(torch.zeros(1), 0.0), (torch.zeros(1), float("nan"))], name="train")


def test_no_samples_are_refused():
    with pytest.raises(DataError, match=r"valid data: there are no samples. Hint"):
        from_samples([], name="valid")


def test_a_stream_is_read_to_its_end():
    assert read_stream(iter(range(5)), name="train", most=5) == [0, 1, 2, 3, 4]


def test_an_endless_stream_is_cut_off_with_a_hint():
    with pytest.raises(DataError, match=r"goes on after 100 samples.*Hint: is it endless\? .*islice"):
        read_stream(itertools.count(), name="train", most=100)


def test_a_stream_of_large_samples_is_cut_off_by_its_bytes():
    with pytest.raises(DataError, match="goes on after 2 samples"):
        read_stream(itertools.repeat(torch.zeros(1000)), name="train", most_bytes=10_000)


def test_a_stream_that_raises_is_told_with_the_sample():
    def stream():
        yield 1
        raise ConnectionError("gone")

    with pytest.raises(DataError, match=r"sample 1 of the stream raised ConnectionError: gone"):
        read_stream(stream(), name="train")
