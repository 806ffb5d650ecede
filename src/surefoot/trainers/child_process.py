"""Child processes that can be ended together with all their descendants."""

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

from surefoot.fleet.forked_processes import available_cores

# Seconds between two checks whether processes have ended, and seconds to wait for processes that were killed; chosen.
EXIT_POLL_SECONDS, KILL_TIMEOUT_SECONDS = 0.02, 10.0
# A shell's exit code for a command that was killed is this plus the signal's number.
SHELL_SIGNAL_BASE = 128


class ChildProcess:
    """A process in a new session, so that Ctrl-C in the terminal reaches only its parent.

    Args:
        command: Program and arguments.
        environment: Environment variables.
        folder: Working directory; the current one by default.
        takes_input: Whether its standard input is a pipe; otherwise it is empty.

    Attributes:
        pid: Process id.
        stdin: Writing end of the standard input, where ``takes_input`` is set.
        stdout: Reading end of the standard output.
        stderr: Reading end of the standard error.

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
        self._popen = subprocess.Popen(  # noqa: S603  (running the user's program is what the user asks for)
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
        self._descendants: set[psutil.Process] = set()

    @property
    def ended(self) -> bool:
        """Whether the process has ended; its children may still run."""
        if self._popen.returncode is not None:
            return True
        if not hasattr(os, "waitid"):
            return self._popen.poll() is not None
        # It is not reaped before its children have ended, so that no other process can get its process id.
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None

    @property
    def returncode(self) -> int:
        """Exit code, or minus the number of the signal that killed it; valid after :func:`end_processes`."""
        code = self._popen.returncode
        return -int(signal.SIGKILL) if code is None else code

    def running_processes(self, candidates: Sequence[psutil.Process]) -> set[psutil.Process]:
        """Return those of the process and its descendants that still run.

        Args:
            candidates: All processes on the machine.
        """
        if self._popen.returncode is not None:  # its process id may belong to another process by now
            return {process for process in self._descendants if _is_running(process)}
        with suppress(psutil.Error):
            self._descendants.update(psutil.Process(self.pid).children(recursive=True))
        in_session = {
            process for process in candidates if process.pid == self.pid or _session_id(process.pid) == self.pid
        }
        return {process for process in in_session | self._descendants if _is_running(process)}

    def reap(self) -> None:
        """Wait for the process, so that its process id becomes free."""
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(KILL_TIMEOUT_SECONDS)
        if self._popen.stdin is not None:
            with suppress(OSError):
                self._popen.stdin.close()

    def close(self) -> None:
        """Close the pipes; call it when nothing reads them any more."""
        for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def child_environment(processes: int) -> dict[str, str]:
    """Return the environment variables for one of several processes that train at once.

    Each process gets its share of the cores, prints unbuffered, and hashes strings equally; variables that the user
    has set are kept.

    Args:
        processes: Number of processes that train at once.
    """
    share = {"OMP_NUM_THREADS": str(max(1, available_cores() // processes))} if processes > 1 else {}
    return {"PYTHONUNBUFFERED": "1", "PYTHONHASHSEED": "0"} | share | dict(os.environ)


def end_processes(children: Sequence[ChildProcess], *, grace: float) -> None:
    """End processes and their descendants by SIGTERM, and kill after some seconds those that still run.

    Processes that have ended already are included, because children of theirs may still run.

    Args:
        children: The processes.
        grace: Seconds between SIGTERM and SIGKILL.
    """
    deadline = time.monotonic() + grace
    try:
        _send_signal(_running_processes(children), signal.SIGTERM)
        while time.monotonic() < deadline and _running_processes(children):
            time.sleep(EXIT_POLL_SECONDS)
    finally:  # a second Ctrl-C skips the waiting, not the killing
        deadline = time.monotonic() + KILL_TIMEOUT_SECONDS
        while (running := _running_processes(children)) and time.monotonic() < deadline:
            _send_signal(running, getattr(signal, "SIGKILL", signal.SIGTERM))
            time.sleep(EXIT_POLL_SECONDS)
        for child in children:
            child.reap()


def describe_exit(returncode: int) -> str:
    """Return in words how a process ended that failed.

    Example:
        >>> describe_exit(3), describe_exit(-11)
        ('ended with exit code 3', 'was killed by SIGSEGV')
    """
    number = -returncode if returncode < 0 else returncode - SHELL_SIGNAL_BASE
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"ended with exit code {returncode}"
    memory = (
        " (the usual cause is a lack of memory: train fewer at once, or in smaller batches)"
        if name == "SIGKILL"
        else ""
    )
    how = "was killed by" if returncode < 0 else f"ended with exit code {returncode}, as if killed by"
    return f"{how} {name}{memory}"


def _running_processes(children: Sequence[ChildProcess]) -> set[psutil.Process]:
    candidates = [*psutil.process_iter()]
    return {process for child in children for process in child.running_processes(candidates)}


def _send_signal(processes: set[psutil.Process], number: int) -> None:
    for process in processes:
        with suppress(psutil.Error):
            process.send_signal(number)


def _session_id(pid: int) -> int | None:
    try:
        return os.getsid(pid) if hasattr(os, "getsid") else None
    except OSError:
        return None


def _is_running(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
