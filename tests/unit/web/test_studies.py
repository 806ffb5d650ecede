"""What the page shows of a database: a finished study, a running one, a missing and a locked database."""

import asyncio
import math
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.recorded.record import CHECK, DATABASE

from surefoot.core.errors import QueryError, StudyError
from surefoot.core.statistics import mean_score
from surefoot.core.value_types import Interval
from surefoot.recipe.recipe import Recipe
from surefoot.search.criterion import Criterion
from surefoot.search.full_training_scores import TrainedRecipe
from surefoot.search.result import FrontierPoint, GoodRange, SearchResult
from surefoot.studies.database import Database
from surefoot.studies.recorded_trials import Measurement
from surefoot.studies.study import Study
from surefoot.trainers.trial import Curve, Outcome, Trial
from surefoot.web import studies
from surefoot.web.query_parameters import Query

GOOD, BAD = "sgd(lr=cosine(0.2), momentum=0.9)", "sgd(lr=cosine(5), momentum=0.5)"


def measurement(text, stage, loss, *, seed=0, steps=100):
    curve = Curve((0, 50, 99), (2.0, 1.0, loss if math.isfinite(loss) else math.inf))
    trial = Trial(Recipe.parse(text), steps=100, seed=seed)
    return Measurement(stage, trial, Outcome(loss, train=curve), taken=steps)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "surefoot.db"
    study = Study.create(Database(path), task="wine", settings={}, seed=0)
    found = [measurement(GOOD, "map/spread/000", 0.5), measurement(BAD, "map/spread/000", math.inf)]
    study.record("map/spread/000", found, config_steps=200, seconds=1.0)
    return path


def in_a_thread(coroutine):
    """Run it where no browser's loop may be running already."""
    with ThreadPoolExecutor() as threads:
        return threads.submit(asyncio.run, coroutine).result()


DEFAULT = "sgd(lr=0.01, momentum=0.9)"


def add_full(path):
    study = Study.open(str(path))
    runs = [
        measurement(text, "full/001", loss, seed=s)
        for s in (1, 2)
        for text, loss in ((GOOD, 0.4 + s / 100), (DEFAULT, 0.9))
    ]
    study.record("full/001", runs, config_steps=400, seconds=1.0)
    return study


def result_of(study):
    """The result as a search would keep it."""
    best, default = Recipe.parse(GOOD), Recipe.parse(DEFAULT)
    rows = study.measurements()
    trained_recipes = tuple(
        TrainedRecipe(
            recipe,
            role,
            100,
            mean_score([row.outcome.loss for row in rows if row.trial.recipe == recipe and row.trial.seed]),
            None,
            None,
            (),
        )
        for recipe, role in ((best, "recommended"), (default, "default"))
    )
    return SearchResult(
        command="tune", task="wine", full_steps=100, steps=100, recipe=best, reason=None, expected_loss=0.4,
        trained_recipes=trained_recipes, good_range=GoodRange(Interval(0.1, 0.3), None, 0.05), limit=None,
        by_momentum=(),
        frontier=(FrontierPoint(50, best, 0.6, 0.5, 0.7, 3), FrontierPoint(100, best, 0.4, 0.3, 0.5, 0)),
        overfits_after=None, boundary=(), notes=(), measurements=rows, search_config_steps=200, config_steps=600,
        seconds=2.0, budget="6x", criterion=Criterion(), plan=None, study=study.name,
    )  # fmt: skip


def finish(path):
    study = add_full(path)
    study.release(status="done", result=result_of(study).to_json())


def test_a_running_study_shows_its_trials_so_far(path):
    assert studies.list_studies(path)["studies"][0]["status"] == "running"
    found = studies.study_data(path, Query({"id": "1"}))
    assert [(point["recipe"], point["loss"], point["relative"]) for point in found["points"]] == [
        (GOOD, 0.5, 1.0),
        (BAD, None, None),
    ]
    assert (found["trained_recipes"], found["frontier"], found["headline"]) == ([], [], None)
    assert (found["config_steps"], found["stage"]) == (200, "trying short trainings")


def test_trials_of_an_unfinished_stage_are_shown(path):
    Study.open(str(path)).add("climb/100/001", measurement(DEFAULT, "climb/100/001", 0.8))
    found = studies.study_data(path, Query({}))
    assert [point["recipe"] for point in found["points"]] == [GOOD, BAD, DEFAULT]
    assert (found["config_steps"], found["stage"]) == (300, "trying longer trainings where the loss is low")


def test_full_trainings_of_a_running_study_have_no_role_yet(path):
    add_full(path)
    found = studies.study_data(path, Query({}))
    assert [(row["role"], row["mean"]) for row in found["trained_recipes"]] == [
        ("in training", pytest.approx(0.415)),
        ("in training", 0.9),
    ]
    assert found["headline"] is None


