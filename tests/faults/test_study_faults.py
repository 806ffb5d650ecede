"""What goes wrong with a study's database: races, kills, broken and full and read-only disks."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from surefoot.core.errors import StudyError
from surefoot.recipe.recipe import Recipe
from surefoot.studies.database import Database
from surefoot.studies.recorded_trials import Measurement
from surefoot.studies.study import Study
from surefoot.trainers.trial import Curve, Outcome, Trial

ROOT = Path(__file__).parents[2]
CURVE = Curve(tuple(range(100)), tuple(1.0 / (step + 1) for step in range(100)))


def measured(number: int) -> Measurement:
    recipe = Recipe.of("sgd", lr=0.001 * (number + 1))
    return Measurement("s", Trial(recipe, steps=9, seed=number), Outcome(0.1 * number, train=CURVE))


def python(code: str, *arguments: object) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(["src", "."]), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], env=environment, cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def new_study(path: Path) -> Study:
    return Study.create(Database(path), task="t", settings={}, seed=0)


CREATORS = """
import os, sys
from pathlib import Path
from surefoot.studies.database import Database
from surefoot.studies.study import Study

def create(path):
    study = Study.create(Database(path), task="t", settings={}, seed=0)
    study.record("a", [], config_steps=1, seconds=0.0)

for number in range(6):
    wait, gate = os.pipe()
    children = []
    for _ in range(8):
        child = os.fork()
        if child:
            children.append(child)
            continue
        os.close(gate)
        os.read(wait, 1)
        try:
            create(Path(sys.argv[1]) / f"{number}.db")
        except BaseException as error:
            print(error)
            os._exit(1)
        os._exit(0)
    os.close(gate)  # which lets all of them go at once
    print([os.waitpid(child, 0)[1] for child in children], flush=True)
"""


def test_eight_processes_create_the_same_database_at_once(tmp_path):
    out, err = python(CREATORS, tmp_path).communicate()
    assert out.splitlines() == [str([0] * 8)] * 6, err
    for number in range(6):
        database = Database(tmp_path / f"{number}.db", create=False)
        assert database.study_ids() == list(range(1, 9))
        assert all(Study(database, number).costs() == {"a": 1} for number in range(1, 9))


def test_a_new_database_waits_for_another_program_that_is_about_to_write(tmp_path, monkeypatch):
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # under which SQLite refuses to switch to WAL at once, whatever the timeout
    monkeypatch.setattr("surefoot.studies.database.time.sleep", lambda _seconds: other.execute("ROLLBACK"))
    Database(tmp_path / "a.db")
    assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()


def test_readers_see_whole_stages_while_a_writer_writes(tmp_path):
    study = new_study(tmp_path / "a.db")
    seen, faults, done = [], [], threading.Event()

    def read() -> None:
        own = Study.open(study.name)
        while not done.is_set():
            found = own.measurements()
            seen.append(len(found))
            if len(found) % 5 or [each.trial.seed for each in found] != list(range(len(found))):
                faults.append(found)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for stage in range(12):
        found = [measured(stage * 5 + number) for number in range(5)]
        study.record(f"{stage:02}", found, config_steps=1, seconds=0)
    done.set()
    for reader in readers:
        reader.join()
    assert not faults
    assert len(seen) >= 3
    assert len(study.measurements()) == 60


HOLDER = """
import sys
from pathlib import Path
from surefoot.studies.study import Study
study = Study.open(sys.argv[1])
try:
    study.take_lease()
    print("mine", flush=True)
    sys.stdin.readline()
except Exception as error:
    print(type(error).__name__, error, flush=True)
"""


def test_a_study_is_driven_by_one_process_and_after_its_death_by_another(tmp_path):
    study = new_study(tmp_path / "a.db")
    first = python(HOLDER, study.name)
    assert first.stdout.readline() == "mine\n"
    second = python(HOLDER, study.name)
    out, _ = second.communicate("")
    assert f"StudyError study 1 is in use by process {first.pid}" in out
    with pytest.raises(StudyError, match=f"process {first.pid}"):
        study.record("a", [], config_steps=1, seconds=0)
    assert study.info().status == "running"
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert study.info().status == "interrupted", "nobody will end it any more"
    third = python(HOLDER, study.name)
    assert third.stdout.readline() == "mine\n", "at once: the first is known to be dead"
    third.communicate("\n")


WRITER = """
import sys
from surefoot.studies.study import Study
from tests.faults.test_study_faults import measured
study = Study.open(sys.argv[1])
for stage in range(10_000):
    study.record(f"{stage:05}", [measured(number) for number in range(4)], config_steps=1, seconds=0.0)
    print(stage, flush=True)
