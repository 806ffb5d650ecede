"""The checks of a database: what each was asked, and what it found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from surefoot.core.errors import StudyError
from surefoot.core.values import Json
from surefoot.studies.database import Database
from surefoot.studies.measurements import insert_row
from surefoot.studies.schema import checks
from surefoot.studies.study import environment

HEAD = (checks.c.id, checks.c.created, checks.c.task, checks.c.recipe, checks.c.verdict)


@dataclass(frozen=True, slots=True)
class CheckHead:
    """A check in a list.

    Attributes:
        id: Its number in the database.
        created: UTC time, ISO 8601.
        task: The task's name.
        recipe: What was checked.
        verdict: What was found.
    """

    id: int
    created: str
    task: str
    recipe: str
    verdict: str


@dataclass(frozen=True, slots=True)
class CheckRow:
    """A check with all that was found.

    Attributes:
        command: What asks for the same again.
        environment: What it ran on.
        result: All of it.
    """

    command: str | None
    environment: dict[str, Any]
    result: dict[str, Any]


def add_check(
    database: Database, result: dict[str, Json], *, task: str, recipe: str, verdict: str, command: str | None
) -> int:
    """Write a check; return its number.

    Raises:
        StudyError: If the database cannot be written.
    """
    row = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "task": task,
        "recipe": recipe,
        "verdict": verdict,
        "command": command,
        "environment": environment(),
        "result": result,
    }
    with database.write() as connection:
        return insert_row(connection, checks, row)


def check_heads(database: Database) -> list[CheckHead]:
    """Return all checks, the newest first."""
    with database.read() as connection:
        return [CheckHead(**row) for row in connection.execute(select(*HEAD).order_by(checks.c.id.desc())).mappings()]


def check_row(database: Database, number: int) -> CheckRow:
    """Return one check.

    Raises:
        StudyError: If there is no such check.
    """
    query = select(checks.c.command, checks.c.environment, checks.c.result).where(checks.c.id == number)
    with database.read() as connection:
        row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise StudyError(f"{str(database.path)!r} has no check {number}.", hint="surefoot check writes one.")
    return CheckRow(**row)
