"""What holds for every recipe, and for texts and data that are none."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.property.strategies import recipes

from surefoot.core.errors import RecipeError
from surefoot.export.pytorch import pytorch_code
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.constant import Constant
from surefoot.schedules.text import parse_schedule

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
scraps = st.sampled_from(
    [
        "(",
        ")",
        ",",
        "=",
        "%",
        "+",
        "-",
        ":",
        " for ",
        " then ",
        "1e999",
        "nan",
        "0%",
        "\n",
        "\x00",
        "٣",
        "lr",
        "true",
        "cosine(",
    ]
)


def allowed_only_as_recipe_error(read, *given_things):
    """Read it; what goes wrong is a RecipeError of one line."""
    try:
        return read(*given_things)
    except RecipeError as error:
        message = str(error)
        assert message
        assert message.splitlines() == [message]
        assert message.isprintable()
        assert len(message) < 1000
        return None


@given(recipes())
def test_text_round_trip(recipe):
    again = Recipe.parse(str(recipe))
    assert again == recipe
    assert hash(again) == hash(recipe)
    assert str(again) == str(recipe)


@given(recipes())
def test_json_round_trip(recipe):
    text = json.dumps(recipe.to_json(), allow_nan=False)
    assert Recipe.from_json(json.loads(text)) == recipe


@given(recipes(), st.floats(0, 5))
def test_with_changes_one_setting_and_no_other(recipe, rate):
    changed = recipe.with_(lr=rate)
    assert changed.lr == Constant(rate)
    assert changed.with_(lr=recipe.lr) == recipe


@given(recipes(), st.integers(1, 300))
def test_the_pasted_code_compiles(recipe, steps):
    with suppress(RecipeError):  # a schedule may leave its bounds in so many steps
        compile(pytorch_code(recipe, steps=steps), "pasted", "exec")


@given(st.text(max_size=60))
def test_any_text_is_a_recipe_or_a_recipe_error(text):
    allowed_only_as_recipe_error(Recipe.parse, text)
    allowed_only_as_recipe_error(parse_schedule, text)
    allowed_only_as_recipe_error(Recipe.parse, f"sgd({text})")
    allowed_only_as_recipe_error(Recipe.parse, f"sgd(lr={text})")
    allowed_only_as_recipe_error(Recipe.parse, f"adamw(no_decay={text}, lr_factor={text})")
    allowed_only_as_recipe_error(parse_schedule, f"triangular(1, up={text})")


@given(recipes(), st.data())
def test_a_recipe_with_typos_is_a_recipe_or_a_recipe_error(recipe, data):
    text = str(recipe)
    for _ in range(data.draw(st.integers(1, 3))):
        begin = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(begin, min(len(text), begin + 5)))
        text = text[:begin] + data.draw(scraps | st.just("")) + text[end:]
    read = allowed_only_as_recipe_error(Recipe.parse, text)
    assert read is None or Recipe.parse(str(read)) == read


@given(json_values)
def test_any_json_is_a_recipe_or_a_recipe_error(value):
    allowed_only_as_recipe_error(Recipe.from_json, value)
    if isinstance(value, dict):
        allowed_only_as_recipe_error(Recipe.from_json, {"optimizer": "sgd"} | value)


@given(recipes(), json_values, st.data())
def test_a_recipe_with_one_odd_value_in_its_json_is_a_recipe_or_a_recipe_error(recipe, value, data):
    flat = recipe.to_json()
    flat[data.draw(st.sampled_from(sorted(flat)))] = value
    read = allowed_only_as_recipe_error(Recipe.from_json, flat)
    assert read is None or Recipe.from_json(read.to_json()) == read


@given(recipes(), st.sampled_from([float("nan"), float("inf"), -1.0, 10**400, "x", None, True, [], {}]))
def test_no_recipe_has_a_learning_rate_that_is_none(recipe, rate):
    with pytest.raises(RecipeError):
        recipe.with_(lr=rate)
