import math

import numpy as np
import pytest
from tests.unit.diagnosis.valley import ravine

from surefoot.diagnosis.foresight import CLIP, Judged, foresee
from surefoot.diagnosis.settings import Plane, Setting
from surefoot.recipe import Recipe

PLANE = Plane(Recipe.parse("sgd(lr=0.0625, momentum=0.9)"))
RATES = [Setting(2.0**octave, 0.9) for octave in range(-8, 1)]


def judged(settings, *, share=1.0, seed=0, factor=1.0):
    return [Judged(each, share, seed, factor * ravine(each.lr, each.momentum)) for each in settings]


def test_what_was_measured_is_foreseen_and_what_lies_between_is_between():
    rows = judged(RATES[::2])
    expected = foresee(rows, PLANE.everywhere(), PLANE.own)
    for row in rows:
        if row.loss < 0.1 * math.exp(CLIP):
            assert expected.at(row.setting)[0] == pytest.approx(math.log(row.loss), abs=0.1)
    best = expected.settings[int(np.argmin(expected.means))]
    assert best.lr / (1 - best.momentum) == pytest.approx(1.0, rel=1.1)


def test_doubt_grows_away_from_what_was_tried():
    expected = foresee(judged(RATES[3:6]), PLANE.everywhere(), PLANE.own)
    tried, far = expected.at(RATES[4])[1], expected.at(Setting(PLANE.rate(-12), 0.9))[1]
    assert tried < 0.2 < far
    assert expected.at(PLANE.own)[1] == pytest.approx(0.0, abs=1e-5)


def test_short_trainings_tell_where_the_full_ones_are_good():
    rows = [*judged(RATES, share=1 / 8, factor=3.0), *judged([PLANE.own])]
    expected = foresee(rows, PLANE.everywhere(), PLANE.own)
    line = [(expected.at(each)[0], each.lr) for each in PLANE.lines["lr"]]
    assert 0.03 < min(line)[1] < 0.3


def test_the_luck_of_another_seed_is_taken_out_by_the_recipe_itself():
    rows = judged(RATES[2:7])
    lucky = judged([PLANE.own, RATES[5]], seed=1, factor=0.5)
    calm = foresee([*rows, *judged([PLANE.own, RATES[5]], seed=1)], PLANE.everywhere(), PLANE.own)
    shifted = foresee([*rows, *lucky], PLANE.everywhere(), PLANE.own)
    assert shifted.means == pytest.approx(calm.means, abs=1e-3)


@pytest.mark.parametrize("losses", [[-1.0, -1.0, -1.0], [-2.0, math.inf, math.inf]])
def test_losses_below_zero_that_are_all_alike_have_logarithms(losses):
    rows = [Judged(each, 1.0, 0, loss) for each, loss in zip(RATES[4:7], losses, strict=True)]
    expected = foresee(rows, PLANE.everywhere(), PLANE.own)
    assert np.isfinite(expected.means).all()
    assert all(loss + expected.lift > 0 for loss in losses)


def test_no_loss_is_expected_below_0_where_none_was_seen_there():
    steep = [Judged(each, 1.0, 0, max(1e-3 - 2e-4 * place, 0.0)) for place, each in enumerate(RATES)]
    expected = foresee(steep, PLANE.everywhere(), PLANE.own)
    assert expected.loss(math.log(expected.lift) - 1.0) == 0.0
    below = foresee([Judged(row.setting, 1.0, 0, row.loss - 1.0) for row in steep], PLANE.everywhere(), PLANE.own)
    assert below.loss(math.log(below.lift) - 1.0) < 0.0


def test_the_worst_say_nothing_of_the_best():
    rows = judged(RATES[:7])
    worse = [*rows[1:], Judged(rows[0].setting, 1.0, 0, math.inf)]
    one, other = (foresee(each, PLANE.everywhere(), PLANE.own) for each in (rows, worse))
    assert one.means == pytest.approx(other.means, abs=0.02)
