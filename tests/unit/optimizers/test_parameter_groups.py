"""Groups of parameters: patterns, factors, normalisation layers."""

import pytest
import torch
from torch import nn

from surefoot.core.errors import RecipeError
from surefoot.optimizers.parameter_groups import Factors, Groups, factors_of, matches, norm_parameters, unmatched


class LlamaRMSNorm(nn.Module):
    """As language models bring them: torch does not know it."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))


@pytest.mark.parametrize(
    ("pattern", "name", "norm", "expected"),
    [
        ("bias", "head.bias", False, True),
        ("bias", "bias", False, True),
        ("bias", "head.rebias", False, False),
        ("bias", "bias.weight", False, False),
        ("norm", "any.weight", True, True),
        ("norm", "norm.weight", False, False),
        ("head", "head.weight", False, True),
        ("head", "head", False, True),
        ("head", "header.weight", False, False),
        ("head", "old.head.weight", False, False),
        ("head", "Head.weight", False, False),
        ("*.weight", "head.weight", False, True),
        ("layers.?.weight", "layers.3.weight", False, True),
        ("layers.?.weight", "layers.13.weight", False, False),
        ("layers.*", "layers.1.bias", False, True),
        ("*", "anything", False, True),
    ],
)
def test_what_a_pattern_names(pattern, name, norm, expected):
    assert matches(pattern, name, norm=norm) is expected


def test_factors_of_several_matches_multiply_and_no_decay_wins():
    groups = Groups(no_decay="bias", lr_factor={"body": 0.5, "*.weight": 4.0}, decay_factor=[("body", 3.0)])
    assert factors_of(groups, "body.weight", norm=False) == Factors(lr=2.0, weight_decay=3.0)
    assert factors_of(groups, "body.bias", norm=False) == Factors(lr=0.5, weight_decay=0.0)
    assert factors_of(groups, "head.bias", norm=False) == Factors(lr=1.0, weight_decay=0.0)
    assert factors_of(Groups(), "head.bias", norm=True) == Factors()


@pytest.mark.parametrize(
    "layer",
    [
        nn.BatchNorm1d(4),
        nn.BatchNorm2d(4),
        nn.BatchNorm3d(4),
        nn.SyncBatchNorm(4),
        nn.InstanceNorm2d(4, affine=True),
        nn.LayerNorm(4),
        nn.GroupNorm(2, 4),
        nn.RMSNorm(4),
        LlamaRMSNorm(),
        type("Renamed", (nn.LayerNorm,), {})(4),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_normalisation_layers(layer):
    model = nn.Sequential(nn.Linear(4, 4), layer)
    assert norm_parameters(model) == {f"1.{name}" for name, _ in layer.named_parameters()}
    assert norm_parameters(layer) == {name for name, _ in layer.named_parameters()}


@pytest.mark.parametrize("layer", [nn.Linear(4, 4), nn.MultiheadAttention(4, 2), nn.Embedding(3, 4)])
def test_other_layers_are_no_normalisation(layer):
    assert norm_parameters(nn.Sequential(layer)) == set()


def test_unmatched_patterns():
    groups = Groups(no_decay=("bias", "norm", "lost"), lr_factor={"head": 2.0, "body.*": 1.0})
    assert unmatched(groups, ["head.weight"]) == ["lost", "body.*"]


def test_whatever_comes_in_tuples_are_kept():
    groups = Groups(no_decay=["bias", "norm"], lr_factor={"a": 1}, decay_factor=[["b", 2]])
    assert groups == Groups(no_decay=("bias", "norm"), lr_factor=(("a", 1.0),), decay_factor=(("b", 2.0),))
    assert groups == Groups(no_decay="bias+norm", lr_factor=iter([("a", 1)]), decay_factor={"b": 2.0})
    assert hash(groups) == hash(Groups("bias+norm", {"a": 1}, {"b": 2}))
    assert groups
    assert not Groups()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"no_decay": 5}, "no_decay takes patterns"),
        ({"no_decay": None}, "no_decay takes patterns"),
        ({"no_decay": ["bias", 1]}, "no_decay takes patterns"),
        ({"no_decay": "bias+"}, "not empty"),
        ({"no_decay": ["a b"]}, "no blanks"),
        ({"no_decay": ["a\x00b"]}, "a pattern is"),
        ({"lr_factor": {"a,b": 1}}, "no blanks, commas"),
        ({"lr_factor": "head:1"}, "factors by pattern"),
        ({"lr_factor": ["head"]}, "factors by pattern"),
        ({"lr_factor": {"head": None}}, "factors by pattern"),
        ({"lr_factor": {"head": "1"}}, "factors by pattern"),
        ({"lr_factor": {"head": True}}, "factors by pattern"),
        ({"lr_factor": {1: 1.0}}, "factors by pattern"),
        ({"lr_factor": {"head": float("nan")}}, "factors by pattern"),
        ({"lr_factor": {"head": float("inf")}}, "factors by pattern"),
        ({"lr_factor": 3}, "factors by pattern"),
        ({"lr_factor": {"head": -0.1}}, "'head' must be at least 0; given -0.1"),
        ({"decay_factor": [("a", 1), ("a", 2)]}, "decay_factor gives 'a' twice"),
    ],
)
def test_groups_that_cannot_be(given, words):
    with pytest.raises(RecipeError) as raised:
        Groups(**given)
    assert words in str(raised.value)
