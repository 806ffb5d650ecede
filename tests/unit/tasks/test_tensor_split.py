import numpy as np
import pytest
import torch

from surefoot.core.errors import DataError
from surefoot.tasks.tensor_split import TensorSplit


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
