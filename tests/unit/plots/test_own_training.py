import math

import numpy as np
import pytest

from surefoot.plots.course import TRAIN, VALID, course

THIN, THICK, DASHED, DOTS = range(4)


def test_the_thick_line_is_the_mean_of_the_thin_one(checked, drawn):
    marks = drawn(course(checked))
    thin, thick = marks[THIN][2], marks[THICK][2]
    assert [row["loss"] for row in thin] == pytest.approx(checked.course.train, rel=1e-5)
    assert len(thick) == 100
    assert np.mean([row["loss"] for row in thick]) == pytest.approx(np.mean(checked.course.train), rel=1e-4)
    assert {row["name"] for row in (*thin, *thick)} == {TRAIN}


def test_the_dots_are_the_looks_at_the_validation_loss(checked, drawn):
    dots = drawn(course(checked))[DOTS][2]
    assert [(row["step"], row["loss"]) for row in dots] == [
        (step, pytest.approx(loss, rel=1e-5)) for step, loss in checked.course.valid
    ]
    assert {row["name"] for row in dots} == {VALID}


def test_lines_end_where_there_is_no_number(lost, drawn, words):
    marks = drawn(course(lost))
    assert [row["step"] for row in marks[THIN][2]] == [0, 1, 2]
    assert [row["step"] for row in marks[DOTS][2]] == [0]
    assert all(math.isfinite(row["loss"]) for _, _, rows in marks for row in rows)
    assert any("no number from step 3" in text for text in words(course(lost)))
    low, high = marks[THIN][1]["y"]["scale"]["domain"]
    assert low < 1.1 < high < 1e3
