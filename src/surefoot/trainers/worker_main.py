"""What a worker process of the FunctionTrainer does: trials, one after another, as its parent sends them.

Its standard input brings lines of JSON: where the function is found, then one trial a line. Its standard output takes
lines of JSON back: ``["ready"]`` or ``["cannot", why]``, then ``["report", ...]`` and ``["done", ...]``. Both are moved
out of the way of the function, for which input is empty, and output and errors alike go to the standard error.
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
from surefoot.tasks.user_code_errors import blame
from surefoot.trainers import training_function
from surefoot.trainers.script_trial import StopSignal
from surefoot.trainers.trial import Trial
from surefoot.trainers.trial_reports import Report

LOADING_VARIABLE = "SUREFOOT_LOADING"


def main() -> None:
    """Be a worker until the parent closes the input, or has gone."""
    worker = WorkerProcess(*_take_over_streams())
    threading.Thread(target=worker.listen, daemon=True).start()
    worker.run()


@dataclass(slots=True)
class WorkerProcess:
    """The worker, seen from within.

    Attributes:
        commands: Where orders come from, as a file descriptor.
        messages: Where answers go.
        output: Where goes what the function prints.
    """

    commands: int
    messages: int
    output: int
    _orders: SimpleQueue[Any] = field(default_factory=SimpleQueue)
    _busy: bool = True
    _stop: StopSignal = field(default_factory=StopSignal)

    def listen(self) -> None:
        """Take orders, in a thread of its own; a parent that has gone takes a busy worker along."""
        with os.fdopen(self.commands) as lines:
            for line in lines:
                self._orders.put(json.loads(line))
        if self._busy:
            _end_at_once()
        self._orders.put(None)

    def run(self) -> None:
        """Load the function and call it for every trial."""
        order = self._orders.get()
        os.environ[LOADING_VARIABLE] = "1"
        try:
            function = training_function.function_from(order)
        except SurefootError as error:
            return self._say("cannot", str(error))
        except (Exception, SystemExit) as error:
            return self._say("cannot", f"loading it raised {blame(error)}.")
        del os.environ[LOADING_VARIABLE]
        self._say("ready")
        while not self._stop.asked:
            self._busy = False
            if (order := self._orders.get()) is None:
                return None
            self._busy = True
            self._train(function, **order)
        return None

    def _train(
        self, function: training_function.TrainingFunction, recipe: Any, steps: int, seed: int, marker: str
    ) -> None:
        for stream in (1, 2):  # as they were, whatever the last trial did with them
            os.dup2(self.output, stream)
        trial = Trial(Recipe.from_json(recipe), steps, seed, reporter=self)
        begin = time.perf_counter()
        ending = training_function.call_function(function, trial)
        seconds = time.perf_counter() - begin
        _flush()
        _write(self.output, marker.encode())
        self._say("done", ending.final and ending.final.to_json(), ending.failure, seconds)
        if not self._stop.asked:
            self._stop.reset()

    def report(self, loss: Any, *, step: Any, metric: Any, test_loss: Any) -> None:
        """Pass a report on to the parent."""
        self._say("report", Report.of(loss, step=step, metric=metric, test_loss=test_loss).to_json())

    def should_stop(self) -> bool:
        """Tell whether the parent asked this process to end."""
        return self._stop()

    def _say(self, *message: Any) -> None:
        _write(self.messages, json.dumps(message).encode() + b"\n")


def _take_over_streams() -> tuple[int, int, int]:
    """Return copies of the three standard streams; leave nothing to read, and one stream for all that is printed."""
    commands, messages, output = (os.dup(stream) for stream in (0, 1, 2))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(output, 1)
    return commands, messages, output


def _flush() -> None:
    """Bring out what was printed and still lies in a buffer, of Python or of C."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    with suppress(Exception):
        ctypes.CDLL(None).fflush(None)


def _write(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]


def _end_at_once() -> None:
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)
