from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from sqlalchemy import update

from surefoot.core.errors import StudyError
from surefoot.studies.database import (
    LEASE_SECONDS,
    Database,
    LeaseHolder,
    check_database_path,
    file_system,
    mount_points,
)
from surefoot.studies.schema import studies
from surefoot.studies.study import Study

MOUNTS = {
    Path("/"): "ext4",
    Path("/home"): "nfs4",
    Path("/home/ann/fast"): "xfs",
    Path("/mnt/my disk"): "cifs",
}


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/", "ext4"),
        ("/tmp/x", "ext4"),
        ("/home", "nfs4"),
        ("/home/ann/work", "nfs4"),
        ("/home/ann/fast", "xfs"),
        ("/home/ann/fast/deep/er", "xfs"),
        ("/home/ann/faster", "nfs4"),
        ("/homes", "ext4"),
        ("/mnt/my disk/a", "cifs"),
    ],
)
def test_the_nearest_mount_point_above_gives_the_file_system(folder, kind):
    assert file_system(Path(folder), MOUNTS) == kind


def test_an_unknown_file_system_is_an_empty_text():
    assert file_system(Path("/home"), {}) == ""


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "afs", "fuse.rclone"])
def test_network_file_systems_are_refused(tmp_path, kind):
    with pytest.raises(StudyError, match=rf"on a network file system \({kind}\).* Hint: give a path on a local disk"):
        check_database_path(tmp_path / "a.db", create=True, mounts={Path("/"): "ext4", tmp_path.resolve(): kind})


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "apfs", "NTFS", "fuseblk", "zfs", ""])
def test_local_file_systems_are_accepted(tmp_path, kind):
    check_database_path(tmp_path / "a.db", create=True, mounts={Path("/"): "nfs", tmp_path.resolve(): kind})


def test_a_link_is_followed_to_its_folder(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "near").symlink_to(tmp_path / "far")
    with pytest.raises(StudyError, match="network"):
        check_database_path(tmp_path / "near" / "a.db", create=True, mounts={(tmp_path / "far").resolve(): "nfs"})


def test_a_path_that_cannot_be_a_database_is_named_in_the_error(tmp_path):
    (tmp_path / "file").write_text("")
    for path, create, cause in (
        (tmp_path, True, "is a folder"),
        (tmp_path / "none.db", False, "there is no study database"),
        (tmp_path / "none" / "a.db", True, "the folder of .* does not exist"),
        (tmp_path / "file" / "a.db", True, "the folder of .* does not exist"),
        (tmp_path / ("n" * 300), True, "cannot reach .*name too long"),
    ):
        with pytest.raises(StudyError, match=f"(?i){cause}") as caught:
            check_database_path(path, create=create, mounts={})
        assert repr(str(path)) in str(caught.value)


def test_this_machine_has_mount_points():
    assert file_system(Path("/"), mount_points())


HERE = LeaseHolder.here()


@pytest.fixture
def study(tmp_path):
    return Study.create(Database(tmp_path / "a.db"), task="t", settings={}, seed=0)


def lend(study: Study, owner: LeaseHolder, *, until: float) -> None:
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
        yield LeaseHolder(HERE.host, process.pid, round(psutil.Process(process.pid).create_time()))
        assert process.stdin is not None
        process.stdin.close()


def dead() -> LeaseHolder:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return LeaseHolder(HERE.host, process.pid, round(time.time()))


def test_a_process_is_read_back_from_its_text():
    for holder in (HERE, LeaseHolder("a:b", 1, 2)):
        assert LeaseHolder.parse(str(holder)) == holder
    assert HERE.process == os.getpid()
    assert HERE.may_be_running(until=0.0, now=1.0, here=HERE)


def test_on_this_machine_it_is_known_whether_a_process_runs(living):
    long_ago, far_ahead = 0.0, 1e12
    assert living.may_be_running(until=long_ago, now=1e9, here=HERE), "however long a stage takes"
    assert not dead().may_be_running(until=far_ahead, now=1e9, here=HERE), "its study can be resumed at once"
    another = LeaseHolder(living.host, living.process, living.start - 1000)
    assert not another.may_be_running(until=far_ahead, now=1e9, here=HERE), "the process number was reused"


def test_a_process_elsewhere_is_assumed_to_run_until_its_lease_expires():
    far = LeaseHolder("another-machine", HERE.process, HERE.start)
    assert far.may_be_running(until=100.0, now=99.9, here=HERE)
    assert not far.may_be_running(until=100.0, now=100.0, here=HERE)


def test_a_study_is_driven_by_one_process(study, living):
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
        with pytest.raises(StudyError, match=f"in use by process {living.process}.*Hint: wait for it to end"):
            write()
    assert lease(study) == (str(living), 0.0)
    assert study.costs() == {}
    assert study.info().status == "running"


def test_the_lease_of_a_dead_process_and_an_expired_lease_are_taken(study):
    for holder, until in ((dead(), time.time() + 500), (LeaseHolder("far", 1, 1), time.time() - 1)):
        lend(study, holder, until=until)
        study.take_lease()
        assert lease(study)[0] == str(HERE)


def test_a_process_elsewhere_is_waited_for(study):
    lend(study, LeaseHolder("far", 12, 1), until=time.time() + 500)
    with pytest.raises(StudyError, match=r"process 12 on far\. Hint: wait for it to end, or (500|499) s if it died"):
        study.take_lease()


def test_writing_renews_the_lease_and_takes_none(study):
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
