"""The FunctionTrainer's side of a worker process: start it, send it trials, and receive their outcomes.

The other side is :mod:`surefoot.trainers.worker_main`.
"""

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
from surefoot.trainers.child_process import ChildProcess, describe_exit, end_processes
from surefoot.trainers.training_function import RETURN_HINT, CallResult
from surefoot.trainers.trial import Outcome, Trial
from surefoot.trainers.trial_output import OUTPUT_TIMEOUT_SECONDS, OutputReader, TrialOutput, output_for
from surefoot.trainers.trial_reports import Report, outcome_of, outcome_of_failure

# Program of a worker: it uses the parent's ``sys.path``.
WORKER_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from surefoot.trainers.worker_main import main; main()"
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