"""
IN_TRANSACTION = """
import sys, os, signal
from surefoot.studies.study import Study
from surefoot.studies.recorded_trials import insert_measurements
from surefoot.studies.schema import stages
from tests.faults.test_study_faults import measured
study = Study.open(sys.argv[1])
with study.database.write() as connection:
    row = {"study_id": 1, "name": "half", "config_steps": 1, "seconds": 0.0}
    key = connection.execute(stages.insert().values(row)).inserted_primary_key[0]
    insert_measurements(connection, [measured(n) for n in range(200)], study=1, stage=key)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_writer_killed_within_a_transaction_leaves_what_it_committed(tmp_path):
    study = new_study(tmp_path / "a.db")
    study.record("whole", [measured(0)], config_steps=1, seconds=0)
    process = python(IN_TRANSACTION, study.name)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    again = Study.open(study.name)
    assert again.costs() == {"whole": 1}
    assert again.measurements() == (replace(measured(0), stage="whole"),)
    again.record("half", [measured(1)], config_steps=1, seconds=0)
    assert list(again.costs()) == ["whole", "half"]


def test_a_writer_killed_at_any_moment_leaves_whole_stages(tmp_path):
    study = new_study(tmp_path / "a.db")
    process = python(WRITER, study.name)
    for number in range(20):
        assert process.stdout.readline() == f"{number}\n"
    process.send_signal(signal.SIGKILL)
    printed, _ = process.communicate()
    least = 20 + len(printed.splitlines())
    stages = len(study.costs())
    assert least <= stages <= least + 1
    assert len(study.measurements()) == 4 * stages
    connection = sqlite3.connect(tmp_path / "a.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


FULL = """
import resource, sys
from surefoot.core.errors import StudyError
from surefoot.studies.study import Study
from tests.faults.test_study_faults import measured
study = Study.open(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))
try:
    for stage in range(1000):
        study.record(f"{stage}", [measured(number) for number in range(10)], config_steps=1, seconds=0.0)
        print(stage, flush=True)
except StudyError as error:
    print(error)
"""


def test_a_full_disk_is_an_error_and_recorded_trials_stay(tmp_path):
    study = new_study(tmp_path / "a.db")
    out, err = python(FULL, study.name).communicate()
    *recorded, message = out.splitlines()
    assert recorded, err
    assert message.startswith("cannot use the study database")
    assert "Hint: " in message
    assert len(study.costs()) == len(recorded)
    assert len(study.measurements()) == 10 * len(recorded)
    study.record("after", [measured(0)], config_steps=1, seconds=0)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"id,loss\n1,0.5\n" * 100, "file is not a database"),
        (b"SQLite format 3\0" + b"\xff" * 4000, "cannot use the study database"),
    ],
)
def test_a_file_that_is_not_a_database_is_refused_and_not_changed(tmp_path, content, cause):
    path = tmp_path / "a.db"
    path.write_bytes(content)
    for create in (True, False):
        with pytest.raises(StudyError, match=cause) as caught:
            Database(path, create=create)
        assert "\n" not in str(caught.value)
    assert path.read_bytes() == content
    assert [each.name for each in tmp_path.iterdir()] == ["a.db"]


def test_a_damaged_database_is_an_error_of_one_line(tmp_path):
    path = tmp_path / "a.db"
    study = new_study(path)
    study.record("s", [measured(number) for number in range(50)], config_steps=1, seconds=0)
    content = bytearray(path.read_bytes())
    assert len(content) > 50_000
    content[4096:] = b"\x5a" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StudyError, match="cannot use the study database") as caught:
        Study.open(str(path)).measurements()
    assert "\n" not in str(caught.value)


READER = """
import os, sys
from pathlib import Path
from surefoot.core.errors import SurefootError
from surefoot.studies.database import Database
from surefoot.studies.study import Study
Study.open(sys.argv[1]).measurements()  # what root's Python loads late, nobody may not read
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
def attempt(work):
    try:
        print(work())
    except SurefootError as error:
        print(error)
path = Path(sys.argv[1])
attempt(lambda: len(Study.open(f"{path}#1").measurements()))
attempt(lambda: Study.open(f"{path}#1").record("more", [], config_steps=1, seconds=0.0))
attempt(lambda: Study.create(Database(path), task="t", settings={}, seed=0))
attempt(lambda: Database(path.with_name("new.db")))
attempt(lambda: Study.open(str(path.parent / "secret" / "a.db")))
"""


def test_a_study_in_a_read_only_folder_can_be_read_but_not_written():
    folder = Path("/tmp") / f"surefoot-{os.getpid()}"  # tmp_path itself is closed to other users
    folder.mkdir()
    try:
        study = new_study(folder / "a.db")
        study.record("s", [measured(0), measured(1)], config_steps=1, seconds=0)
        (folder / "secret").mkdir(mode=0o000)
        (folder / "a.db").chmod(0o444)
        folder.chmod(0o555)
        out, err = python(READER, folder / "a.db").communicate()
        lines = out.splitlines()
        assert len(lines) == 5, err
        assert lines[0] == "2"
        assert "readonly database. Hint: check the permissions of the file and its folder." in lines[1]
        assert "readonly database" in lines[2]
        assert "unable to open database file. Hint: check the permissions of its folder." in lines[3]
        assert "cannot reach" in lines[4]
        assert "Permission denied" in lines[4]
        assert sorted(each.name for each in folder.iterdir()) == ["a.db", "secret"]
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)
