"""Checks as data, and back."""

import json
import math
from dataclasses import replace

import pytest

from surefoot.checking.record import from_record, to_record
from surefoot.errors import StudyError
from surefoot.studies import Database, add_check, check_heads, check_row


def test_a_check_comes_back_whole_from_a_database(checked, tmp_path):
    worst = replace(checked.forks[0], loss=math.inf)
    course = replace(checked.course, train=(*checked.course.train[:-2], math.inf, -math.inf))
    result = replace(checked, forks=(worst, *checked.forks[1:]), course=course)
    database = Database(tmp_path / "a.db")
    number = add_check(database, to_record(result), task="wine", recipe="sgd(lr=1)", verdict="healthy", command=None)
    (head,) = check_heads(database)
    assert (head.id, head.task, head.recipe, head.verdict) == (number, "wine", "sgd(lr=1)", "healthy")
    assert from_record(check_row(database, number).result) == result
    with pytest.raises(StudyError, match=r"no check 9\. Hint: surefoot check writes one"):
        check_row(database, 9)


def test_a_diverged_check_without_curvature_comes_back(checked):
    result = replace(checked, curved=None, noise=None)
    assert from_record(json.loads(json.dumps(to_record(result), allow_nan=False))) == result


@pytest.mark.parametrize("damage", [{"schema": 2}, {"forks": [{"lr": 1}]}, {"task": None, "course": None}])
def test_what_was_kept_otherwise_is_refused(checked, damage):
    with pytest.raises(StudyError, match="check it again"):
        from_record({**to_record(checked), **damage})
    with pytest.raises(StudyError, match="check it again"):
        from_record([])
