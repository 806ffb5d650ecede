"""The ScriptTrainer: a process for every trial, running any script that asks ``surefoot.trial()``."""

from __future__ import annotations

import shlex
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from surefoot.core.errors import TaskError
from surefoot.core.files import writable_folder
from surefoot.core.progress import Interrupted, Progress, Silent, never
from surefoot.core.values import Json
from surefoot.trainers.child_process import ChildProcess, cause, child_environment, end_all
from surefoot.trainers.function_trainer import GRACE_SECONDS, POLL_SECONDS, require_timeout, require_whole
from surefoot.trainers.script_trial import TRIAL_VARIABLE, Answers, TrialFile
from surefoot.trainers.training_function import code_hash
from surefoot.trainers.trial import Outcome, Trial
from surefoot.trainers.trial_output import OutputPump, TrialOutput, output_of
from surefoot.trainers.trial_reports import failure_of, outcome_of

READ_SECONDS = 5.0
LINES = (
    "it needs `trial = surefoot.trial(steps=...)`, `optimizer, scheduler = trial.recipe.build(model)` "
    "and, at its end, `trial.report(valid_loss)`"
)


class ScriptTrainer:
    """Trains each trial by running a command; see :class:`surefoot.trainers.Trainer`.

    The script calls :func:`surefoot.trial` to learn its trial and ``trial.report(loss)`` to say what came of it. Each
    process is ended with all its children when it has to stop. Whatever goes wrong in it is an outcome with a
    ``failure``.

    Args:
        command: Program and arguments, as ``["python", "train.py", "--epochs", "3"]``.
        steps: Length of a full training, in optimizer steps; by default the script says it: see :attr:`steps`.
        name: What is trained, for people; the script's name by default.
        workers: Processes at once.
        timeout: Seconds after which a trial has failed.
        output: Folder for what the script prints, one file a trial; it is dropped by default.
        folder: The script's working directory; the current one by default.
        grace: Seconds that a process has to end when it is asked to (SIGTERM), before it is killed.

    Attributes:
        name: What is trained.
        has_metric: Whether the script reports a metric; ``None`` until a trial has ended.
        progress: Receives how far it is.
        stop: Asked several times a second.

    Raises:
        TaskError: If there is no command, or a number is out of its range.
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
            raise TaskError(f"a command is a list of its words; given {command!r}.", hint='as ["python", "train.py"].')
        if steps is not None:
            require_whole("steps", steps, least=1)
        require_whole("workers", workers, least=1)
        require_timeout(timeout)
        if output is not None:
            writable_folder(output)
        self.command, self.folder = tuple(command), folder
        self.workers, self.timeout, self.output, self.grace = workers, timeout, output, grace
        script = self._script()
        self.name = name or (script.stem if script is not None else Path(command[0]).name)
        self.progress: Progress = Silent()
        self.stop = never
        self.exact = True
        self.has_metric: bool | None = None
        self._steps = steps
        self._noted: set[int] = set()
        self._news = threading.Event()

    @property
    def steps(self) -> int:
        """Length of a full training, in optimizer steps.

        Where it was not given, the first question for it runs the script up to its call of
        ``surefoot.trial(steps=...)``.

        Raises:
            TaskError: If the script does not say it, or cannot be run.
            Interrupted: If asked to stop meanwhile.
        """
        if self._steps is None:
            self._steps = self._ask_steps()
        return self._steps

    @property
    def capacity(self) -> int:
        """Trials that are trained at once."""
        return self.workers

    def describe(self) -> dict[str, Json]:
        """Return what a study of this script must find unchanged when it goes on."""
        return {
            "kind": "script",
            "command": [*self.command],
            "steps": self.steps,
            "code": code_hash(self._script()),
        }

    def train(self, trials: Sequence[Trial]) -> Iterator[tuple[Trial, Outcome]]:
        """Yield every trial with its outcome, as they end.

        Raises:
            Interrupted: If asked to stop, or by Ctrl-C.
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
                    self._news.wait(POLL_SECONDS)
                    self._news.clear()
                    for run in [run for run in running if run.ended or run.overdue]:
                        outcome = run.outcome(grace=self.grace, name=self.name)
                        running.remove(run)
                        self._note(run)
                        if outcome.ok:
                            self.has_metric = bool(self.has_metric) or outcome.metric is not None
                        self.progress.advance(run.trial.steps)
                        yield run.trial, outcome
            except KeyboardInterrupt:
                raise Interrupted from None
            finally:
                _end_runs(running, self.grace)

    def _start(self, trial: Trial, folder: Path) -> ScriptRun:
        """Start the script for a trial."""
        own = Path(tempfile.mkdtemp(dir=folder))
        told = TrialFile(trial, own / "answers.jsonl")
        process = self._run(told, own / "trial.json")
        output = output_of(trial, self.output)
        return ScriptRun(trial, process, output=output, path=told.answers, timeout=self.timeout, news=self._news)

    def _run(self, told: TrialFile, path: Path) -> ChildProcess:
        told.write(path)
        environment: Mapping[str, str] = child_environment(self.workers) | {TRIAL_VARIABLE: str(path)}
        try:
            return ChildProcess(self.command, environment=environment, folder=self.folder)
        except OSError as error:
            raise TaskError(
                f"cannot run {shlex.join(self.command)}: {error.strerror or error}.",
                hint="write the command as in a terminal: python train.py --epochs 3.",
            ) from None

    def _ask_steps(self) -> int:
        """Run the script up to its call of ``surefoot.trial(steps=...)``; return the steps."""
        with tempfile.TemporaryDirectory(prefix="surefoot-", ignore_cleanup_errors=True) as folder:
            path = Path(folder) / "answers.jsonl"
            process = self._run(TrialFile(None, path), Path(folder) / "trial.json")
            pumps = [OutputPump(pipe, ended=self._news.set) for pipe in (process.stdout, process.stderr)]
            begin = time.monotonic()
            try:
                while not process.ended and not Answers.read(path).asked:
                    if self.stop():
                        raise Interrupted
                    if self.timeout is not None and time.monotonic() - begin > self.timeout:
                        break
                    self._news.wait(POLL_SECONDS)
                    self._news.clear()
            except KeyboardInterrupt:
                raise Interrupted from None
            finally:
                ended = process.ended
                _end([process], pumps, self.grace)
            answers = Answers.read(path)
        if answers.steps is not None:
            return answers.steps
        if answers.asked:
            why, hint = "the script calls surefoot.trial() without steps", "write surefoot.trial(steps=...)"
        elif not ended:
            why, hint = f"the script did not call surefoot.trial() within {self.timeout:g} s", LINES
        elif process.returncode:
            why, hint = _crash(process, pumps[1]), "run it by itself to see more"
        else:
            why, hint = "the script never called surefoot.trial()", LINES
        raise TaskError(f"{self.name}: {why}.", hint=f"{hint}.")

    def _note(self, run: ScriptRun) -> None:
        """Tell where a script states another length than the study's; once for each."""
        stated = run.answers.steps
        if stated is not None and self._steps is not None and stated not in {self._steps, *self._noted}:
            self._noted.add(stated)
            self.progress.tell(
                f"{self.name} states that its full training takes {stated} steps; this study takes {self._steps}."
            )

    def _script(self) -> Path | None:
        """Return the Python file that the command runs, if it names one."""
        here = self.folder or Path()
        return next((here / word for word in self.command if word.endswith(".py") and (here / word).is_file()), None)


