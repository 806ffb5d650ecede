"""The FunctionTrainer: trials of any training function, in this process or in worker processes."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self, cast

from surefoot.core.errors import TaskError
from surefoot.core.files import writable_folder
from surefoot.core.progress import Interrupted, Progress, Silent, Stop, never
from surefoot.core.values import Json
from surefoot.tasks.seeding import borrowed_generators
from surefoot.trainers.child_process import child_environment, end_all
from surefoot.trainers.function_worker import FunctionWorker, outcome_of_call
from surefoot.trainers.training_function import (
    TrainingFunction,
    call_function,
    code_hash,
    file_of,
    function_reference,
    name_of,
    require_training_function,
)
from surefoot.trainers.trial import Outcome, Trial
from surefoot.trainers.trial_output import RedirectedText, TrialOutput, output_of
from surefoot.trainers.trial_reports import Report, failure_of
from surefoot.trainers.worker_main import LOADING_VARIABLE

POLL_SECONDS, GRACE_SECONDS = 0.1, 3.0


@dataclass(slots=True, eq=False, weakref_slot=True)
class FunctionTrainer:
    """Trains trials by calling a function; see :class:`surefoot.trainers.Trainer`.

    The global random generators are seeded before each call, so that the same trial gives the same outcome also where
    the function does not use ``trial.seed``. Whatever goes wrong in a call is an outcome with a ``failure``.

    Without workers, the function runs in this process, one trial after another; it can then be stopped, or run out of
    time, only where it asks ``trial.should_stop``. Worker processes are started at the first trial, kept from one
    :meth:`train` to the next, ended by :meth:`close`, by any interruption and with this process, and replaced where one
    dies or has to be ended.

    Args:
        function: ``function(trial)`` returns the validation loss, or a mapping with ``loss`` and, if wished, ``metric``
            and ``test_loss``. With workers, it must be defined at the top level of a file.
        steps: Length of a full training, in optimizer steps.
        name: What is trained, for people; the function's name by default.
        workers: Processes to train in; 0 for this process.
        timeout: Seconds after which a trial has failed.
        output: Folder for what the function prints, one file a trial; it is dropped by default.
        grace: Seconds that a worker has to end when it is asked to (SIGTERM), before it is killed.
        has_metric: Whether the function gives a metric; ``None`` until a trial has ended.

    Attributes:
        progress: Receives how far it is.
        stop: Asked several times a second.

    Raises:
        TaskError: If the function cannot be called with a trial or a number is out of its range, or, in
            :meth:`train`, if worker processes cannot load the function.
        OutputError: If the folder cannot be written.

    Example:
        >>> trainer = FunctionTrainer(lambda trial: 1.0 / trial.steps, steps=100, name="reciprocal")
        >>> from surefoot.recipe.recipe import Recipe
        >>> [(trial, outcome)] = trainer.train([Trial(Recipe(), steps=50, seed=0)])
        >>> outcome.loss
        0.02
    """

    function: TrainingFunction
    steps: int = field(kw_only=True)
    name: str = field(default="", kw_only=True)
    workers: int = field(default=0, kw_only=True)
    timeout: float | None = field(default=None, kw_only=True)
    output: Path | None = field(default=None, kw_only=True)
    grace: float = field(default=GRACE_SECONDS, kw_only=True)
    has_metric: bool | None = field(default=None, kw_only=True)
    progress: Progress = field(default_factory=Silent, kw_only=True)
    stop: Stop = field(default=never, kw_only=True)
    exact: bool = field(default=True, init=False)
    _pool: list[FunctionWorker] = field(default_factory=list, init=False)
    _news: threading.Event = field(default_factory=threading.Event, init=False)

    def __post_init__(self) -> None:
        require_training_function(self.function)
        require_whole("steps", self.steps, least=1)
        require_whole("workers", self.workers, least=0)
        require_timeout(self.timeout)
        self.name = self.name or name_of(self.function)
        if self.output is not None:
            writable_folder(self.output)
        weakref.finalize(self, _dismiss, self._pool, 0.0)

    @property
    def capacity(self) -> int:
        """Trials that are trained at once."""
        return max(1, self.workers)

    def describe(self) -> dict[str, Json]:
        """Return what a study of this function must find unchanged when it goes on."""
        return {
            "kind": "function",
            "function": name_of(self.function),
            "steps": self.steps,
            "code": code_hash(file_of(self.function)),
        }

    def train(self, trials: Sequence[Trial]) -> Iterator[tuple[Trial, Outcome]]:
        """Yield every trial with its outcome, as they end.

        Raises:
            Interrupted: If asked to stop, or by Ctrl-C.
            TaskError: If worker processes cannot load the function.
        """
        different = [*dict.fromkeys(trials)]
        for trial, outcome in self._train_in_workers(different) if self.workers else self._train_here(different):
            if outcome.ok:
                self.has_metric = bool(self.has_metric) or outcome.metric is not None
            self.progress.advance(trial.steps)
            yield trial, outcome

    def close(self) -> None:
        """End the worker processes."""
        _dismiss(self._pool, self.grace)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _train_here(self, trials: Sequence[Trial]) -> Iterator[tuple[Trial, Outcome]]:
        for trial in trials:
            if self.stop():
                raise Interrupted
            reporter = DirectReporter(self.stop, self.timeout)
            begin = time.perf_counter()
            try:
                with (
                    borrowed_generators(),
                    _importing_siblings(self.function),
                    _printing_to(output_of(trial, self.output)),
                ):
                    ending = call_function(self.function, replace(trial, reporter=reporter))
            except KeyboardInterrupt:
                raise Interrupted from None
            if reporter.stopped:
                raise Interrupted  # what it returned is no outcome of a whole training
            seconds = time.perf_counter() - begin
            if self.timeout is not None and seconds > self.timeout:
                why = f"{self.name}: it took longer than the timeout of {self.timeout:g} s."
                yield trial, failure_of(reporter.reports, why, seconds=seconds)
            else:
                yield trial, outcome_of_call(ending, reporter.reports, name=self.name, seconds=seconds)

    def _train_in_workers(self, trials: Sequence[Trial]) -> Iterator[tuple[Trial, Outcome]]:
        waiting = deque(trials)
        try:
            while waiting or any(worker.trial for worker in self._pool):
                if self.stop():
                    raise Interrupted
                self._hire(waiting)
                self._news.wait(POLL_SECONDS)
                self._news.clear()
                for worker in [*self._pool]:
                    trial, outcome = worker.trial, worker.poll(grace=self.grace)
                    if worker.process.ended and worker.trial is None:
                        self._pool.remove(worker)
                        _dismiss([worker], self.grace)
                    if trial is not None and outcome is not None:
                        yield trial, outcome
        except KeyboardInterrupt:
            raise Interrupted from None
        finally:
            if waiting or any(worker.trial for worker in self._pool):  # it was interrupted, or left by its caller
                self.close()

    def _hire(self, waiting: deque[Trial]) -> None:
        """Start workers that are missing, and give trials to those that wait for one."""
        if len(self._pool) < self.workers and waiting and os.environ.get(LOADING_VARIABLE):
            raise TaskError(
                "the file trains as soon as it is loaded, also by its own worker processes.",
                hint="put what shall run only once under `if __name__ == '__main__':`.",
            )
        busy = sum(worker.trial is not None for worker in self._pool)
        while len(self._pool) < min(self.workers, busy + len(waiting)):
            reference, environment = function_reference(self.function), child_environment(self.workers)
            self._pool.append(FunctionWorker(reference, name=self.name, environment=environment, news=self._news))
        for worker in self._pool:
            if waiting and worker.ready and worker.trial is None:
                worker.begin(waiting.popleft(), timeout=self.timeout, output=self.output)


@dataclass(slots=True)
class DirectReporter:
    """Takes down what a function reports that runs in this process.

    Attributes:
        stop: Asked when the function asks.
        timeout: Seconds that the function has.
        reports: What it reported.
        stopped: Whether the function was told to stop, other than by its timeout.
    """

    stop: Stop
    timeout: float | None
    reports: list[Report] = field(default_factory=list)
    stopped: bool = False
    _begin: float = field(default_factory=time.perf_counter)

    def report(self, loss: Any, *, step: Any, metric: Any, test_loss: Any) -> None:
        """Take note of a validation loss."""
        self.reports.append(Report.of(loss, step=step, metric=metric, test_loss=test_loss))

    def should_stop(self) -> bool:
        """Tell whether the training may end early."""
        self.stopped = self.stopped or self.stop()
        return self.stopped or (self.timeout is not None and time.perf_counter() - self._begin > self.timeout)


def require_whole(name: str, value: Any, *, least: int) -> None:
    """Make sure that a setting is a whole number.

    Raises:
        TaskError: If it is not.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise TaskError(f"{name} must be a whole number of at least {least}; given {value!r}.")


