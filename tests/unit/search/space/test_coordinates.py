"""The map between the unit cube of a search and recipes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.core.errors import RecipeError
from surefoot.recipe.recipe import Recipe
from surefoot.search.space.axes import Range
from surefoot.search.space.coordinates import (
    MAX_FACTOR_ABOVE,
    MAX_FACTOR_BELOW,
    Coordinates,
    perturbed_point,
    sobol_points,
)
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
def test_the_point_of_a_recipe_is_the_one_it_was_made_from(rate, memory):
    # Settings are rounded to four digits; near momentum 0.99 that moves 1 / (1 - momentum) most.
    assert PLAIN.point(PLAIN.recipe((rate, memory))) == pytest.approx((rate, memory), abs=3e-3)


@given(point=st.tuples(*[unit] * len(EVERYTHING.axes)))
def test_recipes_of_a_space_with_every_setting_have_their_own_point(point):
    recipe = EVERYTHING.recipe(point)
    assert Recipe.parse(str(recipe)) == recipe
    again = EVERYTHING.recipe(EVERYTHING.point(recipe))
    assert (again.optimizer, type(again.lr)) == (recipe.optimizer, type(recipe.lr))
    assert again.effective_rate == pytest.approx(recipe.effective_rate, rel=2e-2)


def test_the_corners_of_the_cube_are_the_bounds():
    lowest = PLAIN.recipe((0.0, 0.0))
    assert (lowest.lr.highest, lowest.momentum.highest) == (1.0 / MAX_FACTOR_BELOW, 0.0)
    highest = PLAIN.recipe((1.0, 1.0))
    assert highest.effective_rate == pytest.approx(MAX_FACTOR_ABOVE)
    assert highest.momentum.highest == pytest.approx(0.99)


def test_bounds_on_the_learning_rate_make_it_the_first_axis():
    own = Coordinates.around(SearchSpace(lr=Range(0.01, 0.1), momentum=Range(0.9, 0.9)), {}, steps=1000)
    assert [axis.name for axis in own.axes] == ["rate"]
    assert str(own.recipe((1.0,))) == "sgd(lr=cosine(0.1), momentum=0.9)"


@pytest.mark.parametrize(("steps", "longest"), [(40, 5.0), (100_000, 100.0), (1, 2.0)])
def test_short_trainings_bound_the_momentum(steps, longest):
    highest = Coordinates.around(SearchSpace(), {"sgd": 1.0}, steps=steps).recipe((0.5, 1.0)).momentum.highest
    assert 1 / (1 - highest) == pytest.approx(longest, rel=1e-2)


@given(optimizer=st.sampled_from(["sgd", "rmsprop", "adam", "lion", "muon", "adagrad", "adafactor"]), rate=unit)
def test_the_first_axis_is_the_effective_rate_of_every_optimizer(optimizer, rate):
    coordinates = Coordinates.around(SearchSpace(optimizers=(optimizer,)), {optimizer: 2.0}, steps=1000)
    recipe = coordinates.recipe((rate,) + (0.5,) * (len(coordinates.axes) - 1))
    assert recipe.effective_rate == pytest.approx(
        2.0 / MAX_FACTOR_BELOW * (MAX_FACTOR_BELOW * MAX_FACTOR_ABOVE) ** rate, rel=1e-3
    )


@given(point=st.tuples(*[unit] * len(EVERYTHING.axes)))
def test_rate_and_memory_at_points_equal_those_of_the_recipes(point):
    """Up to the four digits of a recipe. Axes of settings that an optimizer does not have may differ."""
    expected = EVERYTHING.features(EVERYTHING.recipe(point))
    assert EVERYTHING.features_at([point])[0][:2] == pytest.approx(expected[:2], abs=0.02)


@given(point=st.tuples(unit, unit))
def test_features_at_points_equal_those_of_the_recipes(point):
    assert PLAIN.features_at([point])[0] == pytest.approx(PLAIN.features(PLAIN.recipe(point)), abs=0.02)


def test_sobol_points_are_even_in_every_quarter():
    """A Sobol sequence of 64 points puts 16 in every quarter; independent draws almost never do."""
    points = sobol_points(64, dimensions=2, generator=np.random.default_rng(0))
    quarters = [sum((x >= 0.5) == right and (y >= 0.5) == top for x, y in points) for right in (0, 1) for top in (0, 1)]
    assert quarters == [16, 16, 16, 16]


@given(x=unit, y=unit, seed=st.integers(0, 10_000))
def test_perturbed_points_stay_in_the_box(x, y, seed):
    box = ((-0.5, 1.0), (0.0, 1.2))
    point = perturbed_point((x, y), width=0.5, box=box, generator=np.random.default_rng(seed))
    assert all(low <= value <= high for value, (low, high) in zip(point, box, strict=True))


def test_a_space_without_anything_to_search_is_refused():
    with pytest.raises(RecipeError, match="nothing to search, every setting is a single number"):
        Coordinates.around(SearchSpace(lr=Range(0.1, 0.1), momentum=Range(0.9, 0.9)), {}, steps=100)


def test_an_optimizer_without_momentum_has_no_momentum_axis():
    coordinates = Coordinates.around(SearchSpace(optimizers=("adagrad",)), {"adagrad": 1.0}, steps=100)
    assert [axis.name for axis in coordinates.axes] == ["rate"]


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
def test_coordinates_cover_the_recipes_of_their_space_alone(text, covered):
    assert PLAIN.covers(Recipe.parse(text)) == covered


@pytest.mark.parametrize(
    ("text", "boundary"),
    [
        ("sgd(lr=cosine(0.01), momentum=0.9)", ("lr",)),
        ("sgd(lr=cosine(0.05), momentum=0.9)", ()),
        ("sgd(lr=cosine(0.099), momentum=0.99)", ("lr", "momentum")),
        ("sgd(lr=cosine(0.05), momentum=0)", ()),
    ],
)
def test_values_on_a_bound_of_the_space_are_named(text, boundary):
    space = SearchSpace(lr=Range(0.01, 0.1), momentum=Range(0.0, 0.99))
    assert Coordinates.around(space, {}, steps=1000).at_boundary(Recipe.parse(text)) == boundary
