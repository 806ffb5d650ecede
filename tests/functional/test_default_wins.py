"""Searches of a space so bad that the default recipe is better: it is trained beside the answer, and recommended."""

import pytest

from surefoot.fleet.plan import Plan
from surefoot.search.rate_bracketing import default_recipe
from surefoot.search.space.axes import Range
from surefoot.search.space.search_space import SearchSpace
from surefoot.search.tune import tune


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_default_is_recommended_if_no_recipe_of_the_space_is_better(optimizer):
    space = SearchSpace(optimizers=(optimizer,), lr=Range(1e-8, 1e-7))
    found = tune("wine", steps=100, space=space, budget="10x", plan=Plan("stacked", 16))
    assert found.recipe == found.best.recipe == default_recipe(optimizer)
    assert found.best.valid.seeds > 1
    assert found.good_range is None  # nothing of its kind was searched
    assert found.boundary == ()
