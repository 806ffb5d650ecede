"""Slices of a regression's loss, which is known in closed form, and what cannot be sliced."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from surefoot.core.errors import RecipeError, TaskError
from surefoot.core.progress import Interrupted
from surefoot.fleet.plan import Plan
from surefoot.loss_slices.slice_loss import slice_loss
from surefoot.loss_slices.trajectory import marks
from surefoot.plots.figures import show
from surefoot.reports.explain_tables import slice_cost
from surefoot.tasks.task import Task

PLAN = Plan("serial", 1)
LUCK = torch.Generator().manual_seed(0)
DATA = torch.randn(24, 2, generator=LUCK), torch.randn(24, 1, generator=LUCK)


def line(width=2, **changes):
    """A regression without an intercept: its loss is a quadratic of its weights."""
    settings = {"batch_size": 24, "steps": 30} | changes
    data = DATA[0][:, :width], DATA[1]
    return Task("line", lambda: nn.Linear(width, 1, bias=False), nn.functional.mse_loss, data, data, **settings)


TWO = ["sgd(lr=0.1, momentum=0)", "sgd(lr=0.02, momentum=0.9)"]


@pytest.fixture(scope="module")
def sliced():
    return slice_loss(line(), TWO, along="hessian", points=9, plan=PLAN)


INPUTS, TARGETS = DATA[0].double().numpy(), DATA[1][:, 0].double().numpy()
CURVATURES = np.linalg.eigvalsh(2 / 24 * INPUTS.T @ INPUTS)


def test_the_grid_is_the_loss_on_the_plane(sliced):
    """All of a space of two dimensions lies in any plane of it."""
    assert sliced.told == pytest.approx(CURVATURES, rel=1e-5)
    for way in sliced.ways:
        assert way.within == pytest.approx(1.0)
        assert way.away == pytest.approx(0.0, abs=1e-6)
        seen = sliced.surface.value(torch.from_numpy(way.places)).numpy()
        assert seen == pytest.approx(way.losses, rel=1e-4)
    _, squares, *_ = np.linalg.lstsq(INPUTS, TARGETS)
    assert sliced.surface.lowest == pytest.approx(float(squares[0]) / 24, rel=1e-4)
    assert np.array(sliced.surface.hessian) == pytest.approx(np.diag(CURVATURES), abs=1e-3)
    assert sliced.error < 1e-5


def test_ways_begin_together_and_go_as_the_recurrence_says(sliced):
    """In the Hessian's own axes each coordinate goes its own way."""
    plain, heavy = sliced.ways
    assert plain.places[0].tolist() == heavy.places[0].tolist()
    assert (plain.steps[0], plain.steps[-1]) == (0, 30)
    bottom = np.array(sliced.surface.minima[0])
    for way, lr, momentum in ((plain, 0.1, 0.0), (heavy, 0.02, 0.9)):
        place, velocity = way.places[0] - bottom, np.zeros(2)
        for _ in range(30):
            velocity = momentum * velocity + CURVATURES * place
            place = place - lr * velocity
        assert way.places[-1] - bottom == pytest.approx(place, abs=1e-4)


def test_a_sample_smaller_than_a_batch_is_one_batch_where_the_batch_is_looked_at():
    normed = replace(line(1), model=lambda: nn.Sequential(nn.Linear(1, 3), nn.BatchNorm1d(3), nn.Linear(3, 1)))
    assert slice_loss(normed, ["sgd(lr=0.1)"], samples=1, points=7, plan=PLAN).samples == 24
    assert slice_loss(line(), ["sgd(lr=0.1)"], samples=1, points=7, plan=PLAN).samples == 1


