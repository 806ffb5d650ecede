"""Tensors that forked processes share with the one they come from.

How many threads torch uses, for a while.

Work shared out among processes forked from this one: one core each.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import pickle
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import torch
from torch import Tensor

from surefoot.core.errors import TaskError


def shared(tensor: Tensor) -> Tensor:
    """Return a copy in anonymous shared memory: what a forked process writes there, its parent reads.

    Not ``Tensor.share_memory_``: that takes a file in ``/dev/shm``, of which containers have 64 MB.

    Example:
        >>> shared(torch.tensor([1.0, 2.0]))
        tensor([1., 2.])
    """
    if tensor.numel() == 0:
        return tensor.clone()
    memory = mmap.mmap(-1, tensor.numel() * tensor.element_size())
    return torch.frombuffer(memory, dtype=tensor.dtype, count=tensor.numel()).view(tensor.shape).copy_(tensor)


@contextmanager
def using_threads(count: int) -> Iterator[None]:
    """Let torch use so many threads, and afterwards as many as before.

    Example:
        >>> before = torch.get_num_threads()
        >>> with using_threads(1):
        ...     torch.get_num_threads()
        1
        >>> torch.get_num_threads() == before
        True
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


T = TypeVar("T")
NUMBER_BYTES = 4
PR_SET_PDEATHSIG = 1  # of Linux's prctl


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def can_fork() -> bool:
    """Tell whether work can go on in forked processes: on Linux, and where no accelerator's threads are about."""
    return sys.platform == "linux" and not torch.accelerator.is_available()


def run_jobs(jobs: Sequence[Callable[[], T]], *, processes: int) -> list[T]:
    """Do some jobs, in this process and in others forked from it; return what they return, in order.

    A child inherits everything as it is and needs no protocol; what it shall leave behind must lie in shared memory
    (:func:`surefoot.fleet.processes.shared`) or be its return value. Whoever is free takes the next job, so no outcome
    may depend on who does it. Torch must be set to one thread: a forked process cannot use its parent's.

    Args:
        jobs: Functions of nothing.
        processes: How many to use, this one included.

    Raises:
        TaskError: If a process was killed.
        Exception: What a job has raised, from whichever process.
    """
    if min(processes, len(jobs)) <= 1:
        return [job() for job in jobs]
    queue = _queue(len(jobs))
    children: list[Child] = []
    try:
        for _ in range(min(processes, len(jobs)) - 1):
            children.append(_fork(jobs, queue))
        results = dict(_take(jobs, queue))
        for child in children:
            results |= child.results()
        return [results[number] for number in range(len(jobs))]
    finally:
        os.close(queue)
        for child in children:
            child.end()


@dataclass(slots=True)
class Child:
    """A forked process: its id, the pipe that its results come through, and whether it is gone."""

    pid: int
    pipe: int
    waited_for: bool = False

    def results(self) -> dict[int, Any]:
        """Wait for it, and return its results by the numbers of their jobs, or raise what it raised."""
        with open(self.pipe, "rb", closefd=False) as pipe:
            told = pipe.read()
        status = self._wait()
        if not told:
            cause = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit status {status >> 8}"
            raise TaskError(
                f"a process that trained some of the members was killed ({cause}).",
                hint="most often memory ran out; free some, or train fewer at once.",
            )
        results, error = pickle.loads(told)  # noqa: S301  (from our own child)
        if error is not None:
            raise error
        return dict(results)

    def end(self) -> None:
        """Kill it if it still runs, and let go of it."""
        os.close(self.pipe)
        if not self.waited_for:
            os.kill(self.pid, signal.SIGKILL)
            self._wait()

    def _wait(self) -> int:
        _, status = os.waitpid(self.pid, 0)
        self.waited_for = True
        return status


def _queue(jobs: int) -> int:
    """Return the reading end of a pipe that holds the numbers of all jobs; each is read by one process alone."""
    reading, writing = os.pipe()
    # A pipe holds 64 KB: sixteen thousand jobs.
    os.write(writing, b"".join(number.to_bytes(NUMBER_BYTES, "little") for number in range(jobs)))
    os.close(writing)
    return reading


def _take(jobs: Sequence[Callable[[], T]], queue: int) -> Iterator[tuple[int, T]]:
    while number := os.read(queue, NUMBER_BYTES):
        place = int.from_bytes(number, "little")
        yield place, jobs[place]()


def _fork(jobs: Sequence[Callable[[], Any]], queue: int) -> Child:
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Python tells that threads may hold locks. A child runs torch with one thread, prints and logs nothing.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        _live(jobs, queue, writing)
    os.close(writing)
    return Child(pid, reading)


def _live(jobs: Sequence[Callable[[], Any]], queue: int, pipe: int) -> NoReturn:
    """Be a child: do jobs, tell what came of them, and leave without running what was meant for the parent's end."""
    status = 1
    with suppress(BaseException):
        # A parent that is killed takes its children along, and with them the locks that they have inherited.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    with suppress(BaseException):  # nothing must reach the parent's frames below, a second Ctrl-C least of all
        told = _told(jobs, queue)
        with open(pipe, "wb", closefd=False) as stream:
            stream.write(told)
        status = 0
    os._exit(status)


def _told(jobs: Sequence[Callable[[], Any]], queue: int) -> bytes:
    try:
        return pickle.dumps((dict(_take(jobs, queue)), None))
    except Exception as error:
        return pickle.dumps(({}, _portable(error)))


def _portable(error: Exception) -> Exception:
    """Return the error if it survives the way to the parent, or else one that says the same."""
    error.add_note("In a forked process:\n" + "".join(traceback.format_tb(error.__traceback__)))
    try:
        return pickle.loads(pickle.dumps(error))  # type: ignore[no-any-return]  # noqa: S301  (our own)
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
