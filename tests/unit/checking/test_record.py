"""Checks as data, and back."""

import json
import math
from dataclasses import replace

import pytest

from surefoot.checking.result import from_record, to_record
from surefoot.core.errors import StudyError
from surefoot.studies.check_log import add_check, check_heads, check_row
from surefoot.studies.database import Database


def test_a_check_comes_back_whole_from_a_database(checked, tmp_path):
    worst = replace(checked.trials[0], loss=math.inf, diverged_at=3)
    losses = (*checked.own_training.train.losses[:-2], math.inf, math.inf)
    own = replace(checked.own_training, train=replace(checked.own_training.train, losses=losses))
    result = replace(checked, trials=(worst, *checked.trials[1:]), own_training=own)
    database = Database(tmp_path / "a.db")
    number = add_check(database, to_record(result), task="wine", recipe="sgd(lr=1)", verdict="healthy", command=None)
    (head,) = check_heads(database)
    assert (head.id, head.task, head.recipe, head.verdict) == (number, "wine", "sgd(lr=1)", "healthy")
    assert from_record(check_row(database, number).result) == result
    with pytest.raises(StudyError, match=r"no check 9\. Hint: surefoot check writes one"):
        check_row(database, 9)


def test_a_diverged_check_without_curvature_comes_back(checked):
    result = replace(checked, curvature=None, noise=None, plan=None)
    assert from_record(json.loads(json.dumps(to_record(result), allow_nan=False))) == result


@pytest.mark.parametrize("damage", [{"schema": 1}, {"trials": [{"lr": 1}]}, {"task": None, "own_training": None}])
def test_a_record_of_another_version_or_a_damaged_one_is_refused(checked, damage):
    with pytest.raises(StudyError, match="check it again"):
        from_record({**to_record(checked), **damage})
    with pytest.raises(StudyError, match="check it again"):
        from_record([])
