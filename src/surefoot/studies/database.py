"""Where a study database may lie.

One SQLite file with studies in it.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
from sqlalchemy import URL, Connection, Engine, create_engine, event, select
from sqlalchemy.exc import StatementError
from sqlalchemy.pool import NullPool, PoolProxiedConnection

from surefoot.core.errors import StudyError
from surefoot.studies import schema
from surefoot.studies.schema import EMPTY, Versions

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


_WAIT_SECONDS = 30.0
_PAUSE_SECONDS = 0.01
_IMMEDIATE = "surefoot_immediate"
_HINTS = {
    "file is not a database": "give another path.",
    "database is locked": "another program holds it.",
    "database or disk is full": "make room there, or give another path.",
    "disk I/O error": "is there room on the disk?",
    "unable to open database file": "may files be written in its folder?",
    "attempt to write a readonly database": "may the file and its folder be written?",
    "database disk image is malformed": "it is damaged; take a copy of it from before.",
}


class Database:
    """A study database: SQLite in WAL mode, one writer at a time, one commit for each chunk of work.

    A database that may not be written, such as one on a read-only disk, can be read. If it is of an older version it
    stays so, and what is read is a copy of it in memory, made when it is opened and brought to the present version.

    Args:
        path: The file.
        create: Whether a missing or empty file becomes a database; otherwise it is an error.
        versions: The schema and its past.
        wait_seconds: How long a lock of another program is waited for.

    Raises:
        StudyError: If the file is missing, no database of studies, newer than this program, on a network file
            system, or cannot be written.
    """

    def __init__(
        self,
        path: Path,
        *,
        create: bool = True,
        versions: Versions | None = None,
        wait_seconds: float = _WAIT_SECONDS,
    ) -> None:
        self.path = path
        check_place(path, create=create, mounts=mount_points())
        location = URL.create("sqlite", database=path.absolute().as_uri(), query=_access(path, create=create))
        self._wait_seconds = wait_seconds
        self._engine = _engine(location, wait_seconds=wait_seconds)
        self._update(versions or Versions(), create=create)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection in a transaction that holds the write lock from its beginning."""
        with (
            self._faults_explained(),
            self._engine.connect().execution_options(**{_IMMEDIATE: True}) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection that sees one moment of the database."""
        with self._faults_explained(), self._engine.connect() as connection, connection.begin():
            yield connection

    def study_ids(self) -> list[int]:
        """Return the numbers of all studies, ascending."""
        with self.read() as connection:
            return list(connection.scalars(select(schema.studies.c.id).order_by(schema.studies.c.id)))

    def _update(self, versions: Versions, *, create: bool) -> None:
        with self.read() as connection, self._named():
            version = versions.of(connection)
            if version == EMPTY and not create:
                raise StudyError("it is empty.", hint="surefoot tune writes one.")
        if version == EMPTY:
            self._use_write_ahead_log()
        if version == versions.present:
            return
        if version != EMPTY and not _may_be_written(self.path):
            self._read_from_memory(versions)
            return
        # Other processes may be at the same: the version is read again under the lock.
        with self.write() as connection, self._named():
            versions.update(connection)

    def _read_from_memory(self, versions: Versions) -> None:
        """Read from a copy in memory from now on, of the present version; writing is refused as on the disk."""
        name, query = f"file:surefoot-{uuid4().hex}", {"mode": "memory", "cache": "shared"}
        memory = _engine(URL.create("sqlite", database=name, query=query), wait_seconds=_WAIT_SECONDS)
        with self._faults_explained():
            kept, original = memory.raw_connection(), self._engine.raw_connection()
            weakref.finalize(self, kept.close)  # the copy is there as long as one connection to it is open
            try:
                _driver(original).backup(_driver(kept))
            finally:
                original.close()
        self._engine = memory
        with self.write() as connection:
            versions.update(connection)
        event.listen(memory, "connect", lambda connection, _record: connection.execute("PRAGMA query_only = ON"))

    def _use_write_ahead_log(self) -> None:
        """Let readers and the writer not wait for each other; kept in the file, once and for all."""
        # While another connection is about to write, SQLite refuses to switch at once, whatever its timeout: so the
        # waiting is done here.
        deadline = time.monotonic() + self._wait_seconds
        with self._faults_explained(), closing(self._engine.raw_connection()) as connection:
            while True:
                try:
                    connection.cursor().execute("PRAGMA journal_mode = WAL")
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                        raise
                    time.sleep(_PAUSE_SECONDS)
                else:
                    return

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except StudyError as error:
            raise StudyError(f"cannot use the study database {str(self.path)!r}: {error}") from None

    @contextmanager
    def _faults_explained(self) -> Iterator[None]:
        try:
            yield
        except (StatementError, sqlite3.Error) as error:
            cause = str(error.orig if isinstance(error, StatementError) else error)
            message = f"cannot use the study database {str(self.path)!r}: {cause}."
            raise StudyError(message, hint=_HINTS.get(cause)) from None


def _engine(location: URL, *, wait_seconds: float) -> Engine:
    engine = create_engine(
        location.update_query_dict({"uri": "true"}),
        poolclass=NullPool,
        connect_args={"timeout": wait_seconds},
        # What is kept must be JSON to every other program too: no NaN.
        json_serializer=partial(json.dumps, allow_nan=False, ensure_ascii=False),
    )

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get(_IMMEDIATE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def _driver(connection: PoolProxiedConnection) -> sqlite3.Connection:
    driver = connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101  (there is no other driver)
    return driver


def _access(path: Path, *, create: bool) -> dict[str, str]:
    """Return how SQLite is to open a file, as the parameters of its URI."""
    log = path.with_name(f"{path.name}-wal")
    if path.exists() and not _may_be_written(path) and not log.exists():
        return {"mode": "ro", "immutable": "1"}  # else SQLite would write beside it, even to read
    return {"mode": "rwc" if create else "rw"}


def _may_be_written(path: Path) -> bool:
    return os.access(path.parent, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))
