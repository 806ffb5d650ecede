"""The map against the theory's own limits, and against balls let loose on both sides of its line."""

import json
from functools import partial

import numpy as np
import pytest
import torch

from surefoot.recipe.recipe import Recipe
from surefoot.surfaces.descent import descend
from surefoot.surfaces.one_dimensional import DoubleWell
from surefoot.surfaces.quadratics import Bowl, Ravine
from surefoot.surfaces.surface import Noise
from surefoot.theory.convergence import rate
from surefoot.theory.linear_method import heavy_ball, nesterov
from surefoot.theory.noisy_quadratic import noisy_limit
from surefoot.theory.stability import heavy_ball_limit, nesterov_limit
from surefoot.web.convergence_map import plane, standing

METHODS = {"heavy-ball": (heavy_ball, heavy_ball_limit), "nesterov": (nesterov, nesterov_limit)}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("surface", [Bowl(), Ravine(50.0), DoubleWell()])
def test_the_line_is_the_limit_of_stability(method, surface):
    found = plane(surface, 0.0, method)
    limit = METHODS[method][1]
    expected = [limit(surface.curvatures[-1], momentum=each) for each in found["momentum"]]
    np.testing.assert_allclose(found["limit"], expected, rtol=1e-6)
    assert found["exact"] == surface.quadratic


@pytest.mark.parametrize("noise", [0.2, 0.8])
def test_with_noise_it_is_the_limit_of_the_noisy_quadratic(noise):
    found = plane(Ravine(5.0), noise, "heavy-ball")
    for at in (0, 13, 39):
        method = partial(heavy_ball, momentum=found["momentum"][at])
        assert found["limit"][at] == pytest.approx(noisy_limit(method, 1.0, noise), rel=1e-6)


def test_the_colour_is_the_exact_rate():
    found = plane(Bowl(), 0.0, "heavy-ball")
    lr, momentum = np.array(found["lr"]), np.array(found["momentum"])
    expected = rate(heavy_ball(lr[None, :], momentum[:, None]), 1.0)
    steps = np.array([np.inf if each is None else each for each in found["steps"]]).reshape(expected.shape)
    np.testing.assert_array_equal(np.isinf(steps), expected >= 1.0)
    np.testing.assert_allclose(0.1 ** (1.0 / steps), np.minimum(expected, 1.0), rtol=1e-3)


def test_steady_shrinking_ends_where_the_roots_become_complex():
    found = plane(Bowl(), 0.0, "heavy-ball")
    expected = (1.0 - np.sqrt(found["momentum"])) ** 2
    inside = expected > found["lr"][0]
    np.testing.assert_allclose(np.array(found["monotone"])[inside], expected[inside], rtol=1e-6)


@pytest.mark.parametrize("noise", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_no_ball_crosses_the_line(noise, momentum):
    """Below the line every ball of many comes back, above it a noiseless one goes away."""
    recipe = f"sgd(lr={{}}, momentum={momentum})"
    limit = standing(Bowl(), noise, Recipe.parse(recipe.format(1e-3)))["limit"]
    stable = Recipe.parse(recipe.format(0.9 * limit))
    assert standing(Bowl(), noise, stable)["region"] != "divergent"
    for seed in range(20):
        luck = torch.Generator().manual_seed(seed)
        way = descend(Bowl(), [stable], steps=800, noise=Noise(0.0, noise), generator=luck).positions
        assert abs(way[0, -1, 0]) < 2.4
    lost = Recipe.parse(recipe.format(1.1 * limit))
    assert standing(Bowl(), noise, lost)["region"] == "divergent"
    if not noise:
        assert abs(descend(Bowl(), [lost], steps=800).positions[0, -1, 0]) > 1e3


def test_the_floor_is_what_noise_keeps_up():
    found = standing(Bowl(), 0.4, Recipe.parse("sgd(lr=0.3, momentum=0.5)"))["floor"]
    luck = torch.Generator().manual_seed(0)
    way = descend(
        Bowl(), [Recipe.parse("sgd(lr=0.3, momentum=0.5)")], steps=40_000, noise=Noise(0.4, 0.4), generator=luck
    ).positions
    assert np.sqrt(np.square(way[0, 500:, 0]).mean()) == pytest.approx(found, rel=0.05)


@pytest.mark.parametrize(
    ("recipe", "why"),
    [
        ("adam(lr=0.1)", "adam scales its steps"),
        ("sgd(lr=0.1, momentum=0.9, dampening=0.5)", "dampened"),
        ("sgd(lr=0.1, clip=1)", "without clipping"),
        ("sgd(lr=0.1, weight_decay=0.1)", "weight decay"),
    ],
)
def test_who_has_no_place_is_told_why(recipe, why):
    assert why in standing(Bowl(), 0.0, Recipe.parse(recipe))["why"]


def test_noise_is_left_aside_where_the_model_is_none():
    assert plane(DoubleWell(), 0.5, "heavy-ball")["noise"] == 0.0
    assert standing(DoubleWell(), 0.5, Recipe())["floor"] is None


def test_region_names_stand_in_their_regions():
    found = plane(Bowl(), 0.0, "heavy-ball")
    assert {each["word"] for each in found["names"]} >= {"monotone", "oscillates"}
    for each in found["names"]:
        stable = found["steps"][each["row"] * len(found["lr"]) + each["column"]] is not None
        assert stable == (each["word"] != "diverges")


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_a_rate_beyond_all_numbers_still_has_a_place(noise):
    found = standing(Bowl(), noise, Recipe.parse("sgd(lr=1e308, momentum=0.5)"))
    assert (found["region"], found["steps"]) == ("divergent", None)
    json.dumps(found, allow_nan=False)
