import json

import numpy as np
import pytest
import torch

from surefoot.core.errors import QueryError, RecipeError
from surefoot.recipe.recipe import Recipe
from surefoot.surfaces import SURFACES, surface_named
from surefoot.surfaces.descent import descend
from surefoot.surfaces.surface import Noise
from surefoot.web.descent import choices, descents
from surefoot.web.query_parameters import Query

RECIPES = ["sgd(lr=0.3, momentum=0.8)", "adam(lr=cosine(0.1))"]


@pytest.mark.parametrize("name", SURFACES)
def test_trajectories_equal_those_of_descend(name):
    found = descents(Query({"surface": name, "steps": "50", "noise": "0.1", "seed": "4"}), RECIPES)
    generator = torch.Generator().manual_seed(4)
    expected = descend(
        surface_named(name), list(map(Recipe.parse, RECIPES)), steps=50, noise=Noise(0.1, 0.1), seed=generator
    )
    for ball, positions in zip(found["balls"], expected.positions, strict=True):
        sent = np.array(ball["positions"], dtype=float)
        np.testing.assert_array_equal(sent, np.where(np.isfinite(positions), positions, np.nan))
    json.dumps(found, allow_nan=False)


def test_long_trajectories_are_sent_with_a_stride():
    found = descents(Query({"surface": "bowl", "steps": "5000"}), ["sgd(lr=0.001, momentum=0)"])
    (ball,) = found["balls"]
    assert (found["stride"], len(ball["positions"]), len(ball["losses"])) == (3, 1667, 1667)
    assert ball["positions"][1][0] == pytest.approx(2.4 * 0.999**3)


def test_a_diverged_ball_has_null_positions_and_a_divergence_event():
    (ball,) = descents(Query({"surface": "rosenbrock"}), ["sgd(lr=1, momentum=0)"])["balls"]
    assert ball["positions"][-1] == [None, None]
    assert ball["events"][-1]["kind"] == "divergence"


def test_changed_controls_are_written_into_the_recipe():
    found = descents(Query({"surface": "bowl"}), RECIPES, changes=["0:lr:0.7", "0:momentum:0.5", "1:schedule:linear"])
    assert [ball["recipe"] for ball in found["balls"]] == ["sgd(lr=0.7, momentum=0.5)", "adam(lr=linear(0.1))"]


@pytest.mark.parametrize("change", ["", "2:lr:0.1", "x:lr:0.1", "-1:lr:1", "0:lr", "0:lr:x", "0", "0" * 99])
def test_an_invalid_change_is_refused(change):
    with pytest.raises(QueryError, match=r"must be|has no control"):
        descents(Query({}), RECIPES, changes=[change])


def test_requests_out_of_bounds_are_refused():
    with pytest.raises(QueryError, match="steps must be an integer from 1 to 100000"):
        descents(Query({"steps": "100001"}), RECIPES)
    with pytest.raises(QueryError, match="1 to 16; given 17"):
        descents(Query({}), RECIPES[:1] * 17)
    with pytest.raises(QueryError, match="1 to 16; given 0"):
        descents(Query({}), [])
    with pytest.raises(QueryError, match="at most 500 characters"):
        descents(Query({}), ["sgd(" + " " * 500 + ")"])
    with pytest.raises(QueryError, match="at most 64 controls"):
        descents(Query({}), RECIPES, changes=["0:lr:0.1"] * 65)
    with pytest.raises(RecipeError, match="did you mean sgd"):
        descents(Query({}), ["sdg(lr=1)"])


def test_every_surface_is_a_choice():
    assert [surface["name"] for surface in choices()["surfaces"]] == list(SURFACES)
