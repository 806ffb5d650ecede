"""The FunctionTrainer: runs trials of any training function, in this process or in worker processes."""

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
from surefoot.core.files import make_writable_folder
from surefoot.core.progress import Interrupted, Progress, SilentProgress, StopCondition, never_stop
from surefoot.core.value_types import Json
from surefoot.tasks.seeding import preserved_generators
from surefoot.trainers.child_process import child_environment, end_processes
from surefoot.trainers.function_worker import LOADING_VARIABLE, FunctionWorker, outcome_of_call
from surefoot.trainers.training_function import (
    TrainingFunction,
    call_function,
    code_hash,
    function_file,
    function_name,
    function_reference,
    require_training_function,
)
from surefoot.trainers.trial import Outcome, Trial
from surefoot.trainers.trial_reports_and_output import (
    RedirectedText,
    Report,
    TrialOutput,
    outcome_of_failure,
    output_for,
)

# Maximum seconds between two checks of the stop condition and of timeouts; chosen.
POLL_SECONDS = 0.1
# Seconds between SIGTERM and SIGKILL; chosen: enough to write a checkpoint of a small model.
GRACE_SECONDS = 3.0


@dataclass(slots=True, eq=False, weakref_slot=True)
class FunctionTrainer:
    """Runs trials by calling a function; see :class:`surefoot.trainers.trial.Trainer`.

    The global random generators are seeded before each call, so that a trial can be repeated exactly even if the
    function does not use ``trial.seed``. An error in a call gives an outcome with a ``failure``.

    Without workers, the function runs in this process, one trial after another. It can then be stopped, and end at the
    timeout, only where it checks ``trial.should_stop``. Worker processes are started at the first trial and kept from
    one call of :meth:`train` to the next. They end with :meth:`close`, with an interruption and with this process, and
    are replaced when one dies or has to be ended.

    Args:
        function: Function of a trial that returns the validation loss, or a mapping with ``loss`` and optionally
            ``metric`` and ``test_loss``. With workers, it must be defined at the top level of a file.
        steps: Length of a full training in optimizer steps.
        name: Name of what is trained, for messages and reports; the function's name by default.
        workers: Number of worker processes; 0 trains in this process.
        timeout: Seconds after which a trial fails; ``None`` for no limit.
        output: Folder for what the function prints, one file for each trial; by default it is discarded.
        grace: Seconds between SIGTERM and SIGKILL when a worker has to end.
        has_metric: Whether the function returns a metric; ``None`` until a trial has ended.

    Attributes:
        progress: Receives the steps of every trial that has ended.
        stop: Called several times a second; when it returns true, training is interrupted.
        exact: Whether outcomes are equal bit for bit whichever trials train together: they are.

    Raises:
        TaskError: If the function cannot be called with a trial, or a number is out of range; in :meth:`train`, if
            worker processes cannot load the function.
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
    progress: Progress = field(default_factory=SilentProgress, kw_only=True)
    stop: StopCondition = field(default=never_stop, kw_only=True)
    exact: bool = field(default=True, init=False)
    _pool: list[FunctionWorker] = field(default_factory=list, init=False)
    _wake_up: threading.Event = field(default_factory=threading.Event, init=False)

    def __post_init__(self) -> None:
        require_training_function(self.function)
        require_whole_number("steps", self.steps, minimum=1)
        require_whole_number("workers", self.workers, minimum=0)
        require_timeout(self.timeout)
        self.name = self.name or function_name(self.function)
        if self.output is not None:
            make_writable_folder(self.output)
        weakref.finalize(self, _end_workers, self._pool, 0.0)

    @property
    def capacity(self) -> int:
        """Number of trials that train at once."""
        return max(1, self.workers)

    def describe(self) -> dict[str, Json]:
        """Return what must be unchanged for a study of this function to continue."""
        return {
            "kind": "function",
            "function": function_name(self.function),
            "steps": self.steps,
            "code": code_hash(function_file(self.function)),
        }

    def train(self, trials: Sequence[Trial]) -> Iterator[tuple[Trial, Outcome]]:
        """Yield each trial with its outcome as soon as it ends.

        Raises:
            Interrupted: If ``stop`` returns true, or at Ctrl-C.
            TaskError: If worker processes cannot load the function.
        """
        unique = [*dict.fromkeys(trials)]
        for trial, outcome in self._train_in_workers(unique) if self.workers else self._train_in_process(unique):
            if outcome.ok:
                self.has_metric = bool(self.has_metric) or outcome.metric is not None
            self.progress.advance(trial.steps)
            yield trial, outcome

    def close(self) -> None:
        """End all worker processes."""
        _end_workers(self._pool, self.grace)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _train_in_process(self, trials: Sequence[Trial]) -> Iterator[tuple[Trial, Outcome]]:
        for trial in trials:
            if self.stop():
                raise Interrupted
            reporter = InProcessReporter(self.stop, self.timeout)
            begin = time.perf_counter()
            try:
                with (
                    preserved_generators(),
                    _folder_on_path(self.function),
                    _redirect_output(output_for(trial, self.output)),
                ):
                    result = call_function(self.function, replace(trial, reporter=reporter))
            except KeyboardInterrupt:
                raise Interrupted from None
            if reporter.stopped:
                raise Interrupted  # what it returned is not the outcome of a complete training
            seconds = time.perf_counter() - begin
            if self.timeout is not None and seconds > self.timeout:
                why = f"{self.name}: the training took longer than the timeout of {self.timeout:g} s."
                yield trial, outcome_of_failure(reporter.reports, why, seconds=seconds)
            else:
                yield trial, outcome_of_call(result, reporter.reports, name=self.name, seconds=seconds)

    def _train_in_workers(self, trials: Sequence[Trial]) -> Iterator[tuple[Trial, Outcome]]:
        waiting = deque(trials)
        try:
            while waiting or any(worker.trial for worker in self._pool):
                if self.stop():
                    raise Interrupted
                self._assign_trials(waiting)
                self._wake_up.wait(POLL_SECONDS)
                self._wake_up.clear()
                for worker in [*self._pool]:
                    trial, outcome = worker.trial, worker.poll(grace=self.grace)
                    if worker.process.ended and worker.trial is None:
                        self._pool.remove(worker)
                        _end_workers([worker], self.grace)
                    if trial is not None and outcome is not None:
                        yield trial, outcome
        except KeyboardInterrupt:
            raise Interrupted from None
        finally:
            if waiting or any(
                worker.trial for worker in self._pool
            ):  # interrupted, or the caller has stopped iterating
                self.close()

    def _assign_trials(self, waiting: deque[Trial]) -> None:
        """Start missing workers, and give a trial to each worker that has none."""
        if len(self._pool) < self.workers and waiting and os.environ.get(LOADING_VARIABLE):
            raise TaskError(
                "the file starts training as soon as it is loaded, also when its worker processes load it.",
                hint="put the code that starts the search under `if __name__ == '__main__':`.",
            )
        busy = sum(worker.trial is not None for worker in self._pool)
        while len(self._pool) < min(self.workers, busy + len(waiting)):
            reference, environment = function_reference(self.function), child_environment(self.workers)
            self._pool.append(FunctionWorker(reference, name=self.name, environment=environment, wake_up=self._wake_up))
        for worker in self._pool:
            if waiting and worker.ready and worker.trial is None:
                worker.start_trial(waiting.popleft(), timeout=self.timeout, output=self.output)


@dataclass(slots=True)
class InProcessReporter:
    """Records the reports of a training function that runs in this process.

    Attributes:
        stop: Called when the function checks ``should_stop``.
        timeout: Seconds until the function should stop; ``None`` for no limit.
        reports: All reports so far.
        stopped: Whether ``stop`` has returned true.
    """

    stop: StopCondition
    timeout: float | None
    reports: list[Report] = field(default_factory=list)
    stopped: bool = False
    _started_at: float = field(default_factory=time.perf_counter)

    def report(self, loss: Any, *, step: Any, metric: Any, test_loss: Any) -> None:
        """Record a validation loss."""
        self.reports.append(Report.of(loss, step=step, metric=metric, test_loss=test_loss))

    def should_stop(self) -> bool:
        """Return whether the training should end early."""
        self.stopped = self.stopped or self.stop()
        return self.stopped or (self.timeout is not None and time.perf_counter() - self._started_at > self.timeout)


def require_whole_number(name: str, value: Any, *, minimum: int) -> None:
    """Check that a setting is a whole number of at least ``minimum``.

    Raises:
        TaskError: If it is not.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
        raise TaskError(f"{name} must be a whole number of at least {minimum}; given {value!r}.")


def require_timeout(value: float | None) -> None:
    """Check that a timeout is ``None`` or a number of seconds above 0.

    Raises:
        TaskError: If it is not.
    """
    if value is not None and not (isinstance(value, (int, float)) and 0 < value < math.inf):
        raise TaskError(f"a timeout must be a number of seconds above 0; given {value!r}.")


def _end_workers(workers: list[FunctionWorker], grace: float) -> None:
    """End all workers in a list, and empty the list."""
    ended, workers[:] = [*workers], []
    if ended:
        end_processes([worker.process for worker in ended], grace=grace)
    for worker in ended:
        worker.close()


@contextmanager
def _redirect_output(output: TrialOutput) -> Iterator[None]:
    """Redirect what is printed to Python's standard streams to the output of a trial."""
    try:
        with (
            redirect_stdout(cast("Any", RedirectedText(output, sys.stdout))),
            redirect_stderr(cast("Any", RedirectedText(output, sys.stderr))),
        ):
            yield
    finally:
        output.close()


@contextmanager
def _folder_on_path(function: Callable[..., Any]) -> Iterator[None]:
    """Put the folder of a function's file on ``sys.path``, so that it can import its neighbours while it runs."""
    path = function_file(function)
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
