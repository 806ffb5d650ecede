import math

import pytest

from surefoot.plots.checked_training import TRAIN, VALID, checked_training

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
