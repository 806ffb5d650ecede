"""What the page is told of a database: a whole study, one that grows, one that is gone, one that is locked."""

import asyncio
import math
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from surefoot.errors import QueryError, StudyError
from surefoot.recipe import Recipe
from surefoot.studies import Database, Measurement, Study
from surefoot.trainers import Curve, Outcome, Trial
from surefoot.web import database, studies
from surefoot.web.query import Query

GOOD, BAD = "sgd(lr=cosine(0.2), momentum=0.9)", "sgd(lr=cosine(5), momentum=0.5)"


def measured(text, stage, loss, *, seed=0, steps=100):
    curve = Curve((0, 50, 99), (2.0, 1.0, loss if math.isfinite(loss) else math.inf))
    trial = Trial(Recipe.parse(text), steps=100, seed=seed)
    return Measurement(stage, trial, Outcome(loss, train=curve), taken=steps)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "surefoot.db"
    study = Study.create(Database(path), task="wine", settings={}, seed=0)
    found = [measured(GOOD, "search/000", 0.5), measured(BAD, "search/000", math.inf)]
    study.record("search/000", found, config_steps=200, seconds=1.0)
    return path


def in_a_thread(coroutine):
    """Run it where no browser's loop may be running already."""
    with ThreadPoolExecutor() as threads:
        return threads.submit(asyncio.run, coroutine).result()


def finish(path):
    study = Study.open(str(path))
    runs = [
        measured(text, "confirm/1", loss, seed=s)
        for s in (1, 2)
        for text, loss in ((GOOD, 0.4 + s / 100), ("sgd(lr=0.01, momentum=0.9)", 0.9))
    ]
    study.record("confirm/1", runs, config_steps=400, seconds=1.0)
    study.release(
        status="done", result={"recipe": GOOD, "default_scheduled_recipe": "sgd(lr=cosine(0.01), momentum=0.9)"}
    )


def test_a_running_study_shows_what_there_is(path):
    assert studies.studies(path)["studies"][0]["status"] == "running"
    found = studies.study(path, Query({"id": "1"}))
    assert [(spot["recipe"], spot["loss"], spot["badness"]) for spot in found["spots"]] == [
        (GOOD, 0.5, 1.0),
        (BAD, None, None),
    ]
    assert (found["confirmed"], found["ramps"], found["config_steps"]) == ([], [], 200)


def test_a_finished_study_names_the_recommended_and_the_default(path):
    finish(path)
    found = studies.study(path, Query({}))
    assert [(row["role"], row["mean"]) for row in found["confirmed"]] == [
        ("recommended", pytest.approx(0.415)),
        ("default", 0.9),
    ]


def test_curves_are_those_that_were_measured(path):
    finish(path)
    found = studies.curves(path, Query({"trial": "0"}))
    assert [(run["stage"], run["seed"]) for run in found["runs"]] == [
        ("search/000", 0),
        ("confirm/1", 1),
        ("confirm/1", 2),
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
    monkeypatch.setattr(database, "WAIT_SECONDS", 0.05)
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
    assert (first, second) == ("data: running 1 of 1\n\n", "data: done 2 of 1\n\n")
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

    assert in_a_thread(hear()) == ["data: running 1 of 1\n\n", ": still here\n\n"]
