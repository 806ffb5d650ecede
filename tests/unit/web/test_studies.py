"""What the page is told of a database: a whole study, one that grows, one that is gone, one that is locked."""

import asyncio
import math
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from surefoot.core.errors import QueryError, StudyError
from surefoot.core.statistics import score
from surefoot.core.values import Interval
from surefoot.recipe.recipe import Recipe
from surefoot.search.request import Aim
from surefoot.search.result import Contestant, FrontierPoint, GoodRange, SearchResult
from surefoot.studies.database import Database
from surefoot.studies.measurements import Measurement
from surefoot.studies.study import Study
from surefoot.trainers.trial import Curve, Outcome, Trial
from surefoot.web import studies
from surefoot.web.server import Query

GOOD, BAD = "sgd(lr=cosine(0.2), momentum=0.9)", "sgd(lr=cosine(5), momentum=0.5)"


def measured(text, stage, loss, *, seed=0, steps=100):
    curve = Curve((0, 50, 99), (2.0, 1.0, loss if math.isfinite(loss) else math.inf))
    trial = Trial(Recipe.parse(text), steps=100, seed=seed)
    return Measurement(stage, trial, Outcome(loss, train=curve), taken=steps)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "surefoot.db"
    study = Study.create(Database(path), task="wine", settings={}, seed=0)
    found = [measured(GOOD, "map/spread/000", 0.5), measured(BAD, "map/spread/000", math.inf)]
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
        measured(text, "full/001", loss, seed=s)
        for s in (1, 2)
        for text, loss in ((GOOD, 0.4 + s / 100), (DEFAULT, 0.9))
    ]
    study.record("full/001", runs, config_steps=400, seconds=1.0)
    return study


def result_of(study):
    """The result as a search would keep it."""
    best, default = Recipe.parse(GOOD), Recipe.parse(DEFAULT)
    rows = study.measurements()
    contestants = tuple(
        Contestant(
            recipe,
            role,
            100,
            score([row.outcome.loss for row in rows if row.trial.recipe == recipe and row.trial.seed]),
            None,
            None,
            (),
        )
        for recipe, role in ((best, "recommended"), (default, "default"))
    )
    return SearchResult(
        command="tune", task="wine", full_steps=100, steps=100, recipe=best, reason=None, expected_loss=0.4,
        contestants=contestants, good_range=GoodRange(Interval(0.1, 0.3), None, 0.05), limit=None, by_momentum=(),
        frontier=(FrontierPoint(50, best, 0.6, 0.5, 0.7, 3), FrontierPoint(100, best, 0.4, 0.3, 0.5, 0)),
        overfits_after=None, boundary=(), notes=(), measurements=rows, search_config_steps=200, config_steps=600,
        seconds=2.0, budget="6x", aim=Aim(), plan=None, study=study.name,
    )  # fmt: skip


def finish(path):
    study = add_full(path)
    study.release(status="done", result=result_of(study).to_json())


def test_a_running_study_shows_what_there_is(path):
    assert studies.studies(path)["studies"][0]["status"] == "running"
    found = studies.study(path, Query({"id": "1"}))
    assert [(point["recipe"], point["loss"], point["relative"]) for point in found["points"]] == [
        (GOOD, 0.5, 1.0),
        (BAD, None, None),
    ]
    assert (found["contestants"], found["frontier"], found["headline"]) == ([], [], None)
    assert (found["config_steps"], found["stage"]) == (200, "trying short trainings")


def test_trials_of_a_stage_that_is_not_finished_are_there_too(path):
    Study.open(str(path)).add("climb/100/001", measured(DEFAULT, "climb/100/001", 0.8))
    found = studies.study(path, Query({}))
    assert [point["recipe"] for point in found["points"]] == [GOOD, BAD, DEFAULT]
    assert (found["config_steps"], found["stage"]) == (300, "trying longer trainings where the loss is low")


def test_full_trainings_of_a_running_study_have_no_role_yet(path):
    add_full(path)
    found = studies.study(path, Query({}))
    assert [(row["role"], row["mean"]) for row in found["contestants"]] == [
        ("in training", pytest.approx(0.415)),
        ("in training", 0.9),
    ]
    assert found["headline"] is None


