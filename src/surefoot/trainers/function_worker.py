"""The worker processes of the FunctionTrainer: its side, which sends trials, and their main program, which trains."""

from __future__ import annotations

import ctypes
import json
import math
import os
import secrets
import signal
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from surefoot.core.errors import SurefootError, TaskError
from surefoot.core.value_types import Json
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.user_code_errors import locate_error
from surefoot.trainers import training_function
from surefoot.trainers.child_process import ChildProcess, describe_exit, end_processes
from surefoot.trainers.training_function import RETURN_HINT, CallResult
from surefoot.trainers.trial import Outcome, Trial
from surefoot.trainers.trial_in_script import StopSignal
from surefoot.trainers.trial_reports_and_output import (
    OUTPUT_TIMEOUT_SECONDS,
    OutputReader,
    Report,
    TrialOutput,
    outcome_of,
    outcome_of_failure,
    output_for,
)

# Program of a worker: it uses the parent's ``sys.path``.
WORKER_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from surefoot.trainers.function_worker import run_worker; run_worker()"
)


class FunctionWorker:
    """A worker process, which loads the function once and then trains one trial after another.

    Args:
        reference: Reference to the function, from :func:`~surefoot.trainers.training_function.function_reference`.
        name: Name of the function in messages.
        environment: Environment variables of the process.
        wake_up: Event that is set whenever the process has sent something, or has ended.

    Attributes:
        trial: The trial that it trains; ``None`` while it has none.
        ready: Whether it has loaded the function.
        process: The process.
    """

    def __init__(
        self, reference: dict[str, Json], *, name: str, environment: dict[str, str], wake_up: threading.Event
    ) -> None:
        self.trial: Trial | None = None
        self.ready = False
        self._closed = False
        self._name, self._wake_up = name, wake_up
        self._messages: deque[list[Any]] = deque()
        self._reports: list[Report] = []
        self._output = TrialOutput(None)
        self._started_at = self._deadline = math.inf
        self._timeout: float | None = None
        self.process = ChildProcess(
            [sys.executable, "-c", WORKER_PROGRAM, json.dumps(sys.path)], environment=environment, takes_input=True
        )
        self._stderr = OutputReader(self.process.stderr)
        self._reader = threading.Thread(target=self._read, daemon=True, name="surefoot-messages")
        self._reader.start()
        self._send(reference)

    def start_trial(self, trial: Trial, *, timeout: float | None, output: Path | None) -> None:
        """Send the worker a trial.

        Args:
            trial: The trial.
            timeout: Seconds after which the trial fails; ``None`` for no limit.
            output: Folder for what the function prints; ``None`` discards it.
        """
        self.trial, self._timeout, self._reports = trial, timeout, []
        self._started_at = time.monotonic()
        self._deadline = math.inf if timeout is None else self._started_at + timeout
        self._output = output_for(trial, output)
        marker = f"\0{secrets.token_hex(16)}\0"
        self._stderr.start_trial(self._output, marker.encode())
        self._send({"recipe": trial.recipe.to_json(), "steps": trial.steps, "seed": trial.seed, "marker": marker})

    def poll(self, *, grace: float) -> Outcome | None:
        """Return the outcome of the trial once it has ended, and end the process where the trial has timed out.

        Args:
            grace: Seconds between SIGTERM and SIGKILL.

        Raises:
            TaskError: If the process could not load the function.
        """
        if outcome := self._take_messages():
            return outcome
        if self.process.ended:
            return self._outcome_after_exit()
        if time.monotonic() > self._deadline:
            end_processes([self.process], grace=grace)
            self._finish_reading()
            return self._failure(f"the training took longer than the timeout of {self._timeout:g} s and was ended.")
        return None

    def _outcome_after_exit(self) -> Outcome | None:
        """Return the outcome of the trial of a process that has ended by itself."""
        end_processes([self.process], grace=0.0)
        self._finish_reading()
        if outcome := self._take_messages():  # sent just before it ended
            return outcome
        exit_text = describe_exit(self.process.returncode)
        if not self.ready:
            last_line = f": {self._stderr.last_line.rstrip('.')}" if self._stderr.last_line else ""
            raise TaskError(f"{self._name}: a worker process {exit_text} before it had loaded the function{last_line}.")
        return None if self.trial is None else self._failure(f"its process {exit_text}.")

    def _take_messages(self) -> Outcome | None:
        while self._messages:
            kind, *content = self._messages.popleft()
            if kind == "ready":
                self.ready = True
            elif kind == "cannot":
                self.trial = None
                raise TaskError(f"{self._name}: a worker process cannot load the function: {content[0]}")
            elif kind == "report":
                self._reports.append(Report(*content[0]))
            elif kind == "done" and self.trial is not None:
                final, failure, seconds = content
                return self._outcome_of(CallResult(final and Report(*final), failure), seconds)
        return None

    def _outcome_of(self, result: CallResult, seconds: float) -> Outcome:
        self._stderr.wait(OUTPUT_TIMEOUT_SECONDS)
        self._release_trial()
        return outcome_of_call(result, self._reports, name=self._name, seconds=seconds)

    def _failure(self, why: str) -> Outcome:
        self._release_trial()
        return outcome_of_failure(self._reports, f"{self._name}: {why}", seconds=time.monotonic() - self._started_at)

    def _release_trial(self) -> None:
        self._output.close()
        self.trial, self._deadline = None, math.inf

    def close(self) -> None:
        """Close the pipes and the output; call it when the process has ended."""
        self._finish_reading()
        self._release_trial()

    def _finish_reading(self) -> None:
        """Read what the process has printed and sent before it ended, and close its pipes."""
        if not self._closed:
            self._closed = True
            for thread in (self._reader, self._stderr):
                thread.join(OUTPUT_TIMEOUT_SECONDS)
            if not (self._reader.is_alive() or self._stderr.is_alive()):  # another process may hold the other end
                self.process.close()

    def _read(self) -> None:
        with suppress(OSError, ValueError), open(self.process.stdout.fileno(), "rb", closefd=False) as lines:
            for line in lines:
                if line.endswith(b"\n"):  # the last line may be incomplete
                    self._messages.append(json.loads(line))
                    self._wake_up.set()
        self._wake_up.set()

    def _send(self, order: Any) -> None:
        data = json.dumps(order).encode() + b"\n"
        with suppress(OSError):  # the process has ended, which poll() handles
            while data:
                data = data[self.process.stdin.write(data) :]


