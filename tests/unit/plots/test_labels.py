import pytest

from surefoot.plots.labels import best_label_position, count_covered, label_positions


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
