"""The map between the unit cube and recipes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.errors import RecipeError
from surefoot.recipe import Recipe
from surefoot.recipe.families import effective_rate
from surefoot.search.space import Coordinates, Range, SearchSpace, near, spread
from surefoot.search.space.coordinates import ABOVE, BELOW

PLAIN = Coordinates.around(SearchSpace(), {"sgd": 1.0}, steps=1000)
WIDE = SearchSpace(
    optimizers=("sgd", "adam", "muon", "adagrad"),
    schedules=("cosine", "wsd", "linear", "constant", "inverse_sqrt"),
    weight_decay=Range(1e-5, 1e-1),
    clip=Range(0.1, 10.0),
).adding("nesterov", "warmup", "final")
EVERYTHING = Coordinates.around(WIDE, {"sgd": 1.0, "adam": 0.01, "muon": 0.1, "adagrad": 0.1}, steps=1000)
unit = st.floats(0.0, 1.0)


@given(rate=unit, memory=unit)
def test_a_recipe_leads_back_to_its_point(rate, memory):
    # Settings are rounded to four digits; near momentum 0.99 that moves 1 / (1 - momentum) most.
    assert PLAIN.point(PLAIN.recipe((rate, memory))) == pytest.approx((rate, memory), abs=3e-3)


@given(point=st.tuples(*[unit] * len(EVERYTHING.axes)))
def test_every_point_of_a_space_of_everything_is_a_recipe_that_leads_back(point):
    recipe = EVERYTHING.recipe(point)
    assert Recipe.parse(str(recipe)) == recipe
    again = EVERYTHING.recipe(EVERYTHING.point(recipe))
    assert (again.optimizer, type(again.lr)) == (recipe.optimizer, type(recipe.lr))
    assert effective_rate(again) == pytest.approx(effective_rate(recipe), rel=2e-2)


def test_the_corners_are_the_bounds():
    lowest = PLAIN.recipe((0.0, 0.0))
    assert (lowest.lr.highest, lowest.momentum.highest) == (1.0 / BELOW, 0.0)
    highest = PLAIN.recipe((1.0, 1.0))
    assert effective_rate(highest) == pytest.approx(ABOVE)
    assert highest.momentum.highest == pytest.approx(0.99)


def test_a_users_learning_rate_is_the_axis_itself():
    own = Coordinates.around(SearchSpace(lr=Range(0.01, 0.1), momentum=Range(0.9, 0.9)), {}, steps=1000)
    assert [axis.name for axis in own.axes] == ["rate"]
    assert str(own.recipe((1.0,))) == "sgd(lr=cosine(0.1), momentum=0.9)"


@pytest.mark.parametrize(("steps", "longest"), [(40, 5.0), (100_000, 100.0), (1, 2.0)])
def test_short_trainings_get_short_memories(steps, longest):
    highest = Coordinates.around(SearchSpace(), {"sgd": 1.0}, steps=steps).recipe((0.5, 1.0)).momentum.highest
    assert 1 / (1 - highest) == pytest.approx(longest, rel=1e-2)


@given(optimizer=st.sampled_from(["sgd", "rmsprop", "adam", "lion", "muon", "adagrad", "adafactor"]), rate=unit)
def test_the_first_axis_is_the_effective_rate_of_every_optimizer(optimizer, rate):
    where = Coordinates.around(SearchSpace(optimizers=(optimizer,)), {optimizer: 2.0}, steps=1000)
    recipe = where.recipe((rate,) + (0.5,) * (len(where.axes) - 1))
    assert effective_rate(recipe) == pytest.approx(2.0 / BELOW * (BELOW * ABOVE) ** rate, rel=1e-3)


@given(point=st.tuples(*[unit] * len(EVERYTHING.axes)))
def test_rate_and_memory_of_points_are_those_of_their_recipes(point):
    """But for the four digits of a recipe. An axis that an optimizer does not have says nothing, and may differ."""
    made = EVERYTHING.features(EVERYTHING.recipe(point))
    assert EVERYTHING.features_at([point])[0][:2] == pytest.approx(made[:2], abs=0.02)


@given(point=st.tuples(unit, unit))
def test_features_of_points_are_those_of_their_recipes(point):
    assert PLAIN.features_at([point])[0] == pytest.approx(PLAIN.features(PLAIN.recipe(point)), abs=0.02)


def test_spread_points_are_even_in_every_quarter():
    """A Sobol sequence of 64 points puts 16 in every quarter; independent draws almost never do."""
    points = spread(64, dimensions=2, generator=np.random.default_rng(0))
    quarters = [sum((x >= 0.5) == right and (y >= 0.5) == top for x, y in points) for right in (0, 1) for top in (0, 1)]
    assert quarters == [16, 16, 16, 16]


@given(x=unit, y=unit, seed=st.integers(0, 10_000))
def test_near_points_stay_in_the_box(x, y, seed):
    box = ((-0.5, 1.0), (0.0, 1.2))
    point = near((x, y), width=0.5, box=box, generator=np.random.default_rng(seed))
    assert all(low <= value <= high for value, (low, high) in zip(point, box, strict=True))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"optimizer": ["sgd"]}, "Hint: did you mean optimizers"),
        ({"optimizers": ["sdg"]}, "no optimizer 'sdg'"),
        ({"schedules": ["cosin"]}, "no schedule 'cosin'"),
        ({"lr": [1.0, 0.1]}, r"lr is a number, or \[low, high\]; given \[1.0, 0.1\]"),
        ({"lr": 0.0}, "lr is above 0"),
        ({"momentum": [0.5, 1.0]}, "momentum is at least 0 and at most 0.9999"),
        ({"nesterov": "yes"}, r"nesterov is true, false or \[false, true\]"),
        ({"optimizers": ["adam"], "nesterov": True}, "nesterov is for sgd and muon"),
        ({"optimizers": []}, "optimizers names none"),
    ],
)
def test_wrong_spaces_are_refused_in_one_line(data, message):
    with pytest.raises(RecipeError, match=message) as refused:
        SearchSpace.of(data)
    assert "\n" not in str(refused.value)


@given(
    data=st.fixed_dictionaries(
        {"momentum": st.just([0.5, 0.9])},
        optional={"lr": st.just([0.1, 1.0]), "clip": st.just([1.0, 2.0]), "nesterov": st.just([False, True])},
    )
)
def test_spaces_go_through_json(data):
    space = SearchSpace.of(data)
    assert SearchSpace.of(space.to_json()) == space


def test_a_space_of_single_numbers_is_refused():
    with pytest.raises(RecipeError, match="nothing to search, every setting is one number"):
        Coordinates.around(SearchSpace(lr=Range(0.1, 0.1), momentum=Range(0.9, 0.9)), {}, steps=100)


def test_an_optimizer_without_momentum_has_no_such_axis():
    where = Coordinates.around(SearchSpace(optimizers=("adagrad",)), {"adagrad": 1.0}, steps=100)
    assert [axis.name for axis in where.axes] == ["rate"]
