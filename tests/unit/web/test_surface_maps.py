"""The map against the theory's limits, and against descents on both sides of its stability boundary."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest
import torch

from surefoot.recipe.recipe import Recipe
from surefoot.surfaces import SURFACES, surface_named
from surefoot.surfaces.benchmark_functions import DoubleWell
from surefoot.surfaces.descent import descend
from surefoot.surfaces.quadratics import Bowl, Ravine
from surefoot.surfaces.surface import Noise
from surefoot.theory.convergence import convergence_rate
from surefoot.theory.linear_method import heavy_ball, nesterov
from surefoot.theory.noisy_quadratic import noisy_limit
from surefoot.theory.stable_and_best_rates import heavy_ball_limit, nesterov_limit
from surefoot.web.query_parameters import Query
from surefoot.web.surface_maps import convergence_map, recipe_convergence, surface_data

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", SURFACES)
def test_the_losses_of_a_surface_come_row_by_row(name):
    answer = surface_data(Query({"surface": name}))
    surface = surface_named(name)
    assert len(answer["values"]) == np.prod(answer["counts"])
    last = surface.value(torch.tensor([high for _, high in surface.box], dtype=torch.float64))
    corner = surface.value(torch.tensor([surface.box[0][1], *[low for low, _ in surface.box[1:]]], dtype=torch.float64))
    assert answer["values"][-1] == pytest.approx(float(last), rel=1e-5)
    assert answer["values"][answer["counts"][0] - 1] == pytest.approx(float(corner), rel=1e-5)


METHODS = {"heavy-ball": (heavy_ball, heavy_ball_limit), "nesterov": (nesterov, nesterov_limit)}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("surface", [Bowl(), Ravine(50.0), DoubleWell()])
def test_the_boundary_is_the_stability_limit(method, surface):
    found = convergence_map(surface, noise=0.0, method=method)
    limit = METHODS[method][1]
    expected = [limit(surface.curvatures[-1], momentum=each) for each in found["momentum"]]
    np.testing.assert_allclose(found["limit"], expected, rtol=1e-6)
    assert found["exact"] == surface.quadratic


@pytest.mark.parametrize("noise", [0.2, 0.8])
def test_with_noise_the_boundary_is_the_limit_of_the_noisy_quadratic(noise):
    found = convergence_map(Ravine(5.0), noise=noise, method="heavy-ball")
    for row in (0, 13, 39):
        method = partial(heavy_ball, momentum=found["momentum"][row])
        assert found["limit"][row] == pytest.approx(noisy_limit(method, 1.0, noise), rel=1e-6)


def test_steps_to_a_tenth_follow_from_the_exact_convergence_rate():
    found = convergence_map(Bowl(), noise=0.0, method="heavy-ball")
    lr, momentum = np.array(found["lr"]), np.array(found["momentum"])
    expected = convergence_rate(heavy_ball(lr[None, :], momentum[:, None]), 1.0)
    steps = np.array([np.inf if each is None else each for each in found["steps"]]).reshape(expected.shape)
    np.testing.assert_array_equal(np.isinf(steps), expected >= 1.0)
    np.testing.assert_allclose(0.1 ** (1.0 / steps), np.minimum(expected, 1.0), rtol=1e-3)


def test_monotone_convergence_ends_where_the_roots_become_complex():
    found = convergence_map(Bowl(), noise=0.0, method="heavy-ball")
    expected = (1.0 - np.sqrt(found["momentum"])) ** 2
    inside = expected > found["lr"][0]
    np.testing.assert_allclose(np.array(found["monotone"])[inside], expected[inside], rtol=1e-6)


@pytest.mark.parametrize("noise", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_descents_converge_below_the_limit_and_diverge_above_it(noise, momentum):
    """With noise only the stable side is certain in a finite number of steps."""
    recipe = f"sgd(lr={{}}, momentum={momentum})"
    limit = recipe_convergence(Bowl(), Recipe.parse(recipe.format(1e-3)), noise=noise)["limit"]
    stable = Recipe.parse(recipe.format(0.9 * limit))
    assert recipe_convergence(Bowl(), stable, noise=noise)["region"] != "divergent"
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        positions = descend(Bowl(), [stable], steps=800, noise=Noise(0.0, noise), seed=generator).positions
        assert abs(positions[0, -1, 0]) < 2.4
    unstable = Recipe.parse(recipe.format(1.1 * limit))
    assert recipe_convergence(Bowl(), unstable, noise=noise)["region"] == "divergent"
    if not noise:
        assert abs(descend(Bowl(), [unstable], steps=800).positions[0, -1, 0]) > 1e3


def test_the_noise_floor_is_the_distance_at_which_noisy_descent_settles():
    found = recipe_convergence(Bowl(), Recipe.parse("sgd(lr=0.3, momentum=0.5)"), noise=0.4)["noise_floor"]
    generator = torch.Generator().manual_seed(0)
    positions = descend(
        Bowl(), [Recipe.parse("sgd(lr=0.3, momentum=0.5)")], steps=40_000, noise=Noise(0.4, 0.4), seed=generator
    ).positions
    assert np.sqrt(np.square(positions[0, 500:, 0]).mean()) == pytest.approx(found, rel=0.05)


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [
        ("adam(lr=0.1)", "adam adapts its step size"),
        ("sgd(lr=0.1, momentum=0.9, dampening=0.5)", "dampening"),
        ("sgd(lr=0.1, clip=1)", "clipping"),
        ("sgd(lr=0.1, weight_decay=0.1)", "weight decay"),
    ],
)
def test_a_recipe_that_the_model_does_not_cover_gets_a_reason(recipe, reason):
    assert reason in recipe_convergence(Bowl(), Recipe.parse(recipe), noise=0.0)["reason"]


def test_noise_is_ignored_on_a_surface_that_is_not_quadratic():
    assert convergence_map(DoubleWell(), noise=0.5, method="heavy-ball")["noise"] == 0.0
    assert recipe_convergence(DoubleWell(), Recipe(), noise=0.5)["noise_floor"] is None


def test_every_label_lies_in_its_region():
    found = convergence_map(Bowl(), noise=0.0, method="heavy-ball")
    assert {label["text"] for label in found["labels"]} >= {"monotone", "oscillates"}
    for label in found["labels"]:
        stable = found["steps"][label["row"] * len(found["lr"]) + label["column"]] is not None
        assert stable == (label["text"] != "diverges")


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_an_enormous_learning_rate_is_divergent(noise):
    found = recipe_convergence(Bowl(), Recipe.parse("sgd(lr=1e308, momentum=0.5)"), noise=noise)
    assert (found["region"], found["steps"]) == ("divergent", None)
    json.dumps(found, allow_nan=False)
