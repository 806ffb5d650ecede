import numpy as np
import pytest

from surefoot.core.errors import QueryError, RecipeError
from surefoot.export.pytorch import pytorch_code
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.text import parse_schedule
from surefoot.web.query_parameters import Query
from surefoot.web.schedule_editor import INITIAL_PARTS, schedule_data


@pytest.mark.parametrize("shape", INITIAL_PARTS)
def test_the_initial_part_of_every_shape_is_valid(shape):
    found = schedule_data(Query({"schedule": INITIAL_PARTS[shape], "length": "300"}))
    assert found["parts"][0]["shape"] == shape
    expected = parse_schedule(INITIAL_PARTS[shape]).values(np.arange(300), 300)
    np.testing.assert_array_equal(found["values"], expected)


def test_recipe_and_code_equal_those_of_the_library():
    found = schedule_data(
        Query({"schedule": "0.2 for 30% then cosine(0.2)", "optimizer": "nesterov", "momentum": "0.8"})
    )
    recipe = "sgd(lr=0.2 for 30% then cosine(0.2), momentum=0.8, nesterov=true)"
    assert found["recipe"] == recipe
    assert found["code"] == pytorch_code(Recipe.parse(recipe), steps=1000)


def test_the_momentum_may_have_a_schedule():
    found = schedule_data(Query({"momentum": "linear(0.5, final=0.9)", "length": "3"}))
    assert found["recipe"] == "sgd(lr=cosine(0.3, warmup=5%), momentum=linear(0.5, final=0.9))"
    assert found["momentum"] == "linear(0.5, final=0.9)"
    assert found["momentum_values"] == pytest.approx([0.5, 0.5 + 0.4 / 3, 0.5 + 0.8 / 3])
    assert schedule_data(Query({"optimizer": "adam", "momentum": "wsd(0.9)"}))["recipe"].endswith("beta1=wsd(0.9))")
    assert schedule_data(Query({"optimizer": "adagrad", "momentum": "wsd(0.9)"}))["momentum_values"] is None


def test_a_long_curve_is_sampled_with_both_ends():
    found = schedule_data(Query({"schedule": "linear(1)", "length": "10000000"}))
    assert len(found["steps"]) == 1000
    assert (found["steps"][0], found["steps"][-1]) == (0, 9_999_999)


def test_a_field_with_choices_lists_them():
    (part,) = schedule_data(Query({"schedule": "wsd(0.1)"}))["parts"]
    options = {field["name"]: field["options"] for field in part["fields"]}
    assert options == {"peak": None, "decay": None, "final": None, "shape": ["linear", "cosine", "sqrt"]}


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"schedule": "cosin(0.1)"}, RecipeError, "did you mean cosine"),
        ({"schedule": "1" * 501}, QueryError, "at most 500 characters"),
        ({"length": "0"}, QueryError, "from 1 to 10000000"),
        ({"optimizer": "x"}, QueryError, "optimizer must be one of"),
        ({"momentum": "2"}, QueryError, "momentum must be a number from 0 to 0.999"),
        ({"momentum": "linear(2)"}, RecipeError, "momentum must be at least 0 and below 1"),
        ({"schedule": "-0.1"}, RecipeError, "lr must be at least 0"),
    ],
)
def test_invalid_parameters_are_refused(given, error, message):
    with pytest.raises(error, match=message):
        schedule_data(Query(given))
