"""The table of checks in a study database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from surefoot.core.errors import StudyError
from surefoot.core.value_types import Json
from surefoot.studies.database import Database
from surefoot.studies.recorded_trials import insert_row
from surefoot.studies.schema import checks
from surefoot.studies.study import environment

SUMMARY_COLUMNS = (checks.c.id, checks.c.created, checks.c.task, checks.c.recipe, checks.c.verdict)


@dataclass(frozen=True, slots=True)
class CheckSummary:
    """A check as an entry of a list.

    Attributes:
        id: Number of the check in the database.
        created: Time of its end, UTC, ISO 8601.
        task: Name of the task.
        recipe: Recipe that was checked, as text.
        verdict: Verdict of the check.
    """

    id: int
    created: str
    task: str
    recipe: str
    verdict: str


@dataclass(frozen=True, slots=True)
class StoredCheck:
    """A check with its result.

    Attributes:
        command: Command that repeats the check; ``None`` for a check from Python.
        environment: Versions and machine that it ran on, as JSON data.
        result: Result of the check, as JSON data.
    """

    command: str | None
    environment: dict[str, Any]
    result: dict[str, Any]


def add_check(
    database: Database, result: dict[str, Json], *, task: str, recipe: str, verdict: str, command: str | None
) -> int:
    """Write a check and return its number.

    Args:
        database: Study database.
        result: Result of the check, as JSON data.
        task: Name of the task.
        recipe: Recipe that was checked, as text.
        verdict: Verdict of the check.
        command: Command that repeats the check; ``None`` for a check from Python.

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


def check_summaries(database: Database) -> list[CheckSummary]:
    """Return all checks, the newest first."""
    with database.read() as connection:
        return [
            CheckSummary(**row)
            for row in connection.execute(select(*SUMMARY_COLUMNS).order_by(checks.c.id.desc())).mappings()
        ]


def stored_check(database: Database, number: int) -> StoredCheck:
    """Return the check with a number.

    Raises:
        StudyError: If there is none.
    """
    query = select(checks.c.command, checks.c.environment, checks.c.result).where(checks.c.id == number)
    with database.read() as connection:
        row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise StudyError(f"{str(database.path)!r} has no check {number}.", hint="surefoot check writes one.")
    return StoredCheck(**row)