def outcome_of_call(result: CallResult, reports: list[Report], *, name: str, seconds: float) -> Outcome:
    """Return the outcome of a call of a training function.

    Args:
        result: Result of the call.
        reports: Reports during the call.
        name: Name of the function in messages.
        seconds: Wall-clock seconds of the call.
    """
    final = result.final or next((report for report in reversed(reports) if report.step is None), None)
    if result.failure is not None:
        return outcome_of_failure(reports, result.failure, seconds=seconds)
    if final is None:
        return outcome_of_failure(reports, f"{name} returned None. Hint: {RETURN_HINT}", seconds=seconds)
    return outcome_of(reports, final, seconds=seconds)


# Environment variable that is set while a worker loads the user's file.
LOADING_VARIABLE = "SUREFOOT_LOADING"


def run_worker() -> None:
    """Run as a worker until the parent closes the input or ends.

    Standard input receives lines of JSON: a reference to the function, then one trial on each line. Standard output
    sends lines of JSON: ``["ready"]`` or ``["cannot", reason]``, then ``["report", ...]`` and ``["done", ...]``. Both
    streams are hidden from the function: its input is empty, and what it prints to standard output or error goes to
    standard error.
    """
    worker = WorkerProcess(*_redirect_streams())
    threading.Thread(target=worker.listen, daemon=True).start()
    worker.run()


@dataclass(slots=True)
class WorkerProcess:
    """The state of this worker process.

    Attributes:
        commands: File descriptor that commands are read from.
        messages: File descriptor that messages to the parent are written to.
        output: File descriptor that the function's output goes to.
    """

    commands: int
    messages: int
    output: int
    _queue: SimpleQueue[Any] = field(default_factory=SimpleQueue)
    _busy: bool = True
    _stop: StopSignal = field(default_factory=StopSignal)

    def listen(self) -> None:
        """Receive commands, in a separate thread; when the parent ends, a busy worker is killed."""
        with os.fdopen(self.commands) as lines:
            for line in lines:
                self._queue.put(json.loads(line))
        if self._busy:
            _kill_process_group()
        self._queue.put(None)

    def run(self) -> None:
        """Load the function and call it for every trial."""
        command = self._queue.get()
        os.environ[LOADING_VARIABLE] = "1"
        try:
            function = training_function.load_function(command)
        except SurefootError as error:
            return self._send("cannot", str(error))
        except (Exception, SystemExit) as error:
            return self._send("cannot", f"loading it raised {locate_error(error)}.")
        del os.environ[LOADING_VARIABLE]
        self._send("ready")
        while not self._stop.requested:
            self._busy = False
            if (command := self._queue.get()) is None:
                return None
            self._busy = True
            self._train(function, **command)
        return None

    def _train(
        self, function: training_function.TrainingFunction, recipe: Any, steps: int, seed: int, marker: str
    ) -> None:
        for stream in (1, 2):  # restored, whatever the last trial did with them
            os.dup2(self.output, stream)
        trial = Trial(Recipe.from_json(recipe), steps, seed, reporter=self)
        begin = time.perf_counter()
        result = training_function.call_function(function, trial)
        seconds = time.perf_counter() - begin
        _flush_streams()
        _write_all(self.output, marker.encode())
        self._send("done", result.final and result.final.to_json(), result.failure, seconds)
        if not self._stop.requested:
            self._stop.reset()

    def report(self, loss: Any, *, step: Any, metric: Any, test_loss: Any) -> None:
        """Send a report to the parent."""
        self._send("report", Report.of(loss, step=step, metric=metric, test_loss=test_loss).to_json())

    def should_stop(self) -> bool:
        """Return whether the parent has asked this process to end."""
        return self._stop()

    def _send(self, *message: Any) -> None:
        _write_all(self.messages, json.dumps(message).encode() + b"\n")


def _redirect_streams() -> tuple[int, int, int]:
    """Return copies of the standard streams; then make standard input empty, and standard output the same as error."""
    commands, messages, output = (os.dup(stream) for stream in (0, 1, 2))
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    os.dup2(output, 1)
    return commands, messages, output


def _flush_streams() -> None:
    """Flush the buffers of Python's and C's standard streams."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    with suppress(Exception):
        ctypes.CDLL(None).fflush(None)


def _write_all(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]


def _kill_process_group() -> None:
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)
