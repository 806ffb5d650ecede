import math
from dataclasses import replace

import pytest

from surefoot.plots.forks import forks


def points_of(drawn, result):
    return next(rows for mark, encoding, rows in drawn(forks(result)) if mark == "point" and "shape" in encoding)


def crosses_of(drawn, result):
    return next(rows for mark, encoding, rows in drawn(forks(result)) if mark == "text" and "tooltip" in encoding)


def test_every_training_has_its_mark(checked, drawn):
    shown = [*points_of(drawn, checked), *crosses_of(drawn, checked)]
    assert len(shown) == len(checked.forks)
    losses = sorted(row["loss"] for row in points_of(drawn, checked))
    finite = sorted(row.loss for row in checked.forks if math.isfinite(row.loss))
    assert losses == pytest.approx(finite[: len(losses)], rel=1e-5)


def test_what_diverged_or_left_the_picture_is_a_cross(checked, drawn, words):
    last = replace(checked.forks[-1], loss=math.inf)
    far = replace(checked.forks[-2], loss=1e6)
    result = replace(checked, forks=(*checked.forks[:-2], far, last))
    before = len(crosses_of(drawn, checked))
    assert len(crosses_of(drawn, result)) == before + 2
    assert any("crosses diverged" in text for text in words(forks(result)))


def test_the_recipe_and_the_advice_are_named(checked, words):
    said = words(forks(checked))
    assert {"yours", "advised", "loss before the first step", "full", "1/8"} <= set(said)
    assert any(text.endswith("ends lower") for text in said)
    kept = words(forks(replace(checked, advice=checked.recipe)))
    assert "advised" not in kept
    assert "Nothing that was tried is clearly better" in kept


def test_an_advice_whose_schedule_rounds_its_rate_is_marked_where_it_was_tried(checked, words):
    rounded = checked.advice.with_(lr=checked.advice.lr.highest * (1 + 1e-12))
    assert rounded.lr.highest != checked.advised.lr
    result = replace(checked, advice=rounded)
    assert result.advised == checked.advised
    assert "advised" in words(forks(result))


def test_lines_are_of_the_first_seed(checked, drawn):
    again = replace(checked.forks[0], seed=1)
    chart = forks(replace(checked, forks=(*checked.forks, again)))
    line = next(layer for layer in chart.to_dict()["layer"] if layer["mark"]["type"] == "line")
    assert line["transform"] == [{"filter": "datum.seed == 0"}]
    assert {row["seed"] for row in points_of(drawn, replace(checked, forks=(*checked.forks, again)))} == {0, 1}


def test_losses_below_zero_and_divergence_everywhere_draw_too(checked, lost, words):
    below = replace(checked, forks=tuple(replace(row, loss=row.loss - 5.0) for row in checked.forks))
    assert "advised" in words(forks(below))
    assert words(forks(lost)).count("✕") == len(lost.forks)
