"""What find and tune make of their arguments."""

import pytest

from surefoot.core.errors import RecipeError
from surefoot.search.request import Request
from surefoot.search.space.search_space import SearchSpace


def request(**settings):
    return Request.of(
        "tune", "wine", budget="3x", **{"space": None, "settings": None, "output": None, "progress": None} | settings
    )


def test_optimizers_and_schedules_replace_those_of_the_space():
    space = SearchSpace(optimizers=("adam",), schedules=("linear",), nesterov=(False,))
    assert request(space=space).space == space
    assert request(space=space, optimizers=["sgd", "adamw"]).space.optimizers == ("sgd", "adamw")
    assert request(space=space, optimizers=["sgd"]).space.schedules == ("linear",)
    assert request(schedules=("cosine", "wsd")).space == SearchSpace(schedules=("cosine", "wsd"))


@pytest.mark.parametrize(
    ("choice", "words"), [({"optimizers": ("sgdd",)}, "sgdd"), ({"schedules": ("cosin",)}, "cosine")]
)
def test_an_unknown_name_is_refused(choice, words):
    with pytest.raises(RecipeError, match=words):
        request(**choice)
