"""Searched settings besides rate, momentum, optimizer and schedule, in the recipes of a search."""

from __future__ import annotations

import numpy as np
import pytest

from surefoot.search.space.coordinates import MAX_FACTOR_ABOVE, MAX_FACTOR_BELOW, Coordinates, sobol_points
from surefoot.search.space.search_space import SearchSpace


def recipes_of(data, *, optimizer="sgd", points=20):
    space = SearchSpace.of({"optimizers": optimizer, **data})
    coordinates = Coordinates.around(space, {optimizer: 0.1}, steps=1000)
    generator = np.random.default_rng(0)
    sample = sobol_points(points, dimensions=len(coordinates.axes), generator=generator)
    return coordinates, [coordinates.recipe(point) for point in sample]


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
def test_a_fixed_setting_is_in_every_recipe(optimizer, data, parts):
    coordinates, recipes = recipes_of(data, optimizer=optimizer)
    assert len(coordinates.axes) == 2 - ("momentum" in data)
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
    coordinates, recipes = recipes_of({name: [*bounds]}, optimizer=optimizer)
    values = [recipe.schedule(name).highest for recipe in recipes]
    assert bounds[0] <= min(values) < middle < max(values) <= bounds[1]
    assert coordinates.recipe(coordinates.middle(optimizer)).schedule(name).highest == pytest.approx(middle)


def test_groups_and_momentum_schedules_are_searched():
    _, recipes = recipes_of({"weight_decay": 1e-4, "no_decay": ["", "bias"], "lr_factor": {"head": [1, 30]}})
    assert {recipe.groups.no_decay for recipe in recipes} == {(), ("bias",)}
    factors = [factor for recipe in recipes for _, factor in recipe.groups.lr_factor]
    assert 1 <= min(factors) < 3
    assert 10 < max(factors) <= 30
    _, recipes = recipes_of({"momentum_schedules": ["constant", "warmup", "linear", "onecycle"]}, points=64)
    assert {recipe.momentum.name for recipe in recipes} == {"constant", "warmup", "linear", "onecycle"}


def test_dampening_does_not_change_the_effective_rate():
    """A constant gradient moves the weights by lr (1 - dampening) / (1 - momentum) a step."""
    coordinates, recipes = recipes_of({"dampening": [0.0, 0.9], "momentum": 0.9})
    low, high = 0.1 / MAX_FACTOR_BELOW, 0.1 * MAX_FACTOR_ABOVE
    for recipe in recipes:
        step = recipe.lr.highest * (1 - recipe.schedule("dampening").highest) / 0.1
        assert low * 0.99 <= step <= high * 1.01
        assert coordinates.features_at([coordinates.point(recipe)])[0] == pytest.approx(
            coordinates.features(recipe), abs=0.01
        )
