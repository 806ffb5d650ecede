from __future__ import annotations

import math
from dataclasses import replace

import pytest

from surefoot.plots.check_losses import TRAIN, VALID, check_losses, checked_training


def points_of(drawn, result):
    return next(rows for mark, encoding, rows in drawn(check_losses(result)) if mark == "point" and "shape" in encoding)


def crosses_of(drawn, result):
    return next(
        rows for mark, encoding, rows in drawn(check_losses(result)) if mark == "text" and "tooltip" in encoding
    )


def test_every_training_has_its_mark(checked, drawn):
    shown = [*points_of(drawn, checked), *crosses_of(drawn, checked)]
    assert len(shown) == len(checked.trials)
    losses = sorted(row["loss"] for row in points_of(drawn, checked))
    finite = sorted(row.loss for row in checked.trials if math.isfinite(row.loss))
    assert losses == pytest.approx(finite[: len(losses)], rel=1e-5)


def test_what_diverged_or_lies_outside_is_a_cross(checked, drawn, words):
    last = replace(checked.trials[-1], loss=math.inf)
    far = replace(checked.trials[-2], loss=1e6)
    result = replace(checked, trials=(*checked.trials[:-2], far, last))
    before = len(crosses_of(drawn, checked))
    assert len(crosses_of(drawn, result)) == before + 2
    assert any("crosses diverged" in text for text in words(check_losses(result)))


def test_the_recipe_and_the_advice_are_named(checked, words):
    said = words(check_losses(checked))
    assert {"yours", "advised"} <= set(said)
    assert any(text.endswith("is advised") for text in said)
    kept = words(check_losses(replace(checked, recipe=checked.checked_recipe)))
    assert "advised" not in kept
    assert "No change is advised" in kept


def test_an_advice_whose_schedule_rounds_its_rate_is_marked_where_it_was_tried(checked, words):
    rounded = checked.recipe.with_(lr=checked.recipe.lr.highest * (1 + 1e-12))
    assert rounded.lr.highest != checked.advised.lr
    result = replace(checked, recipe=rounded)
    assert result.advised == checked.advised
    assert "advised" in words(check_losses(result))


def test_lines_are_of_the_first_seed(checked, drawn):
    again = replace(checked.trials[0], seed=1)
    chart = check_losses(replace(checked, trials=(*checked.trials, again)))
    line = next(layer for layer in chart.to_dict()["layer"] if layer["mark"]["type"] == "line")
    assert line["transform"] == [{"filter": "datum.seed == 0"}]
    assert {row["seed"] for row in points_of(drawn, replace(checked, trials=(*checked.trials, again)))} == {0, 1}


def test_losses_below_zero_and_divergence_everywhere_draw_too(checked, lost, words):
    below = replace(checked, trials=tuple(replace(row, loss=row.loss - 5.0) for row in checked.trials))
    assert "advised" in words(check_losses(below))
    assert words(check_losses(lost)).count("✕") == len(lost.trials)


LINE, DASHED, DOTS = range(3)


def test_the_line_is_the_training_loss_and_the_dots_are_validation_losses_up_to_the_end(checked, drawn):
    marks, own = drawn(checked_training(checked)), checked.recipe_training
    assert [row["loss"] for row in marks[LINE][2]] == pytest.approx(own.train.losses, rel=1e-5)
    dots = marks[DOTS][2]
    assert (dots[-1]["step"], dots[-1]["loss"]) == (own.steps, pytest.approx(own.loss, rel=1e-5))
    assert [row["step"] for row in dots] == [*own.valid.steps, own.steps][: len(dots)]
    assert {row["name"] for row in marks[LINE][2]} == {TRAIN}
    assert {row["name"] for row in dots} == {VALID}


def test_lines_end_where_the_training_diverged(lost, drawn, words):
    marks = drawn(checked_training(lost))
    assert [row["step"] for row in marks[LINE][2]] == [1, 2, 3]
    assert [row["step"] for row in marks[DOTS][2]] == [13]
    assert all(math.isfinite(row["loss"]) for _, _, rows in marks for row in rows)
    assert any("diverged at step 3" in text for text in words(checked_training(lost)))
