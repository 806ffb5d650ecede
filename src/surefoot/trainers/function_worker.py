"""A worker process of the FunctionTrainer, as its parent sees it."""

from __future__ import annotations

import json
import math
import secrets
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

from surefoot.core.errors import TaskError
from surefoot.core.values import Json
from surefoot.trainers.child_process import ChildProcess, cause, end_all
from surefoot.trainers.training_function import LAST_LINE, Ending
from surefoot.trainers.trial import Outcome, Trial
from surefoot.trainers.trial_output import OutputPump, TrialOutput, output_of
from surefoot.trainers.trial_reports import Report, failure_of, outcome_of

READ_SECONDS = 5.0
# The worker finds modules where its parent does.
PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from surefoot.trainers.worker_main import main; main()"
)


class FunctionWorker:
    """One worker process: it loads the function once, and then trains one trial after another.

    Args:
        reference: Where it finds the function.
        name: What the function is called.
        environment: Its environment variables.
        news: Set whenever something has happened.
    """

    def __init__(
        self, reference: dict[str, Json], *, name: str, environment: dict[str, str], news: threading.Event
    ) -> None:
        self.trial: Trial | None = None
        self.ready = False
        self.gone = False
        self._name, self._news = name, news
        self._messages: deque[list[Any]] = deque()
        self._reports: list[Report] = []
        self._output = TrialOutput(None)
        self._begin = self._deadline = math.inf
        self._timeout: float | None = None
        self.process = ChildProcess(
            [sys.executable, "-c", PROGRAM, json.dumps(sys.path)], environment=environment, takes_input=True
        )
        self._pump = OutputPump(self.process.stderr)
        self._reader = threading.Thread(target=self._read, daemon=True, name="surefoot-messages")
        self._reader.start()
        self._send(reference)

    def begin(self, trial: Trial, *, timeout: float | None, output: Path | None) -> None:
        """Have it train a trial.

        Args:
            trial: The trial.
            timeout: Seconds after which it has failed.
            output: Folder for what is printed.
        """
        self.trial, self._timeout, self._reports = trial, timeout, []
        self._begin = time.monotonic()
        self._deadline = math.inf if timeout is None else self._begin + timeout
        self._output = output_of(trial, output)
        marker = f"\0{secrets.token_hex(16)}\0"
        self._pump.begin(self._output, marker.encode())
        self._send({"recipe": trial.recipe.to_json(), "steps": trial.steps, "seed": trial.seed, "marker": marker})

    def poll(self, *, grace: float) -> Outcome | None:
        """Return what came of its trial, if it has ended; end it where its time is over.

        Args:
            grace: Seconds between asking it to end and killing it.

        Raises:
            TaskError: If the process could not load the function.
        """
        if outcome := self._take_messages():
            return outcome
        if self.process.ended:
            return self._bury()
        if time.monotonic() > self._deadline:
            end_all([self.process], grace=grace)
            self._clear_up()
            return self._failure(f"it took longer than the timeout of {self._timeout:g} s and was ended.")
        return None

    def _bury(self) -> Outcome | None:
        """Return what came of the trial of a process that has ended by itself."""
        end_all([self.process], grace=0.0)
        self._clear_up()
        if outcome := self._take_messages():  # its last words
            return outcome
        how = cause(self.process.returncode)
        if not self.ready:
            said = f": {self._pump.last_line.rstrip('.')}" if self._pump.last_line else ""
            raise TaskError(f"{self._name}: a worker process {how} before it had loaded it{said}.")
        return None if self.trial is None else self._failure(f"its process {how}.")

    def _take_messages(self) -> Outcome | None:
        while self._messages:
            kind, *content = self._messages.popleft()
            if kind == "ready":
                self.ready = True
            elif kind == "cannot":
                self.trial = None
                raise TaskError(f"{self._name}: a worker process cannot load it: {content[0]}")
            elif kind == "report":
                self._reports.append(Report(*content[0]))
            elif kind == "done" and self.trial is not None:
                final, failure, seconds = content
                return self._ended(Ending(final and Report(*final), failure), seconds)
        return None

    def _ended(self, ending: Ending, seconds: float) -> Outcome:
        self._pump.wait(READ_SECONDS)
        self._let_go()
        return outcome_of_call(ending, self._reports, name=self._name, seconds=seconds)

    def _failure(self, why: str) -> Outcome:
        self._let_go()
        return failure_of(self._reports, f"{self._name}: {why}", seconds=time.monotonic() - self._begin)

    def _let_go(self) -> None:
        self._output.close()
        self.trial, self._deadline = None, math.inf

    def close(self) -> None:
        """Let go of everything, once the process has ended."""
        self._clear_up()
        self._let_go()

    def _clear_up(self) -> None:
        """Wait for what was printed and said before the process ended."""
        if not self.gone:
            self.gone = True
            for thread in (self._reader, self._pump):
                thread.join(READ_SECONDS)
            if not (self._reader.is_alive() or self._pump.is_alive()):  # somebody may hold the other end
                self.process.close()

    def _read(self) -> None:
        with suppress(OSError, ValueError), open(self.process.stdout.fileno(), "rb", closefd=False) as lines:
            for line in lines:
                if line.endswith(b"\n"):  # the last may be torn
                    self._messages.append(json.loads(line))
                    self._news.set()
        self._news.set()

    def _send(self, order: Any) -> None:
        data = json.dumps(order).encode() + b"\n"
        with suppress(OSError):  # it has ended, which is seen elsewhere
            while data:
                data = data[self.process.stdin.write(data) :]


def outcome_of_call(ending: Ending, reports: list[Report], *, name: str, seconds: float) -> Outcome:
    """Return the outcome of a training function's call.

    Args:
        ending: How it ended.
        reports: What it reported before.
        name: What it is called.
        seconds: How long it took.
    """
    final = ending.final or next((report for report in reversed(reports) if report.step is None), None)
    if ending.failure is not None:
        return failure_of(reports, ending.failure, seconds=seconds)
    if final is None:
        return failure_of(reports, f"{name} returned None. Hint: {LAST_LINE}", seconds=seconds)
    return outcome_of(reports, final, seconds=seconds)
