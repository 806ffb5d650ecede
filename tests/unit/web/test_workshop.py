import numpy as np
import pytest

from surefoot.core.errors import QueryError, RecipeError
from surefoot.export.pytorch import pytorch_code
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.text import parse_schedule
from surefoot.web.schedule_editor import FRESH, answer
from surefoot.web.server import Query


@pytest.mark.parametrize("shape", FRESH)
def test_every_shape_begins_as_something_that_can_be_shown(shape):
    found = answer(Query({"schedule": FRESH[shape], "length": "300"}))
    assert found["parts"][0]["shape"] == shape
    expected = parse_schedule(FRESH[shape]).values(np.arange(300), 300)
    np.testing.assert_array_equal(found["values"], expected)


def test_recipe_and_code_are_those_of_the_library():
    found = answer(Query({"schedule": "0.2 for 30% then cosine(0.2)", "optimizer": "nesterov", "momentum": "0.8"}))
    recipe = "sgd(lr=0.2 for 30% then cosine(0.2), momentum=0.8, nesterov=true)"
    assert found["recipe"] == recipe
    assert found["code"] == pytorch_code(Recipe.parse(recipe), steps=1000)


def test_the_momentum_may_have_a_schedule():
    found = answer(Query({"momentum": "linear(0.5, final=0.9)", "length": "3"}))
    assert found["recipe"] == "sgd(lr=cosine(0.3, warmup=5%), momentum=linear(0.5, final=0.9))"
    assert found["momentum"] == "linear(0.5, final=0.9)"
    assert found["momenta"] == pytest.approx([0.5, 0.5 + 0.4 / 3, 0.5 + 0.8 / 3])
    assert answer(Query({"optimizer": "adam", "momentum": "wsd(0.9)"}))["recipe"].endswith("beta1=wsd(0.9))")
    assert answer(Query({"optimizer": "adagrad", "momentum": "wsd(0.9)"}))["momenta"] is None


def test_long_curves_are_thinned_to_their_ends():
    found = answer(Query({"schedule": "linear(1)", "length": "10000000"}))
    assert len(found["steps"]) == 1000
    assert (found["steps"][0], found["steps"][-1]) == (0, 9_999_999)


def test_choices_are_offered_where_there_are_some():
    (part,) = answer(Query({"schedule": "wsd(0.1)"}))["parts"]
    options = {field["name"]: field["options"] for field in part["fields"]}
    assert options == {"peak": None, "decay": None, "final": None, "shape": ["linear", "cosine", "sqrt"]}


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"schedule": "cosin(0.1)"}, RecipeError, "did you mean cosine"),
        ({"schedule": "1" * 501}, QueryError, "at most 500 characters"),
        ({"length": "0"}, QueryError, "from 1 to 10000000"),
        ({"optimizer": "x"}, QueryError, "optimizer is one of"),
        ({"momentum": "2"}, QueryError, "the dial momentum"),
        ({"momentum": "linear(2)"}, RecipeError, "momentum must be at least 0 and below 1"),
        ({"schedule": "-0.1"}, RecipeError, "lr must be at least 0"),
    ],
)
def test_what_is_wrong_is_said(given, error, said):
    with pytest.raises(error, match=said):
        answer(Query(given))
