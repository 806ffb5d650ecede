from pathlib import Path

import pytest

from surefoot.core.errors import StudyError
from surefoot.studies.database import check_database_path, file_system, mount_points

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
