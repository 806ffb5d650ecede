from __future__ import annotations

import numpy as np
import pytest

import surefoot
from surefoot.plots.figure_registry import show
from surefoot.plots.loss_surfaces import BAND_COUNT, loss_bands
from surefoot.surfaces import SURFACES, surface_named


@pytest.mark.parametrize("name", [name for name, kind in SURFACES.items() if kind().dimensions == 2])
def test_the_lowest_band_lies_at_the_minimum(name):
    surface = surface_named(name)
    bands = loss_bands(surface, 200, 200)
    (left, right), (low, high) = surface.box
    x, y = surface.minima[0]
    row, column = int((high - y) / (high - low) * 200), int((x - left) / (right - left) * 200)
    assert (bands.min(), bands.max()) == (bands[row - 1 : row + 2, column - 1 : column + 2].min(), BAND_COUNT - 1)


def test_dots_are_the_positions_of_the_descent(drawn):
    descent = surefoot.descend("ravine", ["sgd(lr=0.1, momentum=0.9)", "adam(lr=0.3)"], steps=20)
    dots = next(rows for mark, encoding, rows in drawn(show(descent)) if mark == "point" and "tooltip" in encoding)
    for k, recipe in enumerate(descent.recipes):
        mine = [row for row in dots if row["name"] == str(recipe)]
        assert [row["step"] for row in mine] == [*range(21)]
        assert np.array([[row["x"], row["y"]] for row in mine]) == pytest.approx(descent.positions[k], rel=1e-5)


def test_in_one_dimension_a_dot_lies_on_the_curve(drawn):
    descent = surefoot.descend("double-well", ["sgd(lr=0.1, momentum=0.5)"], steps=10)
    dots = next(rows for mark, encoding, rows in drawn(show(descent)) if mark == "point" and "tooltip" in encoding)
    x = np.array([row["x"] for row in dots])
    assert [row["y"] for row in dots] == pytest.approx((x**2 - 1) ** 2 / 4 + 0.2 * x, rel=1e-4)


def test_events_are_marked_at_their_step_and_loss(drawn):
    descent = surefoot.descend("bowl", ["sgd(lr=1.5, momentum=0)"], steps=20)
    marks = next(rows for _, encoding, rows in drawn(show(descent)) if "shape" in encoding)
    assert [(row["kind"], row["step"]) for row in marks] == [("overshoot", 1), ("oscillation", 4), ("arrival", 5)]
    assert [row["loss"] for row in marks] == pytest.approx([2.88 * 0.25**step for step in (1, 4, 5)], rel=1e-5)


def test_a_line_ends_where_its_recipe_diverged_and_only_finite_values_are_drawn(drawn):
    descent = surefoot.descend("beale", ["sgd(lr=0.01, momentum=0.9)"], steps=50)
    assert not np.isfinite(descent.losses[0, -1])
    for _, _, rows in drawn(show(descent)):
        assert all(value is not None for row in rows for value in row.values())


def test_two_equal_recipes_have_two_names(drawn):
    descent = surefoot.descend("bowl", ["sgd(lr=0.1)", "sgd(lr=0.1)"], steps=2)
    names = {row["name"] for _, encoding, rows in drawn(show(descent)) if "tooltip" in encoding for row in rows}
    assert names == {"sgd(lr=0.1, momentum=0), 1", "sgd(lr=0.1, momentum=0), 2"}
