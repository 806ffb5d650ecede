from collections import UserDict, namedtuple

import torch

from surefoot.tasks.batches import double, leaves, map_leaves, tensors

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


def test_a_single_leaf_is_a_tree_with_an_empty_path():
    assert list(leaves(7)) == [("", 7)]


def test_map_leaves_keeps_the_form():
    tree = ({"a": 1}, [2, Point(3, 4)])
    mapped = map_leaves(lambda leaf: 10 * leaf, tree)
    assert mapped == ({"a": 10}, [20, Point(30, 40)])
    assert isinstance(mapped[1][1], Point)


def test_a_mapping_of_another_class_becomes_a_dict():
    assert type(map_leaves(lambda leaf: leaf, UserDict(a=1))) is dict


def test_tensors_leaves_out_what_is_none():
    tensor = torch.zeros(2)
    assert [found is tensor for found in tensors({"text": "abc", "x": (tensor, 1)})] == [True]


def test_double_widens_floats_alone():
    whole, text = torch.tensor([1]), "abc"
    wide = double({"x": torch.ones(2), "half": torch.ones(2, dtype=torch.float16), "y": whole, "t": text})
    assert wide["x"].dtype == wide["half"].dtype == torch.float64
    assert wide["y"] is whole
    assert wide["t"] is text
