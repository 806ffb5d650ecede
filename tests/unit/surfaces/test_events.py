"""What is said to happen, where it is known what happens."""

import numpy as np
import pytest
import torch

from surefoot.recipe.recipe import Recipe
from surefoot.surfaces import surface_named
from surefoot.surfaces.descent import descend
from surefoot.surfaces.events import Kind, events
from surefoot.surfaces.surface import Noise


def happened(name, text, *, steps=300, start=None):
    surface = surface_named(name)
    (found,) = events(surface, descend(surface, [Recipe.parse(text)], steps=steps, start=start))
    return {event.kind: event.step for event in found}


def test_a_small_rate_only_arrives():
    # (1 - lr)^(2 t) < 1/1000 from t = 33 on
    assert happened("bowl", "sgd(lr=0.1, momentum=0)") == {Kind.ARRIVAL: 33}


def test_a_rate_over_one_overshoots_and_swings():
    found = happened("bowl", "sgd(lr=1.9, momentum=0)")
    assert found[Kind.OVERSHOOT] == 1
    assert found[Kind.OSCILLATION] == 4
    assert Kind.DIVERGENCE not in found


def test_a_rate_over_two_diverges():
    # 1.5^t * 2.4 / 6 > 100 from t = 14 on
    found = happened("bowl", "sgd(lr=2.5, momentum=0)")
    assert found[Kind.DIVERGENCE] == 14
    assert Kind.ARRIVAL not in found


def test_momentum_overshoots_at_a_rate_that_alone_would_not():
    assert Kind.OVERSHOOT in happened("bowl", "sgd(lr=0.1, momentum=0.9)")
    assert Kind.OVERSHOOT not in happened("bowl", "sgd(lr=0.1, momentum=0)")


def test_a_ball_that_noise_pushes_uphill_has_passed_nothing():
    surface, recipe = surface_named("bowl"), Recipe.parse("sgd(lr=0.001, momentum=0)")
    luck = torch.Generator().manual_seed(0)
    way = descend(surface, [recipe], steps=300, start=[5.0], noise=Noise(0.0, 3.0), generator=luck)
    assert (np.diff(way.positions[0, :, 0]) > 0).any()
    assert (way.positions > 0).all()
    assert Kind.OVERSHOOT not in {event.kind for event in events(surface, way)[0]}


def test_momentum_escapes_the_shallow_well():
    assert Kind.ESCAPE not in happened("double-well", "sgd(lr=0.05, momentum=0)")
    assert Kind.ESCAPE in happened("double-well", "sgd(lr=0.05, momentum=0.9)")


def test_momentum_gets_off_the_plateau_and_the_saddle_sooner():
    for name in ("plateau", "saddle"):
        slow = happened(name, "sgd(lr=0.3, momentum=0)")
        fast = happened(name, "sgd(lr=0.3, momentum=0.8)")
        assert fast[Kind.ESCAPE] < slow[Kind.ESCAPE]


def test_a_ball_that_starts_at_the_minimum_does_nothing():
    assert happened("bowl", "sgd(lr=0.1, momentum=0.9)", start=[0.0]) == {}


@pytest.mark.parametrize("name", ["rosenbrock", "beale", "himmelblau", "rastrigin", "cliff"])
def test_a_ball_that_is_lost_at_once_has_no_other_story(name):
    found = happened(name, "sgd(lr=1e9, momentum=0)")
    assert Kind.DIVERGENCE in found
    assert Kind.ARRIVAL not in found


def test_rounding_about_the_minimum_is_no_swing():
    assert happened("double-well", "sgd(lr=0.1, momentum=0)", steps=2000) == {}
    found = happened("double-well", "sgd(lr=0.1, momentum=0)", steps=2000, start=[-1.5])
    assert set(found) == {Kind.ARRIVAL}
