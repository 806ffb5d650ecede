"""The ScriptTrainer: runs each trial in a process of any script that calls ``surefoot.trial()``."""

from __future__ import annotations

import shlex
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from surefoot.core.errors import TaskError
from surefoot.core.files import make_writable_folder
from surefoot.core.progress import Interrupted, Progress, SilentProgress, never_stop
from surefoot.core.value_types import Json
from surefoot.trainers.child_process import ChildProcess, child_environment, describe_exit, end_processes
from surefoot.trainers.function_trainer import GRACE_SECONDS, POLL_SECONDS, require_timeout, require_whole_number
from surefoot.trainers.training_function import code_hash
from surefoot.trainers.trial import Outcome, Trial
from surefoot.trainers.trial_in_script import TRIAL_VARIABLE, ScriptMessages, TrialFile
from surefoot.trainers.trial_reports_and_output import (
    OUTPUT_TIMEOUT_SECONDS,
    OutputReader,
    TrialOutput,
    outcome_of,
    outcome_of_failure,
    output_for,
)

# Hint for scripts that do not call surefoot.
SCRIPT_REQUIREMENTS = (
    "it needs `trial = surefoot.trial(steps=...)`, `optimizer, scheduler = trial.recipe.build(model)` "
    "and, at its end, `trial.report(valid_loss)`"
)


