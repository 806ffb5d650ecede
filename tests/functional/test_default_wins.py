"""Tunes whose space is so bad that the default recipe is best: an answer like any other."""

import pytest

from surefoot.fleet import Plan
from surefoot.recipe import DEFAULT_RECIPE
from surefoot.reports.sentences import tied_settings
from surefoot.search.space import Range, SearchSpace
from surefoot.search.tune import tune


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_default_is_recommended_where_nothing_searched_is_better(optimizer):
    space = SearchSpace(optimizers=(optimizer,), lr=Range(1e-8, 1e-7))
    found = tune("wine", space=space, budget="18x", plan=Plan("stacked", 16))
    assert found.best.recipe in {DEFAULT_RECIPE, found.default_scheduled.recipe}
    assert found.lr is found.momentum is None  # nothing of its kind was searched
    assert "knows no range" in tied_settings(found)
    assert found.boundary == ()
