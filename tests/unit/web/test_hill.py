import json

import numpy as np
import pytest
import torch

from surefoot.core.errors import QueryError, RecipeError
from surefoot.recipe.recipe import Recipe
from surefoot.surfaces import SURFACES, surface_named
from surefoot.surfaces.descent import descend
from surefoot.surfaces.surface import Noise
from surefoot.web.descent import descent, gallery, picture
from surefoot.web.server import Query

RECIPES = ["sgd(lr=0.3, momentum=0.8)", "adam(lr=cosine(0.1))"]


@pytest.mark.parametrize("name", SURFACES)
def test_ways_are_those_of_the_library(name):
    found = descent(Query({"surface": name, "steps": "50", "noise": "0.1", "seed": "4"}), RECIPES, [])
    luck = torch.Generator().manual_seed(4)
    expected = descend(
        surface_named(name), list(map(Recipe.parse, RECIPES)), steps=50, noise=Noise(0.1, 0.1), generator=luck
    )
    for ball, way in zip(found["balls"], expected.positions, strict=True):
        got = np.array(ball["positions"], dtype=float)
        np.testing.assert_array_equal(got, np.where(np.isfinite(way), way, np.nan))
    json.dumps(found, allow_nan=False)


def test_long_ways_are_thinned():
    found = descent(Query({"surface": "bowl", "steps": "5000"}), ["sgd(lr=0.001, momentum=0)"], [])
    (ball,) = found["balls"]
    assert (found["every"], len(ball["positions"]), len(ball["losses"])) == (3, 1667, 1667)
    assert ball["positions"][1][0] == pytest.approx(2.4 * 0.999**3)


def test_divergence_is_told_in_json():
    (ball,) = descent(Query({"surface": "rosenbrock"}), ["sgd(lr=1, momentum=0)"], [])["balls"]
    assert ball["positions"][-1] == [None, None]
    assert ball["events"][-1]["kind"] == "divergence"


def test_turned_dials_are_written_into_the_recipe():
    found = descent(Query({"surface": "bowl"}), RECIPES, ["0:lr:0.7", "0:momentum:0.5", "1:schedule:linear"])
    assert [ball["recipe"] for ball in found["balls"]] == ["sgd(lr=0.7, momentum=0.5)", "adam(lr=linear(0.1))"]


@pytest.mark.parametrize("turn", ["", "2:lr:0.1", "x:lr:0.1", "-1:lr:1", "0:lr", "0:lr:x", "0", "0" * 99])
def test_what_is_no_turn_is_refused(turn):
    with pytest.raises(QueryError):
        descent(Query({}), RECIPES, [turn])


def test_absurd_numbers_are_refused():
    with pytest.raises(QueryError, match="steps is a whole number from 1 to 100000"):
        descent(Query({"steps": "100001"}), RECIPES, [])
    with pytest.raises(QueryError, match="1 to 16 balls; given 17"):
        descent(Query({}), RECIPES[:1] * 17, [])
    with pytest.raises(QueryError, match="1 to 16 balls; given 0"):
        descent(Query({}), [], [])
    with pytest.raises(QueryError, match="at most 500 characters"):
        descent(Query({}), ["sgd(" + " " * 500 + ")"], [])
    with pytest.raises(QueryError, match="at most 64 dials"):
        descent(Query({}), RECIPES, ["0:lr:0.1"] * 65)
    with pytest.raises(RecipeError, match="did you mean sgd"):
        descent(Query({}), ["sdg(lr=1)"], [])


@pytest.mark.parametrize("name", SURFACES)
def test_pictures_show_the_losses_row_by_row(name):
    found = picture(Query({"surface": name}))
    surface = surface_named(name)
    assert len(found["values"]) == np.prod(found["counts"])
    last = surface.value(torch.tensor([high for _, high in surface.box], dtype=torch.float64))
    corner = surface.value(torch.tensor([surface.box[0][1], *[low for low, _ in surface.box[1:]]], dtype=torch.float64))
    assert found["values"][-1] == pytest.approx(float(last), rel=1e-5)
    assert found["values"][found["counts"][0] - 1] == pytest.approx(float(corner), rel=1e-5)


def test_the_gallery_names_every_surface():
    assert [each["name"] for each in gallery()["surfaces"]] == list(SURFACES)
