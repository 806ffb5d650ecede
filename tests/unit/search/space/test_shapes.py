"""The shapes that a search draws, by the values they take."""

from __future__ import annotations

import pytest

from surefoot.core.errors import RecipeError
from surefoot.search.space.axes import Range
from surefoot.search.space.coordinates import Coordinates, final_share
from surefoot.search.space.schedule_shapes import SHAPES, WITHOUT_WARMUP, shaped
from surefoot.search.space.search_space import SearchSpace

TOTAL = 1000
ENDING = ("cosine", "linear", "wsd", "exponential")
every = pytest.mark.parametrize("name", SHAPES)


def course(schedule) -> list[float]:
    return [schedule.value(step, TOTAL) for step in range(TOTAL)]


@every
@pytest.mark.parametrize("warmup", [0.0, 0.1])
@pytest.mark.parametrize("final", [0.0, 0.2])
def test_the_peak_is_the_highest_value_of_every_shape(name, warmup, final):
    schedule = shaped(name, 0.5, warmup=warmup, final=final)
    assert schedule.highest == pytest.approx(0.5)
    assert max(course(schedule)) == pytest.approx(0.5, rel=2e-2)


@every
def test_warmup_rises_for_its_share_and_one_cycle_brings_its_own(name):
    values = course(shaped(name, 0.5, warmup=0.1))
    assert values[:100] == sorted(values[:100])
    if name not in WITHOUT_WARMUP:
        assert values[0] < 0.02
        assert max(values) == max(values[95:105])
    assert shaped(name, 0.5, warmup=0.004) == shaped(name, 0.5)  # less than half a percent is none


@pytest.mark.parametrize("name", ENDING)
def test_the_final_share_is_what_is_left_at_the_end(name):
    assert course(shaped(name, 0.5, final=0.2))[-1] == pytest.approx(0.1, rel=3e-2)
    assert final_share(shaped(name, 0.5, warmup=0.1, final=0.2)) == pytest.approx(0.2)


@pytest.mark.parametrize("name", ENDING)
def test_the_final_share_has_a_place_on_its_axis(name):
    space = SearchSpace(schedules=(name,), final=Range(0.05, 0.25))
    where = Coordinates.around(space, {"sgd": 1.0}, steps=TOTAL)
    assert where.point(where.recipe((0.5, 0.5, 0.75))) == pytest.approx((0.5, 0.5, 0.75), abs=5e-3)


def test_no_such_shape():
    with pytest.raises(RecipeError, match=r"no schedule 'cosin' to search; there are .* did you mean cosine"):
        shaped("cosin", 0.1)