def test_a_finished_study_has_its_answer_its_contestants_and_its_frontier(path):
    finish(path)
    found = studies.study(path, Query({}))
    assert [(row["role"], row["mean"]) for row in found["contestants"]] == [
        ("recommended", pytest.approx(0.415)),
        ("default", pytest.approx(0.9)),
    ]
    assert found["headline"].startswith(f"Train with {GOOD} for 100 steps")
    assert "0.1 to 0.3" in found["good_range"]
    assert [(point["steps"], point["loss"], point["trials"]) for point in found["frontier"]] == [
        (50, 0.6, 3),
        (100, 0.4, 0),
    ]
    assert (found["recommended_steps"], found["stage"]) == (100, "")


def test_a_study_of_version_0_1_is_shown_with_its_measurements(tmp_path):
    path = tmp_path / "old.db"
    study = Study.create(Database(path), task="wine", settings={}, seed=0)
    study.record("range", [measured(BAD, "range", math.inf)], config_steps=100, seconds=1.0)
    study.record("search/000", [measured(GOOD, "search/000", 0.5, steps=50)], config_steps=50, seconds=1.0)
    runs = [measured(text, "confirm/1", loss, seed=s) for s in (1, 2) for text, loss in ((GOOD, 0.4), (DEFAULT, 0.9))]
    study.record("confirm/1", runs, config_steps=400, seconds=1.0)
    kept = {"recipe": GOOD, "steps": 100, "boundary": [], "search_config_steps": 150, "config_steps": 550, "seconds": 3}
    study.release(status="done", result={"schema": 1, **kept})
    found = studies.study(path, Query({}))
    assert [(point["recipe"], point["steps"]) for point in found["points"]] == [(GOOD, 50), (GOOD, 100), (DEFAULT, 100)]
    assert [row["role"] for row in found["contestants"]] == ["recommended", "default"]
    assert found["frontier"] == []
    assert found["headline"].startswith(f"Train with {GOOD}")


def test_curves_are_those_that_were_measured(path):
    finish(path)
    found = studies.curves(path, Query({"trial": "0"}))
    assert [(run["stage"], run["seed"]) for run in found["runs"]] == [
        ("map/spread/000", 0),
        ("full/001", 1),
        ("full/001", 2),
    ]
    assert found["runs"][0]["losses"] == [2.0, 1.0, 0.5]
    assert studies.curves(path, Query({"trial": "1"}))["runs"][0]["losses"][-1] is None


@pytest.mark.parametrize("given", [{"id": "2"}, {"id": "0"}, {"id": "x"}, {"trial": "99"}, {"trial": "-1"}])
def test_what_is_not_there_is_said(path, given):
    with pytest.raises((StudyError, QueryError)):
        studies.curves(path, Query(given))


def test_a_database_that_is_gone_is_said(path):
    path.unlink()
    for ask in (lambda: studies.studies(path), lambda: studies.study(path, Query({}))):
        with pytest.raises(StudyError, match="there is no study database"):
            ask()


def test_a_database_that_is_locked_is_said(path, monkeypatch):
    monkeypatch.setattr(studies, "WAIT_SECONDS", 0.05)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(StudyError, match="another program holds it"):
            studies.study(path, Query({}))
    finally:
        holder.close()


def test_news_come_when_there_are_some_and_end_when_nobody_listens(path):
    looks = 0

    async def gone():
        return looks >= 4

    async def wait(_seconds):
        nonlocal looks
        looks += 1
        if looks == 2:
            finish(path)
        if looks == 3:
            path.unlink()

    async def hear():
        return [each async for each in studies.news(path, 1, gone=gone, wait=wait)]

    first, second, third = in_a_thread(hear())
    assert (first, second) == ("data: running 200 of 1\n\n", "data: done 600 of 1\n\n")
    assert third.startswith("data: fault there is no study database")
    assert third.count("\n") == 2


def test_silence_is_broken_by_a_sign_of_life(path):
    looks = 0

    async def gone():
        return looks > studies.SILENT_LOOKS

    async def wait(_seconds):
        nonlocal looks
        looks += 1

    async def hear():
        return [each async for each in studies.news(path, 1, gone=gone, wait=wait)]

    assert in_a_thread(hear()) == ["data: running 200 of 1\n\n", ": still here\n\n"]
