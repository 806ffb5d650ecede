"""The lease of a study: only one process at a time runs its trials and writes them."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass

import psutil
from sqlalchemy import Connection, select, update

from surefoot.core.errors import StudyError
from surefoot.studies.schema import studies

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
