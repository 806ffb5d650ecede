"""NAME=VALUE of the command line -> the settings of a search space."""

from __future__ import annotations

import pytest

from surefoot.core.errors import RecipeError
from surefoot.search.space.axes import Range
from surefoot.search.space.search_space import SearchSpace
from surefoot.search.space.space_text import read_settings


def space(*texts: str) -> SearchSpace:
    return SearchSpace.of(read_settings(texts))


def test_numbers_bounds_and_names():
    made = space("lr=0.01..1", "momentum=0.9", "optimizers=adamw,adam", "beta2=0.95", "no_decay=bias+norm")
    assert (made.lr, made.momentum) == (Range(0.01, 1.0), Range(0.9, 0.9))
    assert (made.optimizers, made.no_decay) == (("adamw", "adam"), ("bias+norm",))
    assert made.hyper == (("beta2", Range(0.95, 0.95)),)


def test_factors_by_pattern():
    assert space("lr_factor=head:10+body.*:0.1..1").lr_factor == (
        ("head", Range(10.0, 10.0)),
        ("body.*", Range(0.1, 1.0)),
    )


def test_truth_values():
    assert space("nesterov=true,false").nesterov == (True, False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("beta2", r"--set takes NAME=VALUE; given 'beta2'. Hint: as in --set beta2=0.9..0.999"),
        ("lr=", "--set takes NAME=VALUE"),
        ("lr=fast", r"lr is a number, or \[low, high\] with low <= high; given 'fast'"),
        ("lr=1..0.1", r"lr is a number, or \[low, high\] with low <= high; given \[1.0, 0.1\]"),
        ("lr_factor=head", "lr_factor takes PATTERN:FACTOR; given 'head'. Hint: as in head:10"),
        ("lr_factor=head:big", r"lr_factor is a number, or \[low, high\] with low <= high; given 'big'"),
    ],
)
def test_what_is_no_setting(text, message):
    with pytest.raises(RecipeError, match=message):
        space(text)


def test_twice():
    with pytest.raises(RecipeError, match="--set gives lr twice"):
        space("lr=0.1", "lr=0.2")
