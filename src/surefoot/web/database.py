"""The database that the page reads and never writes."""

from __future__ import annotations

from pathlib import Path

from surefoot.studies.database import Database

# Nobody waits longer before a page for a database that another program holds.
WAIT_SECONDS = 2.0


def opened(path: Path) -> Database:
    """Return a database that is there.

    Raises:
        StudyError: If it is not, or cannot be read.
    """
    return Database(path, create=False, wait_seconds=WAIT_SECONDS)
