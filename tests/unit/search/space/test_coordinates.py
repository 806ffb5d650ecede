"""The map between the unit cube and recipes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.core.errors import RecipeError
from surefoot.recipe.recipe import Recipe
from surefoot.search.space.axes import Range
from surefoot.search.space.coordinates import ABOVE, BELOW, Coordinates, near, spread
from surefoot.search.space.search_space import SearchSpace

PLAIN = Coordinates.around(SearchSpace(), {"sgd": 1.0}, steps=1000)
WIDE = SearchSpace(
    optimizers=("sgd", "adam", "muon", "adagrad"),
    schedules=("cosine", "wsd", "linear", "constant", "inverse_sqrt"),
    weight_decay=Range(1e-5, 1e-1),
    clip=Range(0.1, 10.0),
    lr_factor=(("head", Range(1.0, 30.0)),),
).adding("nesterov", "warmup", "final", "momentum_schedules", "beta2", "eps", "no_decay")
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
    assert again.effective_rate == pytest.approx(recipe.effective_rate, rel=2e-2)


def test_the_corners_are_the_bounds():
    lowest = PLAIN.recipe((0.0, 0.0))
    assert (lowest.lr.highest, lowest.momentum.highest) == (1.0 / BELOW, 0.0)
    highest = PLAIN.recipe((1.0, 1.0))
    assert highest.effective_rate == pytest.approx(ABOVE)
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
    assert recipe.effective_rate == pytest.approx(2.0 / BELOW * (BELOW * ABOVE) ** rate, rel=1e-3)


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
        ({"lr": [1.0, 0.1]}, r"lr is a number, or \[low, high\] with low <= high; given \[1.0, 0.1\]"),
        ({"lr": 0.0}, "lr is above 0"),
        ({"momentum": [0.5, 1.0]}, "momentum is at least 0 and at most 0.9999"),
        ({"nesterov": "yes"}, r"nesterov is true, false or \[false, true\]"),
        ({"optimizers": ["adam"], "nesterov": True}, "nesterov is for sgd and muon"),
        ({"optimizers": []}, "optimizers names none"),
        ({"optimizers": "adam", "beta2": 1.0}, "beta2 is at least 0 and below 1; given 1"),
        ({"beta2": 0.9}, "beta2 is for adam.*; given sgd"),
        ({"beat2": 0.9}, "Hint: did you mean beta2"),
        ({"optimizers": "adam", "eps": [0, 1e-3]}, "eps is searched by factors, above 0"),
        ({"nesterov": True, "dampening": 0.5}, "nesterov goes without dampening"),
        ({"dampening": [0.0, 1.0]}, "dampening is at least 0 and below 1"),
        ({"momentum_schedules": "cycle"}, "no momentum schedule 'cycle'; there are constant, warmup, onecycle, linear"),
        ({"no_decay": "bias"}, "no_decay needs a weight_decay; sgd has none unless the space has it"),
        ({"optimizers": "adamw", "no_decay": "bi as"}, "a pattern is not empty and without blanks"),
        ({"lr_factor": 3.0}, r"lr_factor is factors by pattern, as in \{head = \[1, 30\]\}; given 3.0"),
        ({"lr_factor": {"head": 0.0}}, "lr_factor of head is above 0"),
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


def recipes_of(data, *, optimizer="sgd", points=20):
    space = SearchSpace.of({"optimizers": optimizer, **data})
    where = Coordinates.around(space, {optimizer: 0.1}, steps=1000)
    generator = np.random.default_rng(0)
    return where, [where.recipe(point) for point in spread(points, dimensions=len(where.axes), generator=generator)]


@pytest.mark.parametrize(
    ("optimizer", "data", "parts"),
    [
        ("adam", {"beta2": 0.95}, "beta2=0.95"),
        ("adam", {"eps": 1e-5}, "eps=1e-05"),
        ("adamw", {"no_decay": "bias+norm"}, "no_decay=bias+norm"),
        ("sgd", {"lr_factor": {"head": 10.0}}, "lr_factor=head:10"),
        ("sgd", {"momentum": 0.9, "momentum_schedules": "linear"}, "momentum=linear(0.9)"),
        ("sgd", {"momentum": 0.95, "momentum_schedules": "onecycle"}, "onecycle(0.85, start=0.95, final=0.95)"),
        ("sgd", {"dampening": 0.5}, "dampening=0.5"),
    ],
)
def test_a_setting_of_one_value_is_in_every_recipe(optimizer, data, parts):
    where, recipes = recipes_of(data, optimizer=optimizer)
    assert len(where.axes) == 2 - ("momentum" in data)
    assert all(parts in str(recipe) for recipe in recipes)


@pytest.mark.parametrize(
    ("optimizer", "name", "bounds", "middle"),
    [
        ("adam", "beta2", (0.9, 0.999), 0.99),  # evenly in the steps over which it averages
        ("rmsprop", "alpha", (0.9, 0.999), 0.99),
        ("adam", "eps", (1e-8, 1e-2), 1e-5),
        ("adafactor", "d", (1.0, 4.0), 2.0),
        ("sgd", "dampening", (0.0, 0.9), 0.45),
    ],
)
def test_any_hyperparameter_is_searched_between_its_bounds(optimizer, name, bounds, middle):
    where, recipes = recipes_of({name: [*bounds]}, optimizer=optimizer)
    values = [recipe.schedule(name).highest for recipe in recipes]
    assert bounds[0] <= min(values) < middle < max(values) <= bounds[1]
    assert where.recipe(where.middle(optimizer)).schedule(name).highest == pytest.approx(middle)


def test_groups_and_momentum_schedules_are_searched():
    _, recipes = recipes_of({"weight_decay": 1e-4, "no_decay": ["", "bias"], "lr_factor": {"head": [1, 30]}})
    assert {recipe.groups.no_decay for recipe in recipes} == {(), ("bias",)}
    factors = [factor for recipe in recipes for _, factor in recipe.groups.lr_factor]
    assert 1 <= min(factors) < 3
    assert 10 < max(factors) <= 30
    _, recipes = recipes_of({"momentum_schedules": ["constant", "warmup", "linear", "onecycle"]}, points=64)
    assert {recipe.momentum.name for recipe in recipes} == {"constant", "warmup", "linear", "onecycle"}


def test_dampening_leaves_the_effective_rate_as_it_is():
    """A constant gradient moves the weights by lr (1 - dampening) / (1 - momentum) a step."""
    where, recipes = recipes_of({"dampening": [0.0, 0.9], "momentum": 0.9})
    low, high = 0.1 / BELOW, 0.1 * ABOVE
    for recipe in recipes:
        moves = recipe.lr.highest * (1 - recipe.schedule("dampening").highest) / 0.1
        assert low * 0.99 <= moves <= high * 1.01
        assert where.features_at([where.point(recipe)])[0] == pytest.approx(where.features(recipe), abs=0.01)


@pytest.mark.parametrize(
    ("text", "covered"),
    [
        ("sgd(lr=cosine(0.1), momentum=0.9)", True),
        ("sgd(lr=cosine(1e-9), momentum=0.999)", True),
        ("sgd(lr=cosine(0.1), momentum=0.9, nesterov=true)", False),
        ("sgd(lr=cosine(0.1), momentum=0.9, weight_decay=0.1)", False),
        ("sgd(lr=cosine(0.1), momentum=linear(0.9))", False),
        ("sgd(lr=cosine(0.1), momentum=0.9, clip=1)", False),
        ("sgd(lr=cosine(0.1), momentum=0.9, lr_factor=head:10)", False),
        ("sgd(lr=linear(0.1), momentum=0.9)", False),
        ("adam(lr=cosine(0.1))", False),
    ],
)
def test_only_recipes_of_the_space_speak_for_it(text, covered):
    assert PLAIN.covers(Recipe.parse(text)) == covered


def test_a_space_of_everything_goes_through_json():
    assert SearchSpace.of(WIDE.to_json()) == WIDE