def test_a_finished_study_shows_its_result_trained_recipes_and_frontier(path):
    finish(path)
    found = studies.study_data(path, Query({}))
    assert [(row["role"], row["mean"]) for row in found["trained_recipes"]] == [
        ("recommended", pytest.approx(0.415)),
        ("default", pytest.approx(0.9)),
    ]
    assert found["headline"].startswith(f"Train with {GOOD} for 100 steps")
    assert "0.1 to 0.3" in found["good_range"]
    assert [(point["steps"], point["loss"], point["trials"]) for point in found["frontier"]] == [
        (50, 0.6, 3),
        (100, 0.4, 0),
    ]
    assert found["stage"] == ""


def test_a_study_of_version_0_1_is_shown(tmp_path):
    path = tmp_path / "old.db"
    study = Study.create(Database(path), task="wine", settings={}, seed=0)
    study.record("range", [measurement(BAD, "range", math.inf)], config_steps=100, seconds=1.0)
    study.record("search/000", [measurement(GOOD, "search/000", 0.5, steps=50)], config_steps=50, seconds=1.0)
    runs = [
        measurement(text, "confirm/1", loss, seed=s) for s in (1, 2) for text, loss in ((GOOD, 0.4), (DEFAULT, 0.9))
    ]
    study.record("confirm/1", runs, config_steps=400, seconds=1.0)
    kept = {"recipe": GOOD, "steps": 100, "boundary": [], "search_config_steps": 150, "config_steps": 550, "seconds": 3}
    study.release(status="done", result={"schema": 1, **kept})
    found = studies.study_data(path, Query({}))
    assert [(point["recipe"], point["steps"]) for point in found["points"]] == [(GOOD, 50), (GOOD, 100), (DEFAULT, 100)]
    assert [row["role"] for row in found["trained_recipes"]] == ["recommended", "default"]
    assert found["frontier"] == []
    assert found["headline"].startswith(f"Train with {GOOD}")


def test_learning_curves_equal_the_measured_ones(path):
    finish(path)
    found = studies.study_learning_curves(path, Query({"trial": "0"}))
    assert [(run["stage"], run["seed"]) for run in found["runs"]] == [
        ("map/spread/000", 0),
        ("full/001", 1),
        ("full/001", 2),
    ]
    assert found["runs"][0]["losses"] == [2.0, 1.0, 0.5]
    assert studies.study_learning_curves(path, Query({"trial": "1"}))["runs"][0]["losses"][-1] is None


@pytest.mark.parametrize("given", [{"id": "2"}, {"id": "0"}, {"id": "x"}, {"trial": "99"}, {"trial": "-1"}])
def test_an_unknown_study_or_trial_is_refused(path, given):
    with pytest.raises((StudyError, QueryError)):
        studies.study_learning_curves(path, Query(given))


def test_a_missing_database_is_reported(path):
    path.unlink()
    for ask in (lambda: studies.list_studies(path), lambda: studies.study_data(path, Query({}))):
        with pytest.raises(StudyError, match="there is no study database"):
            ask()


def test_a_locked_database_is_reported(path, monkeypatch):
    monkeypatch.setattr(studies, "DATABASE_WAIT_SECONDS", 0.05)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(StudyError, match="another program holds it"):
            studies.study_data(path, Query({}))
    finally:
        holder.close()


def test_events_are_sent_on_changes_and_end_when_the_client_disconnects(path):
    polls = 0

    async def disconnected():
        return polls >= 4

    async def sleep(_seconds):
        nonlocal polls
        polls += 1
        if polls == 2:
            finish(path)
        if polls == 3:
            path.unlink()

    async def collect():
        return [each async for each in studies.version_events(path, 1, disconnected=disconnected, sleep=sleep)]

    first, second, third = in_a_thread(collect())
    assert (first, second) == ("data: running 200 of 1\n\n", "data: done 600 of 1\n\n")
    assert third.startswith("data: error there is no study database")
    assert third.count("\n") == 2


def test_a_quiet_study_sends_a_keep_alive_comment(path):
    polls = 0

    async def disconnected():
        return polls > studies.POLLS_BEFORE_KEEPALIVE

    async def sleep(_seconds):
        nonlocal polls
        polls += 1

    async def collect():
        return [each async for each in studies.version_events(path, 1, disconnected=disconnected, sleep=sleep)]

    assert in_a_thread(collect()) == ["data: running 200 of 1\n\n", ": keep-alive\n\n"]


def test_the_study_of_a_check_is_refused_with_where_its_report_is(tmp_path):
    path = tmp_path / DATABASE.name
    path.write_bytes(DATABASE.read_bytes())
    with pytest.raises(QueryError, match="belongs to surefoot check"):
        studies.study_data(path, Query({"id": str(CHECK)}))
