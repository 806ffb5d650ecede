"""The main program of a worker process of the FunctionTrainer, which trains the trials that its parent sends.

Standard input receives lines of JSON: a reference to the function, then one trial on each line. Standard output sends
lines of JSON: ``["ready"]`` or ``["cannot", reason]``, then ``["report", ...]`` and ``["done", ...]``. Both streams are
hidden from the function: its input is empty, and what it prints to standard output or error goes to standard error.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

from surefoot.core.errors import SurefootError
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.user_code_errors import locate_error
from surefoot.trainers import training_function
from surefoot.trainers.script_trial import StopSignal
from surefoot.trainers.trial import Trial
from surefoot.trainers.trial_reports import Report

# Environment variable that is set while a worker loads the user's file.
LOADING_VARIABLE = "SUREFOOT_LOADING"


def main() -> None:
    """Run as a worker until the parent closes the input or ends."""
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
