"""Descent against torch.optim and against the linear recurrence that it is on a quadratic."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from surefoot.core.errors import RecipeError
from surefoot.core.progress import Interrupted
from surefoot.recipe.recipe import Recipe
from surefoot.surfaces import SURFACES, surface_named
from surefoot.surfaces.descent import EventKind, descend
from surefoot.surfaces.quadratics import Bowl, Ravine
from surefoot.surfaces.surface import Noise
from surefoot.theory.convergence import convergence_rate
from surefoot.theory.linear_method import heavy_ball, nesterov
from surefoot.theory.noisy_quadratic import POSITION, stationary_moments

STEPS = 60
RECIPES = [
    "sgd(lr=0.1, momentum=0.9)",
    "sgd(lr=0.1, momentum=0.9, nesterov=true)",
    "sgd(lr=cosine(0.3, warmup=10%), momentum=linear(0.85, final=0.95))",
    "sgd(lr=0.1, momentum=0.8, weight_decay=0.01)",
    "rmsprop(lr=0.02)",
    "adagrad(lr=0.3)",
    "adam(lr=0.1)",
    "adamw(lr=onecycle(0.2), beta1=0.8)",
    "nadam(lr=0.1)",
]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def by_torch(surface, recipe, steps):
    point = torch.nn.Parameter(torch.tensor(surface.start, dtype=torch.float64))
    optimizer, scheduler = recipe.build([point], steps=steps)
    positions = [point.detach().clone()]
    for _ in range(steps):
        optimizer.zero_grad()
        surface.value(point).backward()
        optimizer.step()
        scheduler.step()
        positions.append(point.detach().clone())
    return torch.stack(positions).numpy()


@pytest.mark.parametrize("surface", [Bowl(), Ravine(30.0), surface_named("saddle"), surface_named("plateau")])
def test_every_trajectory_is_that_of_torch_optim(surface):
    recipes = [Recipe.parse(text) for text in RECIPES]
    descent = descend(surface, recipes, steps=STEPS)
    for positions, recipe in zip(descent.positions, recipes, strict=True):
        # torch multiplies NAdam's momenta in single precision
        tolerance = 1e-7 if recipe.optimizer == "nadam" else 1e-10
        np.testing.assert_allclose(positions, by_torch(surface, recipe, STEPS), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("method", "nesterov_text"), [(heavy_ball, "false"), (nesterov, "true")])
@pytest.mark.parametrize(("lr", "momentum"), [(0.1, 0.0), (0.5, 0.5), (1.2, 0.9), (1.9, 0.3)])
def test_on_the_ravine_descent_follows_the_linear_recurrence(method, nesterov_text, lr, momentum):
    surface = Ravine(10.0)
    recipe = Recipe.parse(f"sgd(lr={lr}, momentum={momentum}, nesterov={nesterov_text})")
    (positions,) = descend(surface, [recipe], steps=STEPS).positions
    for axis, curvature in enumerate((0.1, 1.0)):
        state = np.array([0.0, surface.start[axis]])
        for position in positions[:, axis]:
            np.testing.assert_allclose(position, state[1], rtol=1e-10, atol=1e-10)
            state = method(lr, momentum).matrix(curvature) @ state


def test_the_error_shrinks_at_the_exact_rate():
    (positions,) = descend(Bowl(), [Recipe.parse("sgd(lr=0.05, momentum=0.3)")], steps=200).positions
    ratio = positions[-1, 0] / positions[-2, 0]
    assert ratio == pytest.approx(float(convergence_rate(heavy_ball(0.05, 0.3), 1.0)), abs=1e-10)


def test_clipping_bounds_every_step():
    (positions,) = descend(
        surface_named("cliff"), [Recipe.parse("sgd(lr=1, momentum=0, clip=0.05)")], steps=50, start=[2.0]
    ).positions
    assert np.abs(np.diff(positions[:, 0])).max() <= 0.05


def test_the_stationary_variance_with_noise_is_that_of_the_theory():
    noise = Noise(gradient=0.5, curvature=0.4)
    recipe = Recipe.parse("sgd(lr=0.3, momentum=0.5)")
    # Both curvatures are 1: the two coordinates are two samples of one process.
    descent = descend(Ravine(1.0), [recipe], steps=15_000, noise=noise, seed=generator())
    expected = stationary_moments(heavy_ball(0.3, 0.5), 1.0, gradient_noise=0.5, curvature_noise=0.4)[POSITION]
    assert np.square(descent.positions[0, 1000:]).mean() == pytest.approx(float(expected), rel=0.05)


def test_all_recipes_have_the_same_noise_whatever_other_recipes_there_are():
    one, other = Recipe.parse("sgd(lr=0.1, momentum=0.9)"), Recipe.parse("adam(lr=0.1)")
    surface = surface_named("noisy-bowl")
    alone = descend(surface, [one], steps=40, seed=generator())
    twice = descend(surface, [one, other, one], steps=40, seed=generator())
    assert np.array_equal(twice.positions[0], twice.positions[2])
    assert np.array_equal(alone.positions[0], twice.positions[0])
    other_seed = descend(surface, [one], steps=40, seed=generator(1))
    assert not np.array_equal(alone.positions, other_seed.positions)


@pytest.mark.parametrize("name", SURFACES)
def test_divergence_of_one_recipe_does_not_affect_another(name):
    stable, diverging = Recipe.parse("sgd(lr=1e-4, momentum=0)"), Recipe.parse("sgd(lr=1e6, momentum=0.9)")
    descent = descend(surface_named(name), [stable, diverging], steps=300, noise=Noise())
    assert np.isfinite(descent.positions[0]).all()
    assert descent.losses[0, -1] <= descent.losses[0, 0]


@pytest.mark.parametrize("optimizer", ["lion", "muon", "adafactor", "adadelta"])
def test_other_optimizers_descend_too(optimizer):
    (losses,) = descend(Ravine(), [Recipe.parse(f"{optimizer}(lr=0.05)")], steps=50).losses
    assert losses[-1] < losses[0]


def test_learning_rate_and_momentum_follow_their_schedules():
    recipe = Recipe.parse("adam(lr=linear(0.1), beta1=0.8)")
    descent = descend(Bowl(), [recipe, Recipe.parse("adagrad(lr=0.1)")], steps=4)
    np.testing.assert_allclose(descent.lr[0], [0.1, 0.075, 0.05, 0.025])
    assert descent.momentum.tolist() == [[0.8] * 4, [0.0] * 4]


@pytest.mark.parametrize(
    ("recipes", "arguments", "message"),
    [
        ([], {}, "given none"),
        (["sgd(lr=0.1, no_decay=bias)"], {}, "no parameter groups"),
        (["sgd(lr=0.1)"], {"start": [1.0, 2.0]}, "one finite number"),
        (["sgd(lr=0.1)"], {"start": [float("nan")]}, "one finite number"),
        (["sgd(lr=0.1)"], {"steps": 0}, "at least 1"),
        (["sgd(lr=0.1)"], {"seed": -1}, "at least 0; given -1"),
    ],
)
def test_invalid_arguments_are_refused(recipes, arguments, message):
    with pytest.raises(RecipeError, match=message):
        descend(Bowl(), [Recipe.parse(text) for text in recipes], **({"steps": 5} | arguments))


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_noise_must_be_a_finite_number_of_at_least_0(value):
    with pytest.raises(RecipeError, match="at least 0"):
        Noise(curvature=value)


def test_it_stops_when_asked_and_not_before():
    calls = []

    def stop():
        calls.append(True)
        return len(calls) == 3

    with pytest.raises(Interrupted):
        descend(Bowl(), [Recipe.parse("sgd(lr=0.1)")], steps=1000, stop=stop)
    assert len(calls) == 3
    without_stop = descend(Bowl(), [Recipe.parse("sgd(lr=0.1)")], steps=200)
    with_stop = descend(Bowl(), [Recipe.parse("sgd(lr=0.1)")], steps=200, stop=lambda: False)
    np.testing.assert_array_equal(with_stop.positions, without_stop.positions)


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
