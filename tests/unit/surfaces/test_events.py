"""Events on trajectories of which it is known what happens."""

import numpy as np
import pytest
import torch

from surefoot.recipe.recipe import Recipe
from surefoot.surfaces import surface_named
from surefoot.surfaces.descent import descend
from surefoot.surfaces.events import EventKind
from surefoot.surfaces.surface import Noise


def events_of(name, text, *, steps=300, start=None):
    surface = surface_named(name)
    (happened,) = descend(surface, [Recipe.parse(text)], steps=steps, start=start).events
    return {event.kind: event.step for event in happened}


def test_with_a_small_rate_the_only_event_is_the_arrival():
    # (1 - lr)^(2 t) < 1/1000 from t = 33 on
    assert events_of("bowl", "sgd(lr=0.1, momentum=0)") == {EventKind.ARRIVAL: 33}


def test_a_rate_above_1_overshoots_and_oscillates():
    happened = events_of("bowl", "sgd(lr=1.9, momentum=0)")
    assert happened[EventKind.OVERSHOOT] == 1
    assert happened[EventKind.OSCILLATION] == 4
    assert EventKind.DIVERGENCE not in happened


def test_a_rate_above_2_diverges():
    # 1.5^t * 2.4 / 6 > 100 from t = 14 on
    happened = events_of("bowl", "sgd(lr=2.5, momentum=0)")
    assert happened[EventKind.DIVERGENCE] == 14
    assert EventKind.ARRIVAL not in happened


def test_momentum_overshoots_with_a_rate_that_does_not_overshoot_alone():
    assert EventKind.OVERSHOOT in events_of("bowl", "sgd(lr=0.1, momentum=0.9)")
    assert EventKind.OVERSHOOT not in events_of("bowl", "sgd(lr=0.1, momentum=0)")


def test_a_move_that_noise_turns_uphill_is_no_overshoot():
    surface, recipe = surface_named("bowl"), Recipe.parse("sgd(lr=0.001, momentum=0)")
    generator = torch.Generator().manual_seed(0)
    descent = descend(surface, [recipe], steps=300, start=[5.0], noise=Noise(0.0, 3.0), seed=generator)
    assert (np.diff(descent.positions[0, :, 0]) > 0).any()
    assert (descent.positions > 0).all()
    assert EventKind.OVERSHOOT not in {event.kind for event in descent.events[0]}


def test_momentum_escapes_the_shallow_well():
    assert EventKind.ESCAPE not in events_of("double-well", "sgd(lr=0.05, momentum=0)")
    assert EventKind.ESCAPE in events_of("double-well", "sgd(lr=0.05, momentum=0.9)")


def test_momentum_leaves_the_plateau_and_the_saddle_sooner():
    for name in ("plateau", "saddle"):
        slow = events_of(name, "sgd(lr=0.3, momentum=0)")
        fast = events_of(name, "sgd(lr=0.3, momentum=0.8)")
        assert fast[EventKind.ESCAPE] < slow[EventKind.ESCAPE]


def test_from_the_minimum_there_are_no_events():
    assert events_of("bowl", "sgd(lr=0.1, momentum=0.9)", start=[0.0]) == {}


@pytest.mark.parametrize("name", ["rosenbrock", "beale", "himmelblau", "rastrigin", "cliff"])
def test_a_trajectory_that_diverges_does_not_arrive(name):
    happened = events_of(name, "sgd(lr=1e9, momentum=0)")
    assert EventKind.DIVERGENCE in happened
    assert EventKind.ARRIVAL not in happened


def test_rounding_errors_around_the_minimum_are_no_oscillation():
    assert events_of("double-well", "sgd(lr=0.1, momentum=0)", steps=2000) == {}
    happened = events_of("double-well", "sgd(lr=0.1, momentum=0)", steps=2000, start=[-1.5])
    assert set(happened) == {EventKind.ARRIVAL}
