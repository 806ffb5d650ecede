from __future__ import annotations

import math
from itertools import pairwise

import pytest

from surefoot.plots.axes_and_point_labels import (
    best_label_position,
    count_covered,
    label_positions,
    linear_ticks,
    log_ticks,
    loss_scale,
)


@pytest.mark.parametrize("decades", [0.2, 0.5, 1.0, 1.5, 2.0, 3.7, 9.0])
@pytest.mark.parametrize("low", [1e-9, 0.0123, 0.9, 37.0])
def test_log_ticks_lie_between_the_bounds_and_are_neither_few_nor_many(low, decades):
    high = low * 10**decades
    ticks = log_ticks(low, high, max_ticks=8)
    assert ticks == sorted(set(ticks))
    assert all(low <= tick * (1 + 1e-9) and tick <= high * (1 + 1e-9) for tick in ticks)
    assert 2 <= len(ticks) <= 8
    assert all(len(f"{tick:.6e}".split("e")[0].rstrip("0")) <= 3 for tick in ticks)


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.3), (-2.0, 5.0), (0.0, 123456.0), (0.0, 1e-4)])
def test_linear_ticks_are_evenly_spaced_and_few(low, high):
    ticks = linear_ticks(low, high, max_ticks=6)
    gaps = [after - before for before, after in pairwise(ticks)]
    assert 2 <= len(ticks) <= 6
    assert low <= ticks[0]
    assert ticks[-1] <= high
    assert gaps == pytest.approx([gaps[0]] * len(gaps))


def test_one_value_alone_still_makes_an_axis():
    assert linear_ticks(2.0, 2.0, max_ticks=4) == [2.0]
    scale, _ = loss_scale([0.5])
    low, high = scale.to_dict()["domain"]
    assert low < 0.5 < high


def test_losses_below_zero_make_a_linear_axis():
    assert loss_scale([-1.0, 2.0])[0].to_dict().get("type") is None
    assert loss_scale([1.0, 2.0])[0].to_dict()["type"] == "log"
    assert math.isfinite(loss_scale([1.0], ceiling=3.0)[0].to_dict()["domain"][1])


def test_a_label_avoids_the_edge_and_what_is_occupied():
    assert best_label_position("yours", (0.01, 0.5), []).align == "left"
    assert best_label_position("yours", (0.99, 0.5), []).align == "right"
    to_the_right = [(0.55, 0.5)]
    assert best_label_position("yours", (0.5, 0.5), to_the_right).align != "left"


@pytest.mark.parametrize("position", label_positions("recommended"))
def test_a_label_covers_its_own_positions_and_no_others(position):
    point = (0.5, 0.5)
    assert count_covered(position, point, position.covered_positions(point)) >= 9  # those not on its edge
    assert count_covered(position, point, [point]) == 0


def test_a_label_outside_of_the_chart_is_worse_than_one_that_covers_everything():
    inside, outside = label_positions("x")[:2]
    occupied = inside.covered_positions((0.02, 0.5))
    assert count_covered(inside, (0.02, 0.5), occupied) < count_covered(outside, (0.02, 0.5), occupied)