class ScriptTrainer:
    """Runs each trial by a command; see :class:`surefoot.trainers.trial.Trainer`.

    The script calls :func:`surefoot.trial` to get its trial and ``trial.report(loss)`` to report its loss. A process
    that has to stop is ended with all its children. An error in the script gives an outcome with a ``failure``.

    Args:
        command: Program and arguments, such as ``["python", "train.py", "--epochs", "3"]``.
        steps: Length of a full training in optimizer steps; by default the script states it: see :attr:`steps`.
        name: Name of what is trained, for messages and reports; the script's name by default.
        workers: Number of processes at once.
        timeout: Seconds after which a trial fails; ``None`` for no limit.
        output: Folder for what the script prints, one file for each trial; by default it is discarded.
        folder: Working directory of the script; the current one by default.
        grace: Seconds between SIGTERM and SIGKILL when a process has to end.

    Attributes:
        name: Name of what is trained.
        has_metric: Whether the script reports a metric; ``None`` until a trial has ended.
        progress: Receives the steps of every trial that has ended, and messages.
        stop: Called several times a second; when it returns true, training is interrupted.
        exact: Whether outcomes are equal bit for bit whichever trials train together: they are.

    Raises:
        TaskError: If there is no command, or a number is out of range.
        OutputError: If the folder for the output cannot be written.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        steps: int | None = None,
        name: str | None = None,
        workers: int = 1,
        timeout: float | None = None,
        output: Path | None = None,
        folder: Path | None = None,
        grace: float = GRACE_SECONDS,
    ) -> None:
        if isinstance(command, str) or not command:
            raise TaskError(
                f"a command must be a list of words; given {command!r}.", hint='write ["python", "train.py"].'
            )
        if steps is not None:
            require_whole_number("steps", steps, minimum=1)
        require_whole_number("workers", workers, minimum=1)
        require_timeout(timeout)
        if output is not None:
            make_writable_folder(output)
        self.command, self.folder = tuple(command), folder
        self.workers, self.timeout, self.output, self.grace = workers, timeout, output, grace
        script = self._script()
        self.name = name or (script.stem if script is not None else Path(command[0]).name)
        self.progress: Progress = SilentProgress()
        self.stop = never_stop
        self.exact = True
        self.has_metric: bool | None = None
        self._steps = steps
        self._reported_lengths: set[int] = set()
        self._wake_up = threading.Event()

    @property
    def steps(self) -> int:
        """Length of a full training in optimizer steps.

        Where it was not given, the first access runs the script up to its call of ``surefoot.trial(steps=...)``.

        Raises:
            TaskError: If the script does not state it, or cannot be run.
            Interrupted: If ``stop`` returns true meanwhile.
        """
        if self._steps is None:
            self._steps = self._steps_of_script()
        return self._steps

    @property
    def capacity(self) -> int:
        """Number of trials that train at once."""
        return self.workers

    def describe(self) -> dict[str, Json]:
        """Return what must be unchanged for a study of this script to continue."""
        return {
            "kind": "script",
            "command": [*self.command],
            "steps": self.steps,
            "code": code_hash(self._script()),
        }

    def train(self, trials: Sequence[Trial]) -> Iterator[tuple[Trial, Outcome]]:
        """Yield each trial with its outcome as soon as it ends.

        Raises:
            Interrupted: If ``stop`` returns true, or at Ctrl-C.
            TaskError: If the command cannot be run.
        """
        waiting = deque(dict.fromkeys(trials))
        running: list[ScriptRun] = []
        with tempfile.TemporaryDirectory(prefix="surefoot-", ignore_cleanup_errors=True) as folder:
            try:
                while waiting or running:
                    if self.stop():
                        raise Interrupted
                    while waiting and len(running) < self.workers:
                        running.append(self._start(waiting.popleft(), Path(folder)))
                    self._wake_up.wait(POLL_SECONDS)
                    self._wake_up.clear()
                    for run in [run for run in running if run.ended or run.overdue]:
                        outcome = run.outcome(grace=self.grace, name=self.name)
                        running.remove(run)
                        self._report_other_length(run)
                        if outcome.ok:
                            self.has_metric = bool(self.has_metric) or outcome.metric is not None
                        self.progress.advance(run.trial.steps)
                        yield run.trial, outcome
            except KeyboardInterrupt:
                raise Interrupted from None
            finally:
                _end_runs(running, self.grace)

    def _start(self, trial: Trial, folder: Path) -> ScriptRun:
        """Start the script for a trial, with a new folder for its files."""
        trial_folder = Path(tempfile.mkdtemp(dir=folder))
        file = TrialFile(trial, trial_folder / "answers.jsonl")
        process = self._run(file, trial_folder / "trial.json")
        output = output_for(trial, self.output)
        return ScriptRun(trial, process, output=output, path=file.messages, timeout=self.timeout, wake_up=self._wake_up)

    def _run(self, file: TrialFile, path: Path) -> ChildProcess:
        file.write(path)
        environment: Mapping[str, str] = child_environment(self.workers) | {TRIAL_VARIABLE: str(path)}
        try:
            return ChildProcess(self.command, environment=environment, folder=self.folder)
        except OSError as error:
            raise TaskError(
                f"cannot run {shlex.join(self.command)}: {error.strerror or error}.",
                hint="write the command as in a terminal: python train.py --epochs 3.",
            ) from None

    def _steps_of_script(self) -> int:
        """Run the script up to its call of ``surefoot.trial(steps=...)``; return the steps."""
        with tempfile.TemporaryDirectory(prefix="surefoot-", ignore_cleanup_errors=True) as folder:
            path = Path(folder) / "answers.jsonl"
            process = self._run(TrialFile(None, path), Path(folder) / "trial.json")
            readers = [OutputReader(pipe, ended=self._wake_up.set) for pipe in (process.stdout, process.stderr)]
            start = time.monotonic()
            try:
                while not process.ended and not ScriptMessages.read(path).asked_for_trial:
                    if self.stop():
                        raise Interrupted
                    if self.timeout is not None and time.monotonic() - start > self.timeout:
                        break
                    self._wake_up.wait(POLL_SECONDS)
                    self._wake_up.clear()
            except KeyboardInterrupt:
                raise Interrupted from None
            finally:
                ended = process.ended
                _end_processes([process], readers, self.grace)
            messages = ScriptMessages.read(path)
        if messages.steps is not None:
            return messages.steps
        if messages.asked_for_trial:
            why, hint = "the script calls surefoot.trial() without steps", "write surefoot.trial(steps=...)"
        elif not ended:
            why, hint = f"the script did not call surefoot.trial() within {self.timeout:g} s", SCRIPT_REQUIREMENTS
        elif process.returncode:
            why, hint = _crash(process, readers[1]), "run the script by itself for the full traceback"
        else:
            why, hint = "the script never called surefoot.trial()", SCRIPT_REQUIREMENTS
        raise TaskError(f"{self.name}: {why}.", hint=f"{hint}.")

    def _report_other_length(self, run: ScriptRun) -> None:
        """Report that the script states another length than the study's, once for each length."""
        stated = run.messages.steps
        if stated is not None and self._steps is not None and stated not in {self._steps, *self._reported_lengths}:
            self._reported_lengths.add(stated)
            self.progress.message(
                f"{self.name} states that its full training takes {stated} steps; this study takes {self._steps}."
            )

    def _script(self) -> Path | None:
        """Return the Python file that the command runs, if it names one."""
        here = self.folder or Path()
        return next((here / word for word in self.command if word.endswith(".py") and (here / word).is_file()), None)


