from collections import UserDict, namedtuple

import pytest
import torch

from surefoot.core.errors import TaskError
from surefoot.tasks.batch_order_and_trees import (
    BatchOrder,
    leaves,
    map_leaves,
    sample_ranges,
    tensor_leaves,
    to_float64,
)


def test_the_order_neither_uses_nor_changes_global_generators():
    order = BatchOrder(50, 8, seed=3)
    torch.manual_seed(1)
    first, state = order.indices(40), torch.get_rng_state()
    torch.manual_seed(2)
    assert torch.equal(order.indices(40), first)
    torch.manual_seed(1)
    order.indices(1000)
    assert torch.equal(torch.get_rng_state(), state)


def test_writing_into_indices_changes_no_later_batch():
    order = BatchOrder(10, 5, seed=0)
    before = order.indices(0).clone()
    order.indices(0).fill_(-1)
    assert torch.equal(order.indices(0), before)


def test_neighbouring_seeds_and_epochs_are_independent():
    orders = [BatchOrder(200, 200, seed).indices(epoch) for seed in range(6) for epoch in range(6)]
    same = [(a == b).sum().item() for i, a in enumerate(orders) for b in orders[:i]]
    # Two random permutations agree at a Poisson number of positions, 1 on average: 12 or more have probability 1e-9.
    assert max(same) < 12
    assert sum(same) / len(same) == pytest.approx(1.0, abs=0.2)


def test_every_sample_is_equally_likely_at_every_position():
    first = torch.stack([BatchOrder(4, 4, seed).indices(0) for seed in range(2000)])
    counts = torch.stack([(first == sample).sum(dim=0) for sample in range(4)])
    assert (counts - 500).abs().max() < 100  # 5 standard deviations


def test_the_order_never_changes():
    """A study can resume only if the order stays the same; this is SeedSequence(7, spawn_key=(0,)) and randperm."""
    assert BatchOrder(8, 8, seed=7).indices(0).tolist() == [0, 5, 2, 4, 1, 6, 7, 3]


@pytest.mark.parametrize(
    ("numbers", "cause"),
    [((0, 4, 0), "samples must be at least 1; given 0"), ((9, 0, -1), "batch_size .* given 0; seed .* given -1")],
)
def test_invalid_orders_are_rejected(numbers, cause):
    with pytest.raises(TaskError, match=cause):
        BatchOrder(*numbers)


def test_sample_ranges_cover_all_samples_in_order():
    assert [index for indices in sample_ranges(10, 4) for index in indices] == list(range(10))
    assert [len(indices) for indices in sample_ranges(10, 4)] == [4, 4, 2]


def test_empty_sample_ranges_are_rejected():
    with pytest.raises(TaskError, match="at a time must be at least 1; given 0"):
        sample_ranges(10, 0)


Point = namedtuple("Point", ["x", "y"])


def test_leaves_come_in_order_with_their_paths():
    tree = {"a": [1, (2, 3)], "b": Point(4, 5)}
    assert list(leaves(tree)) == [
        ("['a'][0]", 1),
        ("['a'][1][0]", 2),
        ("['a'][1][1]", 3),
        ("['b'][0]", 4),
        ("['b'][1]", 5),
    ]


def test_a_single_leaf_has_an_empty_path():
    assert list(leaves(7)) == [("", 7)]


def test_map_leaves_keeps_the_nesting():
    tree = ({"a": 1}, [2, Point(3, 4)])
    mapped = map_leaves(lambda leaf: 10 * leaf, tree)
    assert mapped == ({"a": 10}, [20, Point(30, 40)])
    assert isinstance(mapped[1][1], Point)


def test_a_mapping_of_another_class_becomes_a_dict():
    assert type(map_leaves(lambda leaf: leaf, UserDict(a=1))) is dict


def test_tensor_leaves_skips_other_leaves():
    tensor = torch.zeros(2)
    assert [leaf is tensor for leaf in tensor_leaves({"text": "abc", "x": (tensor, 1)})] == [True]


def test_to_float64_converts_only_floats():
    whole, text = torch.tensor([1]), "abc"
    wide = to_float64({"x": torch.ones(2), "half": torch.ones(2, dtype=torch.float16), "y": whole, "t": text})
    assert wide["x"].dtype == wide["half"].dtype == torch.float64
    assert wide["y"] is whole
    assert wide["t"] is text
