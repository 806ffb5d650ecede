"""A process of our own making that ends when it is told to, with all its children."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

import psutil

from surefoot.fleet.processes import cores

POLL_SECONDS, KILL_SECONDS = 0.02, 10.0
SHELL_SIGNALS = 128  # a shell says so much and the signal's number


class ChildProcess:
    """A process in a session of its own: Ctrl-C in the terminal reaches its parent alone.

    Args:
        command: Program and arguments.
        environment: Its environment variables.
        folder: Its working directory.
        takes_input: Whether it has a pipe for its standard input; there is nothing to be read otherwise.

    Attributes:
        pid: Its number.
        stdin: The writing end of its standard input, if it takes any.
        stdout: The reading end of its standard output.
        stderr: The reading end of its standard error.

    Raises:
        OSError: If there is no such program, or it cannot be run.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path | None = None,
        takes_input: bool = False,
    ) -> None:
        self._popen = subprocess.Popen(  # noqa: S603  (to run the user's own program is what the user asks for)
            [*command],
            stdin=subprocess.PIPE if takes_input else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
        )
        self.pid = self._popen.pid
        self.stdin, self.stdout, self.stderr = (
            cast("BinaryIO", pipe) for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr)
        )
        self._known: set[psutil.Process] = set()

    @property
    def ended(self) -> bool:
        """Whether it has ended; its children may go on."""
        if self._popen.returncode is not None:
            return True
        if not hasattr(os, "waitid"):
            return self._popen.poll() is not None
        # It is not waited for before its children are gone: until then nobody else can get its number.
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None

    @property
    def returncode(self) -> int:
        """Its exit code, or the negative number of the signal that killed it; known once :func:`end_all` was called."""
        code = self._popen.returncode
        return -int(signal.SIGKILL) if code is None else code

    def members(self, running: Sequence[psutil.Process]) -> set[psutil.Process]:
        """Return it and its descendants, as far as they still run, out of all processes that run."""
        if self._popen.returncode is not None:  # its number may be another's by now
            return {process for process in self._known if _runs(process)}
        with suppress(psutil.Error):
            self._known.update(psutil.Process(self.pid).children(recursive=True))
        own = {process for process in running if process.pid == self.pid or _session(process.pid) == self.pid}
        return {process for process in own | self._known if _runs(process)}

    def release(self) -> None:
        """Wait for it, so that its number is free again."""
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(KILL_SECONDS)
        if self._popen.stdin is not None:
            with suppress(OSError):
                self._popen.stdin.close()

    def close(self) -> None:
        """Close its pipes, once nobody reads them any more."""
        for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def child_environment(processes: int) -> dict[str, str]:
    """Return the environment for one of several processes that train at once.

    Each gets its share of the cores, prints without delay, and hashes strings alike; what the user has set stands.

    Args:
        processes: How many train at once.
    """
    share = {"OMP_NUM_THREADS": str(max(1, cores() // processes))} if processes > 1 else {}
    return {"PYTHONUNBUFFERED": "1", "PYTHONHASHSEED": "0"} | share | dict(os.environ)


def end_all(children: Sequence[ChildProcess], *, grace: float) -> None:
    """End some processes and their descendants: they are asked to by SIGTERM, and killed some seconds later.

    A process that has ended already is treated alike, for the sake of the children that it may have left behind.

    Args:
        children: The processes.
        grace: Seconds between asking and killing.
    """
    deadline = time.monotonic() + grace
    try:
        _signal(_members(children), signal.SIGTERM)
        while time.monotonic() < deadline and _members(children):
            time.sleep(POLL_SECONDS)
    finally:  # a second Ctrl-C ends the waiting, not the killing
        deadline = time.monotonic() + KILL_SECONDS
        while (members := _members(children)) and time.monotonic() < deadline:
            _signal(members, getattr(signal, "SIGKILL", signal.SIGTERM))
            time.sleep(POLL_SECONDS)
        for child in children:
            child.release()


def cause(returncode: int) -> str:
    """Return in words how a process ended that should not have.

    Example:
        >>> cause(3), cause(-11)
        ('ended with exit code 3', 'was killed by SIGSEGV')
    """
    number = -returncode if returncode < 0 else returncode - SHELL_SIGNALS
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"ended with exit code {returncode}"
    memory = " (most often memory ran out: train fewer at once, or in smaller batches)" if name == "SIGKILL" else ""
    how = "was killed by" if returncode < 0 else f"ended with exit code {returncode}, as if killed by"
    return f"{how} {name}{memory}"


def _members(children: Sequence[ChildProcess]) -> set[psutil.Process]:
    running = [*psutil.process_iter()]
    return {member for child in children for member in child.members(running)}


def _signal(processes: set[psutil.Process], number: int) -> None:
    for process in processes:
        with suppress(psutil.Error):
            process.send_signal(number)


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid) if hasattr(os, "getsid") else None
    except OSError:
        return None


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
