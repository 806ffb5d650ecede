"""Shapes of schedules that a search chooses from, by their values."""

from __future__ import annotations

import pytest

from surefoot.core.errors import RecipeError
from surefoot.search.space.axes import Range
from surefoot.search.space.coordinates import Coordinates, final_share
from surefoot.search.space.schedule_shapes import SHAPES, make_lr_schedule
from surefoot.search.space.search_space import SearchSpace

TOTAL = 1000
SHAPES_WITH_FINAL = ("cosine", "linear", "wsd", "exponential")
every = pytest.mark.parametrize("name", SHAPES)


def values_of(schedule) -> list[float]:
    return [schedule.value(step, TOTAL) for step in range(TOTAL)]


@every
@pytest.mark.parametrize("warmup", [0.0, 0.1])
@pytest.mark.parametrize("final", [0.0, 0.2])
def test_the_peak_is_the_highest_value_of_every_shape(name, warmup, final):
    schedule = make_lr_schedule(name, 0.5, warmup=warmup, final=final)
    assert schedule.highest == pytest.approx(0.5)
    assert max(values_of(schedule)) == pytest.approx(0.5, rel=2e-2)


@every
def test_warmup_rises_over_its_share_of_the_training(name):
    values = values_of(make_lr_schedule(name, 0.5, warmup=0.1))
    assert values[:100] == sorted(values[:100])
    if not SHAPES[name].brings_warmup:
        assert values[0] < 0.02
        assert max(values) == max(values[95:105])
    assert make_lr_schedule(name, 0.5, warmup=0.004) == make_lr_schedule(name, 0.5)  # less than half a percent is none


@pytest.mark.parametrize("name", SHAPES_WITH_FINAL)
def test_a_schedule_ends_at_its_final_share(name):
    assert values_of(make_lr_schedule(name, 0.5, final=0.2))[-1] == pytest.approx(0.1, rel=3e-2)
    assert final_share(make_lr_schedule(name, 0.5, warmup=0.1, final=0.2)) == pytest.approx(0.2)


@pytest.mark.parametrize("name", SHAPES_WITH_FINAL)
def test_the_final_share_is_read_back_from_a_recipe(name):
    space = SearchSpace(schedules=(name,), final=Range(0.05, 0.25))
    coordinates = Coordinates.around(space, {"sgd": 1.0}, steps=TOTAL)
    assert coordinates.point(coordinates.recipe((0.5, 0.5, 0.75))) == pytest.approx((0.5, 0.5, 0.75), abs=5e-3)


def test_an_unknown_shape_is_refused_with_a_suggestion():
    with pytest.raises(RecipeError, match=r"no schedule 'cosin' to search; there are .* did you mean cosine"):
        make_lr_schedule("cosin", 0.1)
