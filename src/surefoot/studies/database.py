"""The study database, an SQLite file, and the lease by which only one process at a time writes a study."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
from sqlalchemy import URL, Connection, Engine, create_engine, event, select, update
from sqlalchemy.exc import StatementError
from sqlalchemy.pool import NullPool, PoolProxiedConnection

from surefoot.core.errors import StudyError
from surefoot.studies import schema
from surefoot.studies.schema import EMPTY, Versions, studies

# Beginnings of the names of network file systems, on which SQLite's locks are not reliable.
NETWORK_FILE_SYSTEMS = ("nfs", "cifs", "smb", "fuse.sshfs", "sshfs", "fuse.rclone", "fuse.s3fs", "davfs", "9p", "afs")


def check_database_path(path: Path, *, create: bool, mounts: Mapping[Path, str]) -> None:
    """Check that a study database can lie at a path.

    Args:
        path: Path of the file.
        create: Whether the file may be missing.
        mounts: Type of the file system at each mount point, as :func:`mount_points` returns them.

    Raises:
        StudyError: If it cannot.
    """
    try:
        if path.is_dir():
            raise StudyError(f"{str(path)!r} is a folder; a study database is a file.")
        if not path.exists() and not create:
            raise StudyError(f"there is no study database {str(path)!r}.", hint="surefoot tune writes one.")
        if not path.parent.is_dir():
            raise StudyError(f"the folder of {str(path)!r} does not exist.", hint=f"create {str(path.parent)!r}.")
        kind = file_system(path.parent.resolve(), mounts)
    except OSError as error:
        raise StudyError(f"cannot reach {str(path)!r}: {error.strerror}.", hint="give another path.") from None
    if kind.startswith(NETWORK_FILE_SYSTEMS):
        raise StudyError(
            f"{str(path)!r} is on a network file system ({kind}), where SQLite's locks are not reliable.",
            hint="give a path on a local disk.",
        )


def file_system(folder: Path, mounts: Mapping[Path, str]) -> str:
    """Return the type of the file system of an absolute folder, or an empty text if it is not known.

    Example:
        >>> file_system(Path("/home/ann/work"), {Path("/"): "ext4", Path("/home"): "nfs4"})
        'nfs4'
    """
    return next((mounts[parent] for parent in (folder, *folder.parents) if parent in mounts), "")


def mount_points() -> dict[Path, str]:
    """Return the type of the file system at every mount point; of several at one mount point the last counts."""
    return {Path(part.mountpoint): part.fstype for part in psutil.disk_partitions(all=True)}


# Seconds to wait for a lock of another program, and between attempts where SQLite itself does not wait.
LOCK_WAIT_SECONDS, RETRY_SECONDS = 30.0, 0.01
# Execution option of a connection: begin transactions with the write lock.
_IMMEDIATE = "surefoot_immediate"
# Hints for error messages of SQLite.
_HINTS = {
    "file is not a database": "give another path.",
    "database is locked": "another program holds its lock; try again later.",
    "database or disk is full": "free some space, or give another path.",
    "disk I/O error": "check that the disk has free space.",
    "unable to open database file": "check the permissions of its folder.",
    "attempt to write a readonly database": "check the permissions of the file and its folder.",
    "database disk image is malformed": "the file is damaged; restore it from a backup.",
}


class Database:
    """A study database: SQLite with a write-ahead log, one writer at a time, one transaction for each piece of work.

    A read-only database can be read. If it has an older version, it is not changed: it is copied into memory when it is
    opened, and the copy is updated and read.

    Args:
        path: Path of the file.
        create: Whether to create the database if the file is missing or empty; otherwise that is an error.
        versions: Schema of the database and its older versions.
        wait_seconds: Seconds to wait for a lock of another program.

    Raises:
        StudyError: If the file is missing, is not a study database, has a newer version than this program, lies on a
            network file system, or cannot be written.
    """

    def __init__(
        self,
        path: Path,
        *,
        create: bool = True,
        versions: Versions | None = None,
        wait_seconds: float = LOCK_WAIT_SECONDS,
    ) -> None:
        self.path = path
        check_database_path(path, create=create, mounts=mount_points())
        location = URL.create("sqlite", database=path.absolute().as_uri(), query=_access(path, create=create))
        self._wait_seconds = wait_seconds
        self._engine = _engine(location, wait_seconds=wait_seconds)
        self._update(versions or Versions(), create=create)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection in a transaction that has the write lock from its beginning."""
        with (
            self._sqlite_errors_explained(),
            self._engine.connect().execution_options(**{_IMMEDIATE: True}) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection in a transaction that reads one consistent state of the database."""
        with self._sqlite_errors_explained(), self._engine.connect() as connection, connection.begin():
            yield connection

    def study_ids(self) -> list[int]:
        """Return the numbers of all studies, ascending."""
        with self.read() as connection:
            return list(connection.scalars(select(schema.studies.c.id).order_by(schema.studies.c.id)))

    def _update(self, versions: Versions, *, create: bool) -> None:
        with self.read() as connection, self._path_in_errors():
            version = versions.of(connection)
            if version == EMPTY and not create:
                raise StudyError("it is empty.", hint="surefoot tune writes one.")
        if version == EMPTY:
            self._use_write_ahead_log()
        if version == versions.present:
            return
        if version != EMPTY and not _is_writable(self.path):
            self._read_from_memory(versions)
            return
        # Another process may have updated it meanwhile: the version is read again under the lock.
        with self.write() as connection, self._path_in_errors():
            versions.update(connection)

    def _read_from_memory(self, versions: Versions) -> None:
        """Read from now on an updated copy in memory; writing to it is refused, as on the disk."""
        name, query = f"file:surefoot-{uuid4().hex}", {"mode": "memory", "cache": "shared"}
        memory = _engine(URL.create("sqlite", database=name, query=query), wait_seconds=LOCK_WAIT_SECONDS)
        with self._sqlite_errors_explained():
            copy, original = memory.raw_connection(), self._engine.raw_connection()
            weakref.finalize(self, copy.close)  # the copy lives as long as one connection to it is open
            try:
                _sqlite_connection(original).backup(_sqlite_connection(copy))
            finally:
                original.close()
        self._engine = memory
        with self.write() as connection:
            versions.update(connection)
        event.listen(memory, "connect", lambda connection, _record: connection.execute("PRAGMA query_only = ON"))

    def _use_write_ahead_log(self) -> None:
        """Turn on the write-ahead log, for readers and the writer not to wait for each other; the file keeps it."""
        # SQLite refuses this at once while another connection is about to write, whatever its timeout.
        deadline = time.monotonic() + self._wait_seconds
        with self._sqlite_errors_explained(), closing(self._engine.raw_connection()) as connection:
            while True:
                try:
                    connection.cursor().execute("PRAGMA journal_mode = WAL")
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                        raise
                    time.sleep(RETRY_SECONDS)
                else:
                    return

    @contextmanager
    def _path_in_errors(self) -> Iterator[None]:
        try:
            yield
        except StudyError as error:
            raise StudyError(f"cannot use the study database {str(self.path)!r}: {error}") from None

    @contextmanager
    def _sqlite_errors_explained(self) -> Iterator[None]:
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
        # Other programs must be able to read the JSON: it has no NaN.
        json_serializer=partial(json.dumps, allow_nan=False, ensure_ascii=False),
    )

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # Python's sqlite3 must not begin transactions itself
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get(_IMMEDIATE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def _sqlite_connection(connection: PoolProxiedConnection) -> sqlite3.Connection:
    wrapped = connection.driver_connection
    assert isinstance(wrapped, sqlite3.Connection)  # noqa: S101  (no other driver is used)
    return wrapped


def _access(path: Path, *, create: bool) -> dict[str, str]:
    """Return the parameters of the URI with which SQLite opens a file."""
    log = path.with_name(f"{path.name}-wal")
    if path.exists() and not _is_writable(path) and not log.exists():
        return {"mode": "ro", "immutable": "1"}  # else SQLite would create files next to it, even to read
    return {"mode": "rwc" if create else "rw"}


def _is_writable(path: Path) -> bool:
    return os.access(path.parent, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))


# Seconds after its last write for which a process on another machine is assumed to be alive.
LEASE_SECONDS = 600.0


# Start times are stored in whole seconds, and clocks are adjusted.
START_TOLERANCE_SECONDS = 2


@dataclass(frozen=True, slots=True)
class LeaseHolder:
    """A process that may hold a lease. Process numbers are reused, so its start time belongs to it.

    Attributes:
        host: Name of its machine.
        process: Process number.
        start: Start time, in seconds since the epoch.

    Example:
        >>> str(LeaseHolder("host", 12, 1700000000)), LeaseHolder.parse("host:12:1700000000").process
        ('host:12:1700000000', 12)
    """

    host: str
    process: int
    start: int

    @classmethod
    def here(cls) -> LeaseHolder:
        """Return this process."""
        return cls(socket.gethostname(), os.getpid(), round(psutil.Process().create_time()))

    @classmethod
    def parse(cls, text: str) -> LeaseHolder:
        """Return the process whose text ``str`` returned."""
        host, process, start = text.rsplit(":", 2)
        return cls(host, int(process), int(start))

    def __str__(self) -> str:
        return f"{self.host}:{self.process}:{self.start}"

    def may_be_running(self, *, until: float, now: float, here: LeaseHolder) -> bool:
        """Return whether this process may still be running.

        On the same machine that is known; on another machine it is assumed until the lease expires.

        Args:
            until: Time at which its lease expires, in seconds since the epoch.
            now: Present time, in seconds since the epoch.
            here: The process that asks.
        """
        return _is_alive(self.process, self.start) if self.host == here.host else now < until


def is_abandoned(owner: str | None, until: float | None) -> bool:
    """Return whether the process that holds a lease is known to have ended without giving it up.

    Args:
        owner: Text of the process that holds the lease; ``None`` if nobody does.
        until: Time at which the lease expires, in seconds since the epoch.
    """
    if owner is None or until is None:
        return False
    return not LeaseHolder.parse(owner).may_be_running(until=until, now=time.time(), here=LeaseHolder.here())


def take_or_renew_lease(connection: Connection, study: int, *, take: bool) -> None:
    """Take the lease of a study, or renew it if this process holds it; within the connection's transaction.

    Args:
        connection: Connection of a transaction that writes.
        study: Number of the study.
        take: Whether to take the lease if nobody holds it; otherwise it stays free.

    Raises:
        StudyError: If another process holds the lease.
    """
    here, now, mine = LeaseHolder.here(), time.time(), studies.c.id == study
    owner, until = connection.execute(select(studies.c.lease_owner, studies.c.lease_until).where(mine)).one()
    holder = None if owner is None else LeaseHolder.parse(owner)
    if holder not in (None, here) and holder.may_be_running(until=until, now=now, here=here):
        ends = "to end" if holder.host == here.host else f"to end, or {until - now:.0f} s if it died"
        raise StudyError(
            f"study {study} is in use by process {holder.process} on {holder.host}.", hint=f"wait for it {ends}."
        )
    if take or holder == here:
        connection.execute(update(studies).where(mine).values(lease_owner=str(here), lease_until=now + LEASE_SECONDS))


def _is_alive(process: int, start: int) -> bool:
    try:
        return abs(psutil.Process(process).create_time() - start) <= START_TOLERANCE_SECONDS
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
