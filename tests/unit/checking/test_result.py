"""Checks are stored as JSON data and read again."""

import json
import math
from dataclasses import replace

import pytest

from surefoot.checking.result import from_record, to_record
from surefoot.core.errors import StudyError
from surefoot.studies.database import Database
from surefoot.studies.stored_checks import add_check, check_summaries, stored_check


def test_a_stored_check_is_read_again_whole(checked, tmp_path):
    worst = replace(checked.trials[0], loss=math.inf, diverged_at=3)
    losses = (*checked.recipe_training.train.losses[:-2], math.inf, math.inf)
    own = replace(checked.recipe_training, train=replace(checked.recipe_training.train, losses=losses))
    result = replace(checked, trials=(worst, *checked.trials[1:]), recipe_training=own)
    database = Database(tmp_path / "a.db")
    number = add_check(database, to_record(result), task="wine", recipe="sgd(lr=1)", verdict="healthy", command=None)
    (head,) = check_summaries(database)
    assert (head.id, head.task, head.recipe, head.verdict) == (number, "wine", "sgd(lr=1)", "healthy")
    assert from_record(stored_check(database, number).result) == result
    with pytest.raises(StudyError, match=r"no check 9\. Hint: surefoot check writes one"):
        stored_check(database, 9)


def test_a_check_without_curvature_and_plan_is_read_again(checked):
    result = replace(checked, curvature=None, noise=None, plan=None)
    assert from_record(json.loads(json.dumps(to_record(result), allow_nan=False))) == result


@pytest.mark.parametrize("damage", [{"schema": 1}, {"trials": [{"lr": 1}]}, {"task": None, "own_training": None}])
def test_damaged_records_and_other_versions_are_refused(checked, damage):
    with pytest.raises(StudyError, match="check it again"):
        from_record({**to_record(checked), **damage})
    with pytest.raises(StudyError, match="check it again"):
        from_record([])
