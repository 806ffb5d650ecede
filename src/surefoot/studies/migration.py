"""An empty file becomes a database, and one of an older version becomes one of this, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from surefoot.errors import StudyError
from surefoot.studies import schema
from surefoot.studies.schema import APPLICATION_ID, Step

EMPTY = 0


@dataclass(frozen=True, slots=True)
class Versions:
    """A schema with its past.

    Attributes:
        create: Creates the present tables.
        steps: ``steps[n - 1]`` turns version n into version n + 1.
    """

    create: Step = schema.create
    steps: Sequence[Step] = schema.MIGRATIONS

    @property
    def present(self) -> int:
        """The present version; the first is 1."""
        return len(self.steps) + 1

    def of(self, connection: Connection) -> int:
        """Return the version of a database, ``EMPTY`` where there is nothing in it yet.

        Raises:
            StudyError: If it is somebody else's database, or of a newer version.
        """
        version = _pragma(connection, "user_version")
        if _pragma(connection, "application_id") != APPLICATION_ID:
            if version or connection.exec_driver_sql("SELECT 1 FROM sqlite_master").first():
                raise StudyError("it is a database, but not of studies.", hint="give another path.")
            return EMPTY
        if version > self.present:
            raise StudyError(f"it is of version {version}; known are 1 to {self.present}.", hint="update surefoot.")
        return version

    def update(self, connection: Connection) -> None:
        """Bring a database to the present version, within the connection's transaction."""
        version = self.of(connection)
        for step in [self.create] if version == EMPTY else self.steps[version - 1 :]:
            step(connection)
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.exec_driver_sql(f"PRAGMA user_version = {self.present}")


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
