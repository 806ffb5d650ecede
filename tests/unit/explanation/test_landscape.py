"""The textbook's claims on landscapes, against closed forms."""

import dataclasses

import numpy as np
import pytest
import torch

from surefoot.core.errors import RecipeError, TaskError
from surefoot.core.progress import Interrupted, Silent, never
from surefoot.explanation.claims.on_surfaces import RATES, STEPS, why_no_escape, why_no_ravine
from surefoot.explanation.explain import explain_surface
from surefoot.explanation.run_experiment import Landscape, Roller, start_on
from surefoot.recipe.recipe import Recipe
from surefoot.surfaces import SURFACES, surface_named


def way_across(lr, momentum):
    """How far y goes in all under heavy ball on y² / 2, from 1: the recurrence written out."""
    y, velocity, way = 1.0, 0.0, 0.0
    for _ in range(STEPS):
        velocity = momentum * velocity + y
        way += abs(lr * velocity)
        y -= lr * velocity
    return way


@pytest.mark.parametrize(("condition", "verdict"), [(3, "does not hold here"), (20, "holds"), (200, "holds")])
def test_how_far_balls_go_across_is_what_the_recurrence_says(condition, verdict):
    (claim,) = explain_surface(surface_named("ravine", condition=condition), claims=["momentum-damps"], seeds=3).claims
    fastest = 2 / (1 + 1 / condition)
    expected = way_across(fastest, 0.0) / way_across(0.1 * fastest, 0.9)
    number = claim.effects[0].number
    # The ravine is linear: from where the ball begins does not matter.
    assert (number.low, number.mean, number.high) == pytest.approx((expected,) * 3, rel=1e-6)
    assert claim.numbers[0].mean == pytest.approx(way_across(fastest, 0.0) / way_across(fastest, 0.9), rel=1e-6)
    assert claim.verdict == verdict


def ends_deep(lr, momentum, start):
    x, velocity = start, 0.0
    for _ in range(400):
        velocity = momentum * velocity + x**3 - x + 0.2
        x -= lr * velocity
        if not abs(x) < 1e6:
            return False
    return x < 0.3


def test_balls_that_escape_are_those_of_the_recurrence():
    (claim,) = explain_surface("double-well", claims=["momentum-escapes"], seeds=2).claims
    well = SURFACES["double-well"]()
    shallow, edge = well.minima[1][0], well.box[0][1]
    counts = []
    for momentum in (0.0, 0.9):
        logs = []
        for seed in (0, 1):
            share = float(torch.rand(1, generator=torch.Generator().manual_seed(seed)))
            start = shallow + (0.3 + 0.6 * share) * (edge - shallow)
            logs.append(np.log(0.5 + sum(ends_deep(lr, momentum, start) for lr in RATES)))
        counts.append(np.exp(np.mean(logs)))
    assert [number.mean for number in claim.numbers] == pytest.approx(counts)
    assert counts[1] > 5 * counts[0]


@pytest.mark.parametrize("name", SURFACES)
def test_every_landscape_says_which_of_the_two_can_be_asked(name):
    surface = SURFACES[name]()
    assert (why_no_ravine(surface) is None) == (name == "ravine")
    assert (why_no_escape(surface) is None) == (name == "double-well")


def test_all_that_can_be_asked_is_asked_with_the_same_rules_as_on_a_network():
    found = explain_surface("bowl", seeds=2, steps=40)
    assert {name for name, _ in found.left_out} == {
        "momentum-damps", "momentum-escapes", "momentum-widens", "momentum-narrows", "fitting"
    }  # fmt: skip
    assert len(found.claims) == 15
    assert found.to_json()["plan"] is None
    assert found.contrasts
    speed = next(claim for claim in found.claims if claim.name == "momentum-speed")
    alone = explain_surface("bowl", claims=["momentum-speed"], seeds=2, steps=40)
    assert [alone.claims[0].to_json()] == [speed.to_json()]
    # On a bowl of one curvature a step of 1 arrives at once, and no momentum is faster.
    assert speed.verdict == "does not hold here"


def test_losses_are_those_of_the_descent_above_the_lowest():
    well = Landscape(SURFACES["double-well"](), 30)
    roller = Roller(range(3, 5), Silent(), never)
    losses, ends = roller.courses(well, [Recipe.parse("sgd(lr=0.1, momentum=0.9)"), Recipe.parse("sgd(lr=50)")])
    assert losses.shape == (2, 2, 30)
    assert roller.config_steps == 2 * 2 * 30
    (start,) = start_on(well.surface, torch.Generator().manual_seed(3))
    assert losses[0, 0, 0] == pytest.approx((start**2 - 1) ** 2 / 4 + 0.2 * start - well.surface.lowest)
    assert not np.isfinite(ends[1]).any()
    assert (losses[0] >= 0).all()
    with pytest.raises(Interrupted):
        dataclasses.replace(roller, stop=lambda: True).courses(well, [Recipe.parse("sgd(lr=0.1)")])


@pytest.mark.parametrize(
    ("name", "settings", "error", "said"),
    [
        ("ravin", {}, RecipeError, "no surface 'ravin'"),
        ("bowl", {"claims": ["fitting"]}, TaskError, "fitting cannot be asked on bowl: it has no validation loss"),
        ("bowl", {"seeds": 1}, TaskError, "at least 2; given 1"),
        ("bowl", {"steps": 5}, TaskError, "fewer than 40 steps"),
        ("bowl", {"claims": ["nonsense"]}, TaskError, "no claim 'nonsense'"),
    ],
)
def test_what_cannot_be_asked_is_refused(name, settings, error, said):
    with pytest.raises(error, match=said):
        explain_surface(name, **settings)
