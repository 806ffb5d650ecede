import math
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from surefoot.core.errors import StudyError
from surefoot.recipe.recipe import Recipe
from surefoot.studies import schema
from surefoot.studies.database import Database
from surefoot.studies.recorded_trials import Measurement
from surefoot.studies.schema import Versions
from surefoot.studies.stored_checks import check_summaries, stored_check
from surefoot.studies.study import Study
from surefoot.trainers.trial import Curve, Outcome, SharpnessProbe, Trial

VERSION_1 = Path(__file__).with_name("version1.sql").read_text(encoding="utf-8")
VERSION_3 = Path(__file__).with_name("version3.sql").read_text(encoding="utf-8")
SGD = Recipe.parse("sgd(lr=cosine(0.3, warmup=5%), momentum=0.9)")
ADAMW = Recipe.parse("adamw(lr=0.001, no_decay=bias+norm)")


def make(path: Path, script: str) -> Path:
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    return path


def ask(path: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    rows = connection.execute(query).fetchall()
    connection.close()
    return rows


def make_version(path: Path, version: int) -> Path:
    """Return a database of an old version: those between the kept ones are made by the steps that made them."""
    if version == 3:
        return make(path, VERSION_3)
    make(path, VERSION_1)
    if version > 1:
        Database(path, versions=Versions(steps=schema.MIGRATIONS[: version - 1]))
    return path


def tables(path: Path) -> list[tuple[object, ...]]:
    return sorted(
        (table, *column[1:])
        for (table,) in ask(path, "SELECT name FROM sqlite_master WHERE type = 'table'")
        for column in ask(path, f"PRAGMA table_info({table})")
    )


def measured(stage: str, recipe: Recipe, seed: int, outcome: Outcome, *, taken: int = 220) -> Measurement:
    return Measurement(stage, Trial(recipe, steps=220, seed=seed), outcome, taken=taken)


def test_a_study_of_version_1_is_read_unchanged(tmp_path):
    path = make(tmp_path / "a.db", VERSION_1)
    study = Study.open(str(path))
    assert study.info().settings == {"task": "digits", "budget": "30x", "seed": 3}
    assert study.info().plan is not None
    assert study.trials() == {SGD: 0, ADAMW: 1}
    assert study.costs() == study.costs(unfinished=True) == {"range": 220, "confirm/40000": 440}
    assert study.measurements() == (
        measured("range", SGD, 3, Outcome(0.0625, 0.96875, train=Curve((10, 219), (1.5, 0.25)))),
        measured("confirm/40000", ADAMW, 40000, DIVERGED, taken=17),
        measured("confirm/40000", SGD, 40000, Outcome(0.1, test_loss=0.2)),
    )
    study.record("more", [], config_steps=0, seconds=0.0)


DIVERGED = Outcome(math.inf, diverged_at=17, train=Curve((10, 17), (2.5, math.inf)))
OF_VERSION_3 = (
    # A rung of a long training: 28 of its 220 steps.
    measured("search/000", SGD, 3, Outcome(0.0625, 0.96875, train=Curve((10, 27), (1.5, 0.25))), taken=28),
    measured("confirm/40000", ADAMW, 40000, DIVERGED, taken=17),
    measured(
        "confirm/40000",
        SGD,
        40000,
        Outcome(
            0.1, test_loss=0.2, probes=(SharpnessProbe(36, 0.5, 12.25, None), SharpnessProbe(110, 0.25, 14.5, 16.0))
        ),
    ),
)


def test_a_study_of_version_3_is_read_unchanged(tmp_path):
    study = Study.open(str(make(tmp_path / "a.db", VERSION_3)))
    assert study.measurements() == OF_VERSION_3
    assert study.costs() == {"search/000": 35, "confirm/40000": 440}
    assert [head.verdict for head in check_summaries(study.database)] == ["healthy"]


@pytest.mark.parametrize("version", [1, 2, 3])
def test_every_older_version_ends_with_the_tables_of_a_new_one(tmp_path, version):
    old, new = make_version(tmp_path / "old.db", version), tmp_path / "new.db"
    assert ask(old, "PRAGMA user_version") == [(version,)]
    Database(old)
    Database(new)
    assert tables(old) == tables(new)
    assert ask(old, "PRAGMA user_version") == ask(new, "PRAGMA user_version") == [(len(schema.MIGRATIONS) + 1,)]
    assert ask(old, "PRAGMA foreign_key_check") == []
    assert ask(old, "PRAGMA foreign_key_list(sharpness_probe)") == ask(new, "PRAGMA foreign_key_list(sharpness_probe)")


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_read_only_database_is_read_and_keeps_its_version(tmp_path, monkeypatch, version):
    path = make_version(tmp_path / "a.db", version)
    before = path.read_bytes()
    monkeypatch.setattr("os.access", lambda *_: False)
    database = Database(path, create=False)
    study = Study(database, 1)
    assert database.study_ids() == [1]
    assert study.measurements()[1] == OF_VERSION_3[1]
    assert study.info().settings["budget"] == "30x"
    assert [head.id for head in check_summaries(database)] == ([1] if version == 3 else [])
    with pytest.raises(StudyError, match="has no check 2"):
        stored_check(database, 2)
    for write in (lambda: study.record("more", [], config_steps=0, seconds=0.0), study.take_lease):
        with pytest.raises(StudyError, match=r"attempt to write a readonly database\. Hint: check the permissions"):
            write()
    assert study.costs() == Study(Database(path, create=False), 1).costs()
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["a.db"]


def test_a_read_only_copy_is_read_by_several_threads_at_once(tmp_path, monkeypatch):
    path = make(tmp_path / "a.db", VERSION_3)
    monkeypatch.setattr("os.access", lambda *_: False)
    study = Study.open(str(path))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: study.measurements(), range(40)))
    assert found == [OF_VERSION_3] * 40


