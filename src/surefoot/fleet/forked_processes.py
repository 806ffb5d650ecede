"""Share work among processes forked from this one, tensors in shared memory, and the number of threads of torch."""

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

T = TypeVar("T")
# Length in bytes of a job's number in the queue.
JOB_NUMBER_BYTES = 4
# Option of Linux's prctl: the signal that a process gets when its parent ends.
PR_SET_PDEATHSIG = 1


def to_shared_memory(tensor: Tensor) -> Tensor:
    """Return a copy in anonymous shared memory, where a forked process and its parent see each other's writes.

    ``Tensor.share_memory_`` is not used: it needs a file in ``/dev/shm``, which has 64 MB in a container.

    Example:
        >>> to_shared_memory(torch.tensor([1.0, 2.0]))
        tensor([1., 2.])
    """
    if tensor.numel() == 0:
        return tensor.clone()
    memory = mmap.mmap(-1, tensor.numel() * tensor.element_size())
    return torch.frombuffer(memory, dtype=tensor.dtype, count=tensor.numel()).view(tensor.shape).copy_(tensor)


@contextmanager
def using_threads(count: int) -> Iterator[None]:
    """Set the number of torch's threads for the body of a ``with`` statement.

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


def available_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def can_fork() -> bool:
    """Return whether work can be shared among forked processes: on Linux, without an accelerator and its threads."""
    return sys.platform == "linux" and not torch.accelerator.is_available()


def end_with_parent(signal_number: int) -> None:
    """Let the kernel send this process a signal when its parent ends; it works on Linux, and does nothing elsewhere."""
    with suppress(Exception):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number)


def run_jobs(jobs: Sequence[Callable[[], T]], *, processes: int) -> list[T]:
    """Run jobs in this process and in processes forked from it; return their results in order.

    A forked process inherits all objects as they are. What a job changes must lie in shared memory
    (:func:`to_shared_memory`) or be its return value. Each process takes the next job as soon as it is free, so no
    result may depend on which process ran a job. Torch must be set to one thread, because a forked process cannot use
    its parent's threads.

    Args:
        jobs: Functions without arguments.
        processes: Number of processes to use, this one included.

    Raises:
        TaskError: If a process was killed.
        Exception: What a job has raised, in any of the processes.
    """
    if min(processes, len(jobs)) <= 1:
        return [job() for job in jobs]
    queue = _job_queue(len(jobs))
    children: list[ForkedChild] = []
    try:
        for _ in range(min(processes, len(jobs)) - 1):
            children.append(_fork(jobs, queue))
        results = dict(_run_queued_jobs(jobs, queue))
        for child in children:
            results |= child.wait_for_results()
        return [results[number] for number in range(len(jobs))]
    finally:
        os.close(queue)
        for child in children:
            child.end()


@dataclass(slots=True)
class ForkedChild:
    """A process that runs jobs, forked from this one.

    Attributes:
        pid: Its process id.
        pipe: File descriptor that its pickled results are read from.
        waited_for: Whether its exit status was collected; its process id may then belong to another process.
    """

    pid: int
    pipe: int
    waited_for: bool = False

    def wait_for_results(self) -> dict[int, Any]:
        """Wait for the process, and return its results by job number or raise what a job has raised."""
        with open(self.pipe, "rb", closefd=False) as pipe:
            pickled = pipe.read()
        status = self._wait()
        if not pickled:
            cause = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit status {status >> 8}"
            raise TaskError(
                f"a process that trained some of the members was killed ({cause}).",
                hint="the usual cause is a lack of memory: free some, or train fewer members at once.",
            )
        results, error = pickle.loads(pickled)  # noqa: S301  (from our own child)
        if error is not None:
            raise error
        return dict(results)

    def end(self) -> None:
        """Close the pipe, and kill the process if it still runs."""
        os.close(self.pipe)
        if not self.waited_for:
            os.kill(self.pid, signal.SIGKILL)
            self._wait()

    def _wait(self) -> int:
        _, status = os.waitpid(self.pid, 0)
        self.waited_for = True
        return status


def _job_queue(jobs: int) -> int:
    """Return the reading end of a pipe that holds the numbers of all jobs; each is read by exactly one process."""
    reading, writing = os.pipe()
    # A pipe holds 64 KB: the numbers of 16,000 jobs.
    os.write(writing, b"".join(number.to_bytes(JOB_NUMBER_BYTES, "little") for number in range(jobs)))
    os.close(writing)
    return reading


def _run_queued_jobs(jobs: Sequence[Callable[[], T]], queue: int) -> Iterator[tuple[int, T]]:
    while number := os.read(queue, JOB_NUMBER_BYTES):
        job = int.from_bytes(number, "little")
        yield job, jobs[job]()


def _fork(jobs: Sequence[Callable[[], Any]], queue: int) -> ForkedChild:
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Python warns that threads may hold locks. A child runs torch with one thread, and neither prints nor logs.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        _child_main(jobs, queue, writing)
    os.close(writing)
    return ForkedChild(pid, reading)


def _child_main(jobs: Sequence[Callable[[], Any]], queue: int, pipe: int) -> NoReturn:
    """Run jobs in a forked process, send their results, and exit without the cleanup that belongs to the parent."""
    status = 1
    # When the parent is killed, so are its children, which would otherwise keep the locks that they inherited.
    end_with_parent(signal.SIGKILL)
    with suppress(BaseException):  # no exception may reach the frames inherited from the parent, not even Ctrl-C
        pickled = _pickled_results(jobs, queue)
        with open(pipe, "wb", closefd=False) as stream:
            stream.write(pickled)
        status = 0
    os._exit(status)


def _pickled_results(jobs: Sequence[Callable[[], Any]], queue: int) -> bytes:
    try:
        return pickle.dumps((dict(_run_queued_jobs(jobs, queue)), None))
    except Exception as error:
        return pickle.dumps(({}, _picklable(error)))


def _picklable(error: Exception) -> Exception:
    """Return the error if it can be pickled, otherwise a RuntimeError with the same message."""
    error.add_note("In a forked process:\n" + "".join(traceback.format_tb(error.__traceback__)))
    try:
        return pickle.loads(pickle.dumps(error))  # type: ignore[no-any-return]  # noqa: S301  (our own)
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
