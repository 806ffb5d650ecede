"""Slices of a regression's loss, which is known in closed form, and errors."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from surefoot.core.errors import RecipeError, TaskError
from surefoot.core.progress import Interrupted
from surefoot.fleet.plan import Plan
from surefoot.loss_slices.slice_loss import slice_loss
from surefoot.loss_slices.trajectory import recorded_steps
from surefoot.plots.figure_registry import show
from surefoot.surfaces.descent import descend
from surefoot.surfaces.quadratics import Bowl, Ravine
from surefoot.tasks.task import Task
from surefoot.wording.explain_and_slice import slice_cost

PLAN = Plan("serial", 1)
GENERATOR = torch.Generator().manual_seed(0)
DATA = torch.randn(24, 2, generator=GENERATOR), torch.randn(24, 1, generator=GENERATOR)


def regression(width=2, **changes):
    """A regression without an intercept: its loss is a quadratic of its weights."""
    settings = {"batch_size": 24, "steps": 30} | changes
    data = DATA[0][:, :width], DATA[1]
    return Task("regression", lambda: nn.Linear(width, 1, bias=False), nn.functional.mse_loss, data, data, **settings)


TWO_RECIPES = ["sgd(lr=0.1, momentum=0)", "sgd(lr=0.02, momentum=0.9)"]


@pytest.fixture(scope="module")
def sliced():
    return slice_loss(regression(), TWO_RECIPES, along="hessian", points=9, plan=PLAN)


INPUTS, TARGETS = DATA[0].double().numpy(), DATA[1][:, 0].double().numpy()
CURVATURES = np.linalg.eigvalsh(2 / 24 * INPUTS.T @ INPUTS)


def test_the_grid_is_the_loss_on_the_plane(sliced):
    # With two weights the plane is all of weight space.
    assert sliced.axis_values == pytest.approx(CURVATURES, rel=1e-5)
    for trajectory in sliced.trajectories:
        assert trajectory.share_in_plane == pytest.approx(1.0)
        assert trajectory.distances == pytest.approx(0.0, abs=1e-6)
        on_plane = sliced.surface.value(torch.from_numpy(trajectory.points)).numpy()
        assert on_plane == pytest.approx(trajectory.losses, rel=1e-4)
    _, squares, *_ = np.linalg.lstsq(INPUTS, TARGETS)
    assert sliced.surface.lowest == pytest.approx(float(squares[0]) / 24, rel=1e-4)
    assert np.array(sliced.surface.hessian) == pytest.approx(np.diag(CURVATURES), abs=1e-3)
    assert sliced.error < 1e-5


def test_trajectories_have_one_start_and_follow_the_recurrence_along_each_eigenvector(sliced):
    plain, heavy = sliced.trajectories
    assert plain.points[0].tolist() == heavy.points[0].tolist()
    assert (plain.steps[0], plain.steps[-1]) == (0, 30)
    minimum = np.array(sliced.surface.minima[0])
    for trajectory, lr, momentum in ((plain, 0.1, 0.0), (heavy, 0.02, 0.9)):
        position, velocity = trajectory.points[0] - minimum, np.zeros(2)
        for _ in range(30):
            velocity = momentum * velocity + CURVATURES * position
            position = position - lr * velocity
        assert trajectory.points[-1] - minimum == pytest.approx(position, abs=1e-4)


def test_with_batch_norm_the_sample_is_at_least_one_batch():
    normed = replace(regression(1), model=lambda: nn.Sequential(nn.Linear(1, 3), nn.BatchNorm1d(3), nn.Linear(3, 1)))
    assert slice_loss(normed, ["sgd(lr=0.1)"], samples=1, points=7, plan=PLAN).samples == 24
    assert slice_loss(regression(), ["sgd(lr=0.1)"], samples=1, points=7, plan=PLAN).samples == 1


@pytest.mark.parametrize("along", ["pca", "random"])
def test_a_plane_through_a_network_includes_all_trajectories(along):
    network = Task("net", lambda: nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 1)),
                   nn.functional.mse_loss, DATA, DATA, batch_size=8, steps=20)  # fmt: skip
    result = slice_loss(network, ["sgd(lr=0.05)", "sgd(lr=1e9)", "adam(lr=0.01)"], along=along, points=7, plan=PLAN)
    good, diverged, adam = result.trajectories
    assert (diverged.left_at, good.left_at) == (1, None)
    assert diverged.end_loss > 100 * diverged.losses[0]
    assert good.end_loss == good.losses[-1]
    assert result.non_finite_points == 0
    assert result.samples == 24
    assert np.isfinite(result.surface.grid).all()
    (left, right), (low, high) = result.surface.box
    points = np.concatenate([trajectory.points for trajectory in result.trajectories])
    assert (points > [left, low]).all()
    assert (points < [right, high]).all()
    assert (right - left) / (high - low) == pytest.approx(7 / 4)  # a unit is equally long on both axes of a figure
    if along == "pca":
        assert sum(result.axis_values) <= 1.0 + 1e-9
        assert good.share_in_plane > 0.3
        assert good.points[-1][0] > good.points[0][0]  # the first training moves to the right
    figure = str(show(result).to_dict())
    assert all(str(trajectory.recipe) in figure for trajectory in (good, diverged, adam))


def test_the_same_seed_gives_the_same_slice_and_random_generators_do_not_change():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, same = (slice_loss(regression(), TWO_RECIPES, points=7, plan=PLAN).to_json() for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert {**one, "seconds": 0} == {**same, "seconds": 0}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"along": "hessean"}, "along pca, hessian, random; given 'hessean'. Hint: did you mean hessian"),
        ({"recipes": []}, "a slice shows 1 to 7 recipes; given 0"),
        ({"recipes": ["sgd(lr=0.1)"] * 8}, "given 8"),
        ({"points": 6}, "7 points, whole numbers; given 512 and 6"),
        (
            {"recipes": ["sgd(lr=1e9)", "sgd(lr=1e8)"]},
            "every training of 'regression' rose above 3 times its first loss at once",
        ),
        ({"recipes": ["sgd(lr=0)"]}, "every training of 'regression' left the weights unchanged"),
        (
            {"recipes": ["sgd(lr=1.2)", "sgd(lr=0.1)"], "along": "random"},
            "the loss of sgd(lr=1.2, momentum=0) is above 3 times its first from step",
        ),
        ({"seed": -1}, "a seed is a whole number of at least 0; given -1"),
        ({"task": regression(1)}, "a plane needs at least two weights; task 'regression' has 1"),
        ({"task": Ravine()}, "plan: only for a task; given with the surface ravine."),
        (
            {"task": Bowl(), "plan": None},
            "a plane needs two parameters; the surface bowl has 1. Hint: surefoot descend bowl",
        ),
    ],
)
def test_what_cannot_be_sliced_is_refused_in_one_line(changes, message):
    settings = {"task": regression(), "recipes": TWO_RECIPES, "plan": PLAN, **changes}
    with pytest.raises(TaskError, match=re.escape(message)) as caught:
        slice_loss(settings.pop("task"), settings.pop("recipes"), **settings)
    assert len(str(caught.value).splitlines()) == 1


def test_steps_with_a_high_loss_are_left_out_and_later_ones_included(sliced):
    rises_and_falls = "sgd(lr=linear(1.2, final=0), momentum=0)"
    (trajectory,) = slice_loss(regression(steps=100), rises_and_falls, points=7, plan=PLAN).trajectories
    assert trajectory.left_at is None
    assert len(trajectory.steps) < len(recorded_steps(100, weights=2))
    assert trajectory.steps[-1] == 100
    assert trajectory.losses.max() <= 3 * trajectory.losses[0]
    assert trajectory.end_loss == trajectory.losses[-1] == pytest.approx(sliced.surface.lowest, rel=1e-2)


def test_grid_points_with_a_nan_loss_are_counted_and_reported():
    undefined = replace(
        regression(), loss=lambda output, target: -torch.log(1 - nn.functional.mse_loss(output, target) / 4)
    )
    result = slice_loss(undefined, ["sgd(lr=0.05, momentum=0.5)"], along="random", points=21, plan=PLAN)
    rows, columns = result.surface.grid.shape
    assert 0 < result.non_finite_points < rows * columns
    assert np.isfinite(result.surface.grid).all()
    assert result.error is None or np.isfinite(result.error)
    assert f"({result.non_finite_points:,} of them" in slice_cost(result)


def test_an_invalid_recipe_is_refused():
    with pytest.raises(RecipeError):
        slice_loss(regression(), ["sgd(lr=-1)"], plan=PLAN)


def test_it_stops_when_asked_to():
    asked = iter([False] * 12 + [True] * 10_000)
    with pytest.raises(Interrupted):
        slice_loss(regression(), TWO_RECIPES, plan=PLAN, stop=lambda: next(asked))


def test_a_surface_of_two_parameters_is_its_own_plane():
    surface = Ravine(10.0)
    result = slice_loss(surface, TWO_RECIPES, steps=50, points=15)
    x, y = np.meshgrid(result.surface.x, result.surface.y)
    exact = surface.value(torch.from_numpy(np.stack([x, y], axis=-1))).numpy()
    np.testing.assert_allclose(result.surface.grid, exact, rtol=1e-12)
    assert result.error < 1e-6  # a cubic spline through a quadratic is that quadratic
    descent = descend(surface, TWO_RECIPES, steps=50)
    for trajectory, positions, losses in zip(result.trajectories, descent.positions, descent.losses, strict=True):
        np.testing.assert_allclose(trajectory.points, positions[trajectory.steps], atol=1e-12)
        assert trajectory.end_loss == losses[-1]
        assert trajectory.share_in_plane == pytest.approx(1.0)
        assert trajectory.distances.max() < 1e-12
    assert result.recipe == descent.recipe
    assert (result.along, result.plan, result.to_json()["plan"]) == ("coordinates", None, None)
    assert show(result).to_dict()["config"]


def test_a_descent_that_diverges_is_left_out_from_where_it_is_too_high():
    (stable, diverged) = slice_loss(Ravine(), ["sgd(lr=0.1)", "sgd(lr=2.5)"], steps=40, points=7).trajectories
    assert stable.left_at is None
    assert diverged.left_at is not None
    assert diverged.losses.max() <= 3.0 * diverged.losses[0]


def test_another_length_is_trained_where_steps_are_given():
    result = slice_loss(regression(), TWO_RECIPES, steps=12, points=7, plan=PLAN)
    assert {int(each.steps[-1]) for each in result.trajectories} == {12}
