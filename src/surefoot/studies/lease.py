"""Who drives a study: one process at a time."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass

import psutil
from sqlalchemy import Connection, select, update

from surefoot.core.errors import StudyError
from surefoot.studies.schema import studies

# How long a driver on another machine is believed to be alive after it last wrote.
LEASE_SECONDS = 600.0


# Start times are kept in whole seconds, and clocks are set.
_START_TOLERANCE_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Driver:
    """A process, told apart from all others: process numbers come again, with another start.

    Attributes:
        host: Name of its machine.
        process: Its number.
        start: When it started, in seconds since the epoch.

    Example:
        >>> str(Driver("host", 12, 1700000000)), Driver.parse("host:12:1700000000").process
        ('host:12:1700000000', 12)
    """

    host: str
    process: int
    start: int

    @classmethod
    def here(cls) -> Driver:
        """Return this process."""
        return cls(socket.gethostname(), os.getpid(), round(psutil.Process().create_time()))

    @classmethod
    def parse(cls, text: str) -> Driver:
        """Read what ``str`` gave."""
        host, process, start = text.rsplit(":", 2)
        return cls(host, int(process), int(start))

    def __str__(self) -> str:
        return f"{self.host}:{self.process}:{self.start}"

    def drives(self, *, until: float, now: float, here: Driver) -> bool:
        """Tell whether this process may still be at work on a lease that it holds.

        On the same machine that is known; of another machine's process it is believed until the lease runs out.

        Args:
            until: When its lease runs out.
            now: The time.
            here: The process that asks.
        """
        return _is_alive(self.process, self.start) if self.host == here.host else now < until


def is_left(owner: str | None, until: float | None) -> bool:
    """Tell whether a study's driver is known to be gone without having given up its lease: it was killed.

    Args:
        owner: Who holds the lease, ``None`` where nobody does.
        until: When it runs out.
    """
    if owner is None or until is None:
        return False
    return not Driver.parse(owner).drives(until=until, now=time.time(), here=Driver.here())


def hold(connection: Connection, study: int, *, take: bool) -> None:
    """Take a study's lease, or renew it if it is this process's; within the connection's transaction.

    Args:
        connection: Of a transaction that writes.
        study: The study's number.
        take: Whether a free lease is taken; otherwise it is left free.

    Raises:
        StudyError: If another process holds it.
    """
    here, now, mine = Driver.here(), time.time(), studies.c.id == study
    owner, until = connection.execute(select(studies.c.lease_owner, studies.c.lease_until).where(mine)).one()
    driver = None if owner is None else Driver.parse(owner)
    if driver not in (None, here) and driver.drives(until=until, now=now, here=here):
        ends = "to end" if driver.host == here.host else f"to end, or {until - now:.0f} s if it died"
        raise StudyError(
            f"study {study} is being driven by process {driver.process} on {driver.host}.", hint=f"wait for it {ends}."
        )
    if take or driver == here:
        connection.execute(update(studies).where(mine).values(lease_owner=str(here), lease_until=now + LEASE_SECONDS))


def _is_alive(process: int, start: int) -> bool:
    try:
        return abs(psutil.Process(process).create_time() - start) <= _START_TOLERANCE_SECONDS
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
