"""Which rates are tried next, and the range that is read off them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.tuning.range_test import Ramp
from surefoot.tuning.short_runs import (
    A_ROUND,
    BOTTOM,
    COARSE,
    FIRST,
    ROUNDS,
    TOP,
    Runs,
    first_broken,
    first_places,
    next_places,
    rate_at,
)
from surefoot.tuning.usable import read_range

RAMP = Ramp(0.5, (1e-6, 1.0), (1.0, 1.0), 1.0)


def searched(gain, *, begin, seeds=1):
    """Return what the rounds find out about a known gain at every place."""
    places, runs = first_places(begin), Runs((), np.empty((0, seeds)))
    for _ in range(1 + ROUNDS):
        runs = runs.merged(places, np.array([[gain(place)] * seeds for place in places]).reshape(-1, seeds))
        places = next_places(runs)
    return runs


def hill(best, limit):
    """A gain that rises as in log rate, has one best place, and ends at a cliff."""
    return lambda place: -np.inf if place > limit else math.exp(-(((place - best) / 12.0) ** 2))


@given(limit=st.one_of(st.none(), st.floats(1e-9, 1e9)))
def test_the_first_rates_stand_on_the_lattice_within_the_ramp(limit):
    places = first_places(limit)
    assert len(places) == FIRST
    assert all(place % COARSE == 0 and BOTTOM <= place <= TOP for place in places)


@given(best=st.integers(-12, 0), above=st.integers(2, 14), begin=st.floats(0.3, 30.0))
def test_best_and_limit_are_bracketed_wherever_the_ramp_began(best, above, begin):
    limit = best + above
    runs = searched(hill(best, limit), begin=begin)
    assert len(runs.places) <= FIRST + ROUNDS * A_ROUND
    broken = first_broken(runs.mean)
    assert broken is not None
    assert runs.places[broken - 1] <= limit < runs.places[broken]
    assert runs.places[broken] - runs.places[broken - 1] <= 4
    row = read_range(RAMP, runs, start=2.0, noise=0.0, sharpness=None)
    assert row.limit / 0.5 == pytest.approx(rate_at(limit), rel=2**0.5 - 1 + 0.01)
    assert row.best / 0.5 == pytest.approx(rate_at(best), rel=1.0)
    assert row.low <= row.best <= row.high


def test_each_answer_is_nearly_the_same_from_near_and_from_far():
    one, two = (
        read_range(RAMP, searched(hill(-7, 5), begin=begin), start=2.0, noise=0.0, sharpness=None)
        for begin in (2.0, 100.0)
    )
    for key in ("low", "best", "high", "limit"):
        assert 0.5 < getattr(one, key) / getattr(two, key) < 2.0


def test_rates_that_all_broke_are_left_behind_below():
    broken = Runs((0, 8, 16), np.full((3, 1), -np.inf))
    assert next_places(broken) == (-8, 24)


def test_a_seed_that_holds_where_others_broke_is_followed_further():
    gains = np.array([[0.5, 0.5], [1.0, 1.0], [0.8, 0.8], [-np.inf, 0.7]])
    assert next_places(Runs((-4, 0, 4, 8), gains)) == (8 + COARSE, 6)


def test_a_gain_that_only_rises_is_followed_up_to_the_top():
    runs = searched(lambda place: 2.0 ** (place / 4), begin=1.0)
    assert runs.places[-1] > 24
    row = read_range(RAMP, runs, start=2.0, noise=0.0, sharpness=None)
    assert (row.low, row.best, row.high, row.limit) == (None, None, None, None)


def test_the_best_lies_at_the_vertex_of_a_parabola_in_log_rate():
    places = (-8, -4, 0, 8, 12)
    gains = np.array([[1.0 - ((place - 1.0) / 20.0) ** 2] for place in places])
    row = read_range(RAMP, Runs(places, gains), start=2.0, noise=0.0, sharpness=None)
    assert row.best == pytest.approx(0.5 * rate_at(1.0))


def test_the_usable_range_ends_where_the_gain_crosses_nine_tenths():
    runs = Runs((-4, 0, 4, 8), np.array([[0.8], [1.0], [0.6], [-np.inf]]))
    row = read_range(RAMP, runs, start=2.0, noise=0.0, sharpness=None)
    assert row.low == pytest.approx(0.5 * rate_at(-2.0))
    assert row.high == pytest.approx(0.5 * rate_at(1.0))
    assert row.limit == pytest.approx(0.5 * rate_at(6.0))


def test_intervals_are_students_in_log_rate_and_hold_the_bracket():
    """Limits between places 4 and 6, 6 and 8, 8 and 10; t(0.95, 2) = 2.92."""
    places = (-4, 0, 4, 6, 8, 10)
    nothing = -np.inf
    gains = np.array([[0.5] * 3, [1.0] * 3, [0.9] * 3, [nothing, 0.9, 0.9], [nothing, nothing, 0.9], [nothing] * 3])
    row = read_range(RAMP, Runs(places, gains), start=2.0, noise=0.0, sharpness=None)
    half = 2.9199856 * 2.0 / math.sqrt(3)
    assert row.limit == pytest.approx(0.5 * rate_at(7.0))
    assert row.limit_interval.low == pytest.approx(0.5 * rate_at(6.0 - half))
    assert row.limit_interval.high == pytest.approx(0.5 * rate_at(8.0 + half))


def test_one_seed_has_no_interval_and_one_that_never_broke_no_limit():
    runs = Runs((-4, 0, 4, 8), np.array([[0.8], [1.0], [0.6], [-np.inf]]))
    row = read_range(RAMP, runs, start=2.0, noise=0.0, sharpness=None)
    assert (row.best_interval, row.limit_interval) == (None, None)
    half = Runs((-4, 0, 4, 8), np.array([[0.8, 0.8], [1.0, 1.0], [0.6, 0.6], [-np.inf, 0.6]]))
    assert read_range(RAMP, half, start=2.0, noise=0.0, sharpness=None).limit is None


def test_a_gain_within_the_noise_is_none():
    runs = Runs((-4, 0, 4, 8), np.array([[0.8], [1.0], [0.6], [-np.inf]]))
    assert read_range(RAMP, runs, start=2.0, noise=0.3, sharpness=None).best is None


def test_theory_stands_beside_the_limit():
    runs = Runs((-4, 0, 4, 8), np.array([[0.8], [1.0], [0.6], [-np.inf]]))
    row = read_range(RAMP, runs, start=2.0, noise=0.0, sharpness=4.0)
    assert (row.prior, row.full_batch_limit) == (0.25, 0.75)