class ScriptRun:
    """One run of the script.

    Args:
        trial: Its trial.
        process: Its process.
        output: Where goes what it prints.
        path: File of its answers.
        timeout: Seconds that it has.
        news: Set when its output ends.

    Attributes:
        answers: What it answered; complete once it has ended.
    """

    def __init__(
        self,
        trial: Trial,
        process: ChildProcess,
        *,
        output: TrialOutput,
        path: Path,
        timeout: float | None,
        news: threading.Event,
    ) -> None:
        self.trial, self.process, self.answers = trial, process, Answers()
        self._output, self._path, self._timeout = output, path, timeout
        self._begin = time.monotonic()
        self.pumps = [OutputPump(pipe, ended=news.set) for pipe in (process.stdout, process.stderr)]
        for pump in self.pumps:
            pump.begin(output)

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self.process.ended

    @property
    def overdue(self) -> bool:
        """Whether its time is over."""
        return self._timeout is not None and time.monotonic() - self._begin > self._timeout

    def outcome(self, *, grace: float, name: str) -> Outcome:
        """End it where it still runs, and what it left behind; return what came of it."""
        ended, seconds = self.ended, time.monotonic() - self._begin
        self.end(grace)
        self.answers = Answers.read(self._path)
        why = self._why(ended=ended)
        if why is None and self.answers.final is not None:
            return outcome_of(self.answers.reports, self.answers.final, seconds=seconds)
        return failure_of(self.answers.reports, f"{name}: {why}.", seconds=seconds)

    def end(self, grace: float) -> None:
        """End it with all its children, and keep what it printed."""
        _end([self.process], self.pumps, grace)
        self._output.close()

    def _why(self, *, ended: bool) -> str | None:
        """Return why there is no loss, or ``None``."""
        if not ended:
            return f"the script took longer than the timeout of {self._timeout:g} s and was ended"
        if self.process.returncode:
            return _crash(self.process, self.pumps[1])
        if not self.answers.asked:
            return "the script never called surefoot.trial()"
        if self.answers.final is None:
            return "the script asked for its trial and reported no loss: trial.report(valid_loss) was not called"
        return None


def _crash(process: ChildProcess, errors: OutputPump) -> str:
    said = f": {errors.last_line.rstrip('.')}" if errors.last_line else ""
    return f"the script {cause(process.returncode)}{said}"


def _end_runs(runs: Sequence[ScriptRun], grace: float) -> None:
    """End some runs at once."""
    if runs:
        end_all([run.process for run in runs], grace=grace)
    for run in runs:
        run.end(0.0)


def _end(processes: Sequence[ChildProcess], pumps: Sequence[OutputPump], grace: float) -> None:
    """End some processes with all their children, and wait for what they have printed."""
    end_all(processes, grace=grace)
    for pump in pumps:
        pump.join(READ_SECONDS)
    if not any(pump.is_alive() for pump in pumps):  # somebody may hold the other end who has got away
        for process in processes:
            process.close()