class ScriptRun:
    """One process of the script.

    Args:
        trial: The trial.
        process: The process.
        output: The output of the trial.
        path: File of the script's messages.
        timeout: Seconds after which the trial fails; ``None`` for no limit.
        wake_up: Event that is set when its output ends.

    Attributes:
        messages: Messages of the script; complete once :meth:`outcome` was called.
    """

    def __init__(
        self,
        trial: Trial,
        process: ChildProcess,
        *,
        output: TrialOutput,
        path: Path,
        timeout: float | None,
        wake_up: threading.Event,
    ) -> None:
        self.trial, self.process, self.messages = trial, process, ScriptMessages()
        self._output, self._path, self._timeout = output, path, timeout
        self._started_at = time.monotonic()
        self.readers = [OutputReader(pipe, ended=wake_up.set) for pipe in (process.stdout, process.stderr)]
        for reader in self.readers:
            reader.start_trial(output)

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self.process.ended

    @property
    def overdue(self) -> bool:
        """Whether it has run longer than the timeout."""
        return self._timeout is not None and time.monotonic() - self._started_at > self._timeout

    def outcome(self, *, grace: float, name: str) -> Outcome:
        """End the process and its children where they still run, and return the outcome of the trial."""
        ended, seconds = self.ended, time.monotonic() - self._started_at
        self.end(grace)
        self.messages = ScriptMessages.read(self._path)
        why = self._why_no_loss(ended=ended)
        if why is None and self.messages.final is not None:
            return outcome_of(self.messages.reports, self.messages.final, seconds=seconds)
        return outcome_of_failure(self.messages.reports, f"{name}: {why}.", seconds=seconds)

    def end(self, grace: float) -> None:
        """End the process with all its children, and complete its output."""
        _end_processes([self.process], self.readers, grace)
        self._output.close()

    def _why_no_loss(self, *, ended: bool) -> str | None:
        """Return why there is no loss, or ``None`` where there is one."""
        if not ended:
            return f"the script took longer than the timeout of {self._timeout:g} s and was ended"
        if self.process.returncode:
            return _crash(self.process, self.readers[1])
        if not self.messages.asked_for_trial:
            return "the script never called surefoot.trial()"
        if self.messages.final is None:
            return "the script called surefoot.trial() and reported no loss: trial.report(valid_loss) was not called"
        return None


def _crash(process: ChildProcess, errors: OutputReader) -> str:
    last_line = f": {errors.last_line.rstrip('.')}" if errors.last_line else ""
    return f"the script {describe_exit(process.returncode)}{last_line}"


def _end_runs(runs: Sequence[ScriptRun], grace: float) -> None:
    """End several runs at once."""
    if runs:
        end_processes([run.process for run in runs], grace=grace)
    for run in runs:
        run.end(0.0)


def _end_processes(processes: Sequence[ChildProcess], readers: Sequence[OutputReader], grace: float) -> None:
    """End processes with all their children, and read the rest of their output."""
    end_processes(processes, grace=grace)
    for reader in readers:
        reader.join(OUTPUT_TIMEOUT_SECONDS)
    if not any(reader.is_alive() for reader in readers):  # a process that escaped may hold the other end
        for process in processes:
            process.close()