@pytest.mark.parametrize("along", ["ways", "random"])
def test_other_planes_through_a_network(along):
    network = Task("net", lambda: nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 1)),
                   nn.functional.mse_loss, DATA, DATA, batch_size=8, steps=20)  # fmt: skip
    found = slice_loss(network, ["sgd(lr=0.05)", "sgd(lr=1e9)", "adam(lr=0.01)"], along=along, points=7, plan=PLAN)
    good, lost, adam = found.ways
    assert (lost.left_at, good.left_at) == (1, None)
    assert lost.end_loss > 100 * lost.losses[0]
    assert good.end_loss == good.losses[-1]
    assert found.unknown == 0
    assert found.samples == 24
    assert np.isfinite(found.surface.grid).all()
    (left, right), (low, high) = found.surface.box
    places = np.concatenate([way.places for way in found.ways])
    assert (places > [left, low]).all()
    assert (places < [right, high]).all()
    assert (right - left) / (high - low) == pytest.approx(7 / 4)  # one unit is as long on both axes
    if along == "ways":
        assert sum(found.told) <= 1.0 + 1e-9
        assert good.within > 0.3
        assert good.places[-1][0] > good.places[0][0]  # to the right is where the first went
    marks_drawn = str(show(found).to_dict())
    assert all(str(way.recipe) in marks_drawn for way in (good, lost, adam))


def test_the_same_seed_is_the_same_slice_and_generators_are_left_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, same = (slice_loss(line(), TWO, points=7, plan=PLAN).to_json() for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert {**one, "seconds": 0} == {**same, "seconds": 0}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"along": "hessean"}, "along ways, hessian, random; given 'hessean'. Hint: did you mean hessian"),
        ({"recipes": []}, "1 to 7 recipes go past a slice; given 0"),
        ({"recipes": ["sgd(lr=0.1)"] * 8}, "given 8"),
        ({"points": 6}, "7 points; given 512 and 6"),
        ({"recipes": ["sgd(lr=1e9)", "sgd(lr=1e8)"]}, "every training of 'line' ended above 3 times its start at once"),
        ({"recipes": ["sgd(lr=0)"]}, "every training of 'line' stood still"),
        ({"recipes": ["sgd(lr=1.2)", "sgd(lr=0.1)"], "along": "random"}, "left the picture at step"),
        ({"seed": -1}, "a seed is a whole number of at least 0; given -1"),
        ({"task": line(1)}, "a plane needs two weights; task 'line' has 1"),
    ],
)
def test_what_cannot_be_sliced_is_one_clear_line(changes, said):
    settings = {"task": line(), "recipes": TWO, "plan": PLAN, **changes}
    with pytest.raises(TaskError, match=said.replace("(", r"\(")):
        slice_loss(settings.pop("task"), settings.pop("recipes"), **settings)


def test_a_training_that_rises_and_comes_back_is_drawn_where_it_is_in_the_picture(sliced):
    (way,) = slice_loss(line(steps=100), "sgd(lr=linear(1.2, final=0), momentum=0)", points=7, plan=PLAN).ways
    assert way.left_at is None
    assert len(way.steps) < len(marks(100, numbers=2))
    assert way.steps[-1] == 100
    assert way.losses.max() <= 3 * way.losses[0]
    assert way.end_loss == way.losses[-1] == pytest.approx(sliced.surface.lowest, rel=1e-2)


def test_places_without_a_number_are_counted_and_their_error_is_not_known_everywhere():
    far = replace(line(), loss=lambda output, target: -torch.log(1 - nn.functional.mse_loss(output, target) / 4))
    found = slice_loss(far, ["sgd(lr=0.05, momentum=0.5)"], along="random", points=21, plan=PLAN)
    rows, columns = found.surface.grid.shape
    assert 0 < found.unknown < rows * columns
    assert np.isfinite(found.surface.grid).all()
    assert found.error is None or np.isfinite(found.error)
    assert "of them without a number" in slice_cost(found)


def test_a_recipe_that_is_none_is_refused():
    with pytest.raises(RecipeError):
        slice_loss(line(), ["sgd(lr=-1)"], plan=PLAN)


def test_it_stops_when_asked_to():
    asked = iter([False] * 12 + [True] * 10_000)
    with pytest.raises(Interrupted):
        slice_loss(line(), TWO, plan=PLAN, stop=lambda: next(asked))


def test_fewer_weights_are_kept_of_larger_networks():
    assert len(marks(1000, numbers=10_000)) == 60  # two of 61 are one
    assert len(marks(1000, numbers=25_000_000)) == 9
    assert marks(3, numbers=1) == [0, 1, 2, 3]
