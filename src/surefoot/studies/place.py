"""Where a study database may lie."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import psutil

from surefoot.errors import StudyError

# By the beginning of their names; SQLite's locks do not hold on them.
NETWORK_FILE_SYSTEMS = ("nfs", "cifs", "smb", "fuse.sshfs", "sshfs", "fuse.rclone", "fuse.s3fs", "davfs", "9p", "afs")


def check_place(path: Path, *, create: bool, mounts: Mapping[Path, str]) -> None:
    """Make sure that a study database can lie at ``path``.

    Args:
        path: The file.
        create: Whether it may be missing.
        mounts: Kind of file system by mount point, as :func:`mount_points` returns them.

    Raises:
        StudyError: If it cannot.
    """
    try:
        if path.is_dir():
            raise StudyError(f"{str(path)!r} is a folder; a study database is a file.")
        if not path.exists() and not create:
            raise StudyError(f"there is no study database {str(path)!r}.", hint="surefoot tune writes one.")
        if not path.parent.is_dir():
            raise StudyError(f"the folder of {str(path)!r} does not exist.", hint=f"make {str(path.parent)!r}.")
        kind = file_system(path.parent.resolve(), mounts)
    except OSError as error:
        raise StudyError(f"cannot reach {str(path)!r}: {error.strerror}.", hint="give another path.") from None
    if kind.startswith(NETWORK_FILE_SYSTEMS):
        raise StudyError(
            f"{str(path)!r} is on a network file system ({kind}), where SQLite's locks do not hold.",
            hint="give a path on a local disk.",
        )


def file_system(folder: Path, mounts: Mapping[Path, str]) -> str:
    """Return the kind of file system an absolute folder is on, or an empty text where that is not known.

    Example:
        >>> file_system(Path("/home/ann/work"), {Path("/"): "ext4", Path("/home"): "nfs4"})
        'nfs4'
    """
    return next((mounts[parent] for parent in (folder, *folder.parents) if parent in mounts), "")


def mount_points() -> dict[Path, str]:
    """Return the kind of file system at every mount point of this machine; of several at one place the last rules."""
    return {Path(part.mountpoint): part.fstype for part in psutil.disk_partitions(all=True)}
