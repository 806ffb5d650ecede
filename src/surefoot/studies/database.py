"""One SQLite file with studies in it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, select
from sqlalchemy.exc import StatementError
from sqlalchemy.pool import NullPool

from surefoot.errors import StudyError
from surefoot.studies import schema
from surefoot.studies.migration import EMPTY, Versions
from surefoot.studies.place import check_place, mount_points

_WAIT_SECONDS = 30.0
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

    A database that may not be written, such as one on a read-only disk, can be read; it stays as old as it is.

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
        self._engine = _engine(path, create=create, wait_seconds=wait_seconds)
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

    def has(self, table: str) -> bool:
        """Tell whether there is a table: an old database that may not be written lacks those that came later."""
        with self.read() as connection:
            return inspect(connection).has_table(table)

    def _update(self, versions: Versions, *, create: bool) -> None:
        with self.read() as connection, self._named():
            version = versions.of(connection)
            if version == EMPTY and not create:
                raise StudyError("it is empty.", hint="surefoot tune writes one.")
        if version == EMPTY:
            self._use_write_ahead_log()
        if version != versions.present and _may_be_written(self.path):
            # Other processes may be at the same: the version is read again under the lock.
            with self.write() as connection, self._named():
                versions.update(connection)

    def _use_write_ahead_log(self) -> None:
        """Let readers and the writer not wait for each other; kept in the file, once and for all."""
        with self._faults_explained():
            connection = self._engine.raw_connection()
            try:
                connection.cursor().execute("PRAGMA journal_mode = WAL")
            finally:
                connection.close()

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
        except StatementError as error:
            cause = str(error.orig)
            message = f"cannot use the study database {str(self.path)!r}: {cause}."
            raise StudyError(message, hint=_HINTS.get(cause)) from None


def _engine(path: Path, *, create: bool, wait_seconds: float) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=path.absolute().as_uri(), query={"uri": "true", **_access(path, create=create)}),
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


def _access(path: Path, *, create: bool) -> dict[str, str]:
    """Return how SQLite is to open a file, as the parameters of its URI."""
    log = path.with_name(f"{path.name}-wal")
    if path.exists() and not _may_be_written(path) and not log.exists():
        return {"mode": "ro", "immutable": "1"}  # else SQLite would write beside it, even to read
    return {"mode": "rwc" if create else "rw"}


def _may_be_written(path: Path) -> bool:
    return os.access(path.parent, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))