def statement(text: str):
    return lambda connection: connection.exec_driver_sql(text)


def fill_and_mark(connection) -> None:
    connection.exec_driver_sql("UPDATE study SET note = 'was ' || status")
    connection.exec_driver_sql("ALTER TABLE study ADD COLUMN mark TEXT DEFAULT 'none'")


def create_later(connection) -> None:
    schema.create(connection)
    connection.exec_driver_sql("ALTER TABLE study ADD COLUMN note TEXT")
    connection.exec_driver_sql("ALTER TABLE study ADD COLUMN mark TEXT DEFAULT 'none'")


# Two steps on from the present. The second needs what the first has made.
TO_NEXT = statement("ALTER TABLE study ADD COLUMN note TEXT")
NEXT = (*schema.MIGRATIONS, TO_NEXT)
LATER = Versions(create=create_later, steps=(*NEXT, fill_and_mark))
NEARER = Versions(steps=NEXT)
LATEST = len(NEXT) + 2


def test_a_database_is_migrated_one_version_after_another(tmp_path):
    for name, stops in (("at once", [LATER]), ("in stops", [NEARER, LATER]), ("again", [LATER, LATER])):
        path = make(tmp_path / name, VERSION_1)
        for versions in stops:
            Database(path, versions=versions)
        assert ask(path, "PRAGMA user_version") == [(LATEST,)]
        assert ask(path, "SELECT note, mark FROM study") == [("was interrupted", "none")]
    new = tmp_path / "new"
    Database(new, versions=LATER)
    assert tables(new) == tables(path)
    assert ask(new, "PRAGMA user_version") == [(LATEST,)]


def test_a_migration_that_fails_changes_nothing(tmp_path):
    path = make(tmp_path / "a.db", VERSION_1)
    before = tables(path)
    broken = Versions(steps=(TO_NEXT, statement("ALTER TABLE absent ADD COLUMN x TEXT")))
    with pytest.raises(StudyError, match="no such table: absent"):
        Database(path, versions=broken)
    assert ask(path, "PRAGMA user_version") == [(1,)]
    assert tables(path) == before
    Study.open(str(path)).info()


def test_a_newer_version_is_refused_and_not_changed(tmp_path):
    path = make(tmp_path / "a.db", VERSION_1)
    Database(path, versions=LATER)
    before = path.read_bytes()
    for _ in range(2):
        said = rf"it has version {LATEST}; this program reads 1 to {LATEST - 2}\. Hint: update"
        with pytest.raises(StudyError, match=said):
            Database(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE study (id INTEGER);",
        "CREATE VIEW v AS SELECT 1;",
        "PRAGMA user_version = 1;",
        "CREATE TABLE moz_places (id INTEGER); PRAGMA user_version = 1;",
        "CREATE TABLE t (id INTEGER); PRAGMA user_version = 77;",
        "CREATE TABLE t (id INTEGER); PRAGMA application_id = 1196444487; PRAGMA user_version = 10300;",
    ],
)
def test_a_database_of_another_program_is_refused_and_not_changed(tmp_path, script):
    path = make(tmp_path / "other.db", script)
    before = path.read_bytes()
    for create in (True, False):
        with pytest.raises(StudyError, match="it is a database of another program"):
            Database(path, create=create)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["other.db"]


def test_an_empty_file_becomes_a_database_only_if_it_may_be_created(tmp_path):
    path = tmp_path / "a.db"
    path.touch()
    with pytest.raises(StudyError, match="it is empty"):
        Database(path, create=False)
    assert path.stat().st_size == 0
    assert Database(path).study_ids() == []
    assert ask(path, "PRAGMA journal_mode") == [("wal",)]