def require_timeout(value: float | None) -> None:
    """Make sure that a timeout is a number of seconds, if there is one.

    Raises:
        TaskError: If it is not.
    """
    if value is not None and not (isinstance(value, (int, float)) and 0 < value < math.inf):
        raise TaskError(f"a timeout must be a number of seconds above 0; given {value!r}.")


def _dismiss(workers: list[FunctionWorker], grace: float) -> None:
    """End some workers, and take them off their list."""
    gone, workers[:] = [*workers], []
    if gone:
        end_all([worker.process for worker in gone], grace=grace)
    for worker in gone:
        worker.close()


@contextmanager
def _printing_to(output: TrialOutput) -> Iterator[None]:
    """Keep away from the terminal what is printed through Python's streams."""
    try:
        with (
            redirect_stdout(cast("Any", RedirectedText(output, sys.stdout))),
            redirect_stderr(cast("Any", RedirectedText(output, sys.stderr))),
        ):
            yield
    finally:
        output.close()


@contextmanager
def _importing_siblings(function: Callable[..., Any]) -> Iterator[None]:
    """Let a function import the files in its own folder also while it runs."""
    path = file_of(function)
    folder = str(path.resolve().parent) if path is not None else None
    if folder is None or folder in sys.path:
        yield
        return
    sys.path.append(folder)
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)
