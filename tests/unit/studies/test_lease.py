import os
import subprocess
import sys
import time

import psutil
import pytest
from sqlalchemy import update

from surefoot.core.errors import StudyError
from surefoot.studies.database import Database
from surefoot.studies.lease import LEASE_SECONDS, Driver
from surefoot.studies.schema import studies
from surefoot.studies.study import Study

HERE = Driver.here()


@pytest.fixture
def study(tmp_path):
    return Study.create(Database(tmp_path / "a.db"), task="t", settings={}, seed=0)


def lend(study: Study, owner: Driver, *, until: float) -> None:
    with study.database.write() as connection:
        connection.execute(update(studies).values(lease_owner=str(owner), lease_until=until))


def lease(study: Study) -> tuple[str | None, float | None]:
    with study.database.read() as connection:
        row = connection.execute(studies.select()).one()
        return row.lease_owner, row.lease_until


@pytest.fixture
def living():
    """Another process of this machine, that does nothing."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield Driver(HERE.host, process.pid, round(psutil.Process(process.pid).create_time()))
        assert process.stdin is not None
        process.stdin.close()


def dead() -> Driver:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return Driver(HERE.host, process.pid, round(time.time()))


def test_a_driver_reads_back_from_its_text():
    for driver in (HERE, Driver("a:b", 1, 2)):
        assert Driver.parse(str(driver)) == driver
    assert HERE.process == os.getpid()
    assert HERE.drives(until=0.0, now=1.0, here=HERE)


def test_whether_a_driver_on_this_machine_lives_is_known(living):
    long_ago, far_ahead = 0.0, 1e12
    assert living.drives(until=long_ago, now=1e9, here=HERE), "however long it takes over a stage"
    assert not dead().drives(until=far_ahead, now=1e9, here=HERE), "it may be gone on from at once"
    another = Driver(living.host, living.process, living.start - 1000)
    assert not another.drives(until=far_ahead, now=1e9, here=HERE), "the number has come again"


def test_a_driver_elsewhere_is_believed_until_its_lease_runs_out():
    far = Driver("another-machine", HERE.process, HERE.start)
    assert far.drives(until=100.0, now=99.9, here=HERE)
    assert not far.drives(until=100.0, now=100.0, here=HERE)


def test_a_study_has_one_driver(study, living):
    study.take_lease()
    owner, until = lease(study)
    assert owner == str(HERE)
    assert abs(until - time.time() - LEASE_SECONDS) < 30
    study.take_lease()
    lend(study, living, until=0.0)
    writes = [
        study.take_lease,
        lambda: study.record("a", [], config_steps=1, seconds=0),
        lambda: study.set_plan({}),
        lambda: study.release(status="done"),
    ]
    for write in writes:
        with pytest.raises(StudyError, match=f"being driven by process {living.process}.*Hint: wait for it to end"):
            write()
    assert lease(study) == (str(living), 0.0)
    assert study.costs() == {}
    assert study.info().status == "running"


def test_the_lease_of_the_dead_and_of_the_silent_is_taken(study):
    for driver, until in ((dead(), time.time() + 500), (Driver("far", 1, 1), time.time() - 1)):
        lend(study, driver, until=until)
        study.take_lease()
        assert lease(study)[0] == str(HERE)


def test_a_driver_elsewhere_is_waited_for(study):
    lend(study, Driver("far", 12, 1), until=time.time() + 500)
    with pytest.raises(StudyError, match=r"process 12 on far\. Hint: wait for it to end, or (500|499) s if it died"):
        study.take_lease()


def test_writing_renews_ones_own_lease_and_takes_none(study):
    study.record("a", [], config_steps=1, seconds=0)
    assert lease(study) == (None, None)
    for write in (
        lambda: study.record("b", [], config_steps=1, seconds=0),
        lambda: study.set_plan({}),
    ):
        lend(study, HERE, until=1.0)
        write()
        assert lease(study)[1] > time.time()
    study.release(status="done")
    assert lease(study) == (None, None)
