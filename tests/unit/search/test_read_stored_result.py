"""A study that version 0.1 finished, as it lies in a database: schema 1, stages range, search and confirm."""

import json
import math

import pytest

from surefoot.core.errors import StudyError
from surefoot.recipe.recipe import Recipe
from surefoot.search.read_stored_result import old_result, read_result
from surefoot.studies.database import Database
from surefoot.studies.recorded_trials import Measurement
from surefoot.studies.study import Study
from surefoot.trainers.trial import Curve, Outcome, Trial
from surefoot.wording.search import search_cost, search_headline, search_notes

BEST, SECOND = "sgd(lr=cosine(0.3), momentum=0.9)", "sgd(lr=cosine(0.5), momentum=0.8)"
DEFAULT, SCHEDULED = "sgd(lr=0.01, momentum=0.9)", "sgd(lr=cosine(0.01), momentum=0.9)"
RESULT = {
    "schema": 1,
    "task": "digits",
    "goal": "loss",
    "recipe": BEST,
    "reason": None,
    "valid_loss": {"mean": 0.1, "low": 0.09, "high": 0.11, "seeds": 2},
    "default_valid_loss": {"mean": 0.4, "low": 0.3, "high": 0.5, "seeds": 2},
    "default_scheduled_recipe": SCHEDULED,
    "default_scheduled_valid_loss": {"mean": 0.5, "low": 0.4, "high": 0.6, "seeds": 2},
    "test_loss": None,
    "metric": 0.97,
    "interval": {"lr": [0.2, 0.6], "momentum": [0.9, 0.9]},
    "boundary": ["lr"],
    "search_config_steps": 1200,
    "config_steps": 2000,
    "steps": 100,
    "seconds": 12.5,
    "trials": 4,
    "plan": {"schema": 1, "backend": "stacked", "width": 16},
    "study": "elsewhere.db#1",
    "transfer": None,
}


def row(stage, text, loss, *, seed=0, taken=-1, train=(2.0, 1.0)):
    outcome = Outcome(loss, metric=0.97, train=Curve((0, 50), train))
    return Measurement(stage, Trial(Recipe.parse(text), 100, seed), outcome, taken=taken)


SEARCH = [
    row("range", "sgd(lr=exponential(1e-5, rate=1e6), momentum=0.9)", math.inf),
    *(row("search/000", BEST, loss, taken=taken) for taken, loss in ((25, 0.6), (50, 0.3))),
    row("search/000", SECOND, 0.7, taken=25),
]
CONFIRM = [
    row("confirm/1", text, loss + noise, seed=seed)
    for seed, noise in ((1, 0.0), (2, 0.004))
    for text, loss in ((SECOND, 0.101), (BEST, 0.1), (DEFAULT, 0.4), (SCHEDULED, 0.5))
]


@pytest.fixture
def study(tmp_path):
    study = Study.create(Database(tmp_path / "old.db"), task="digits", settings={"budget": "30x"}, seed=0)
    for name, rows in (("range", SEARCH[:1]), ("search/000", SEARCH[1:]), ("confirm/1", CONFIRM)):
        study.record(name, rows, config_steps=400, seconds=1.0)
    study.set_plan(RESULT["plan"])
    study.release(status="done", result=RESULT)
    return study


def test_what_it_recommended_and_compared_is_there(study):
    result = read_result(study)
    assert str(result.recipe) == BEST
    assert (result.steps, result.full_steps, result.budget, result.study) == (100, 100, "30x", study.name)
    assert [(str(found.recipe), found.role, found.tied) for found in result.trained_recipes] == [
        (BEST, "recommended", False),
        (SECOND, "runner-up", True),
        (DEFAULT, "default", False),
        (SCHEDULED, "compared", False),
    ]
    assert result.best.valid.mean == pytest.approx(0.102)
    assert result.best.metric == pytest.approx(0.97)
    assert [run.trial.seed for run in result.default.runs] == [1, 2]


def test_what_it_did_not_know_is_left_open(study):
    result = read_result(study)
    assert (result.frontier, result.good_range, result.limit, result.expected_loss) == ((), None, None, None)
    assert result.by_momentum == ()
    assert result.overfits_after is None


def test_it_reads_like_any_other(study):
    result = read_result(study)
    assert search_headline(result).startswith(f"Train with {BEST} for 100 steps: it reaches a validation loss of 0.102")
    assert any("Learning rates from 0.2 to 0.6 could not be distinguished" in note for note in search_notes(result))
    assert not any("omenta" in note for note in search_notes(result))
    assert search_cost(result).startswith(
        "11 trials in 12 s: as much as 20 full trainings of 100 steps; the search took 12"
    )
    json.dumps(result.to_json(), allow_nan=False)


def test_a_study_in_which_everything_diverged_has_its_reason(study):
    info = study.info()
    info.result.update(recipe=None, reason="every setting diverged", interval={"lr": None, "momentum": None})
    lost = [row("confirm/1", DEFAULT, math.inf, seed=seed) for seed in (1, 2)]
    result = old_result(info, lost)
    assert result.recipe is None
    assert search_headline(result) == "There is no recommendation. Every setting diverged."
    assert [(found.role, found.valid.mean) for found in result.trained_recipes] == [("default", math.inf)]


def test_a_study_that_is_not_done_has_no_result(tmp_path):
    study = Study.create(Database(tmp_path / "new.db"), task="digits", settings={}, seed=0)
    with pytest.raises(StudyError, match="is running, not done"):
        read_result(study)
    with pytest.raises(StudyError, match="not done"):
        old_result(study.info(), [])


def test_a_result_of_today_is_read_as_it_was_written(tmp_path, made):
    study = Study.create(Database(tmp_path / "new.db"), task="wine", settings={}, seed=0)
    stages = {}
    for each in made.measurements:
        stages.setdefault(each.stage, []).append(each)
    for name, rows in stages.items():
        study.record(name, rows, config_steps=1, seconds=1.0)
    study.release(status="done", result=made.to_json())
    again = read_result(study)
    assert again.to_json() == {**made.to_json(), "study": study.name}
    assert [len(found.runs) for found in again.trained_recipes] == [3, 3, 3]
