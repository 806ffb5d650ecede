from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.tuning.space import Point, Space, near, spread

SPACE = Space(lowest=1e-3, highest=10.0, longest_memory=50.0)
unit = st.floats(0.0, 1.0)


@given(rate=unit, memory=unit)
def test_a_setting_leads_back_to_its_point(rate, memory):
    lr, momentum = SPACE.setting(Point(rate, memory))
    back = SPACE.point(lr, momentum)
    # Settings are rounded to four digits; near momentum 0.98 that moves 1 / (1 - momentum) most.
    assert back.rate == pytest.approx(rate, abs=2e-3)
    assert back.memory == pytest.approx(memory, abs=2e-3)
    assert 0 <= momentum < 1


def test_the_corners_are_the_bounds():
    assert SPACE.setting(Point(0.0, 0.0)) == (1e-3, 0.0)
    lr, momentum = SPACE.setting(Point(1.0, 1.0))
    assert lr / (1 - momentum) == pytest.approx(10.0)
    assert momentum == pytest.approx(0.98)


@pytest.mark.parametrize(
    ("point", "edges"),
    [
        (Point(0.5, 0.5), ()),
        (Point(0.5, 0.0), ()),
        (Point(0.99, 0.5), ("lr",)),
        (Point(0.01, 0.5), ("lr",)),
        (Point(0.5, 0.99), ("momentum",)),
        (Point(1.0, 1.0), ("lr", "momentum")),
    ],
)
def test_edges(point, edges):
    assert SPACE.edges(*SPACE.setting(point)) == edges


def test_short_trainings_get_short_memories():
    assert Space.below(1.0, decades=3.0, steps=40).longest_memory == pytest.approx(10.0)
    assert Space.below(1.0, decades=3.0, steps=100_000).longest_memory == pytest.approx(100.0)
    assert Space.below(1.0, decades=3.0, steps=1).longest_memory == pytest.approx(2.0)


def test_spread_points_are_even_in_every_quarter():
    """A Sobol sequence of 64 points puts 16 in every quarter; independent draws almost never do."""
    points = spread(64, generator=np.random.default_rng(0))
    quarters = [
        sum((p.rate >= 0.5) == right and (p.memory >= 0.5) == top for p in points) for right in (0, 1) for top in (0, 1)
    ]
    assert quarters == [16, 16, 16, 16]


@given(rate=unit, memory=unit, seed=st.integers(0, 10_000))
def test_near_points_stay_in_the_square(rate, memory, seed):
    point = near(Point(rate, memory), width=0.5, generator=np.random.default_rng(seed))
    assert 0.0 <= point.rate <= 1.0
    assert 0.0 <= point.memory <= 1.0
