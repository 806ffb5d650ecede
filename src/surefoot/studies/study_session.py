"""Driving a study: it is begun or resumed, its trials are run and recorded, and it is released when the work ends."""

from __future__ import annotations

import hashlib
import json
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from surefoot.core.errors import StudyError
from surefoot.core.files import make_writable_folder
from surefoot.core.progress import Interrupted
from surefoot.core.value_types import Json
from surefoot.studies.database import Database
from surefoot.studies.recorded_trials import Measurement
from surefoot.studies.study import Study
from surefoot.trainers.trial import Outcome, Trainer, Trial


def open_driven_study(
    study_or_path: Study | Path | str | None,
    trainer: Trainer,
    *,
    asked: Mapping[str, Json],
    same: Sequence[str],
    settings: Mapping[str, Json],
    seed: int,
) -> Study | None:
    """Return the study to resume, or a new one, with its lease held by this process.

    Args:
        study_or_path: Study to resume, or database to begin a study in; ``None`` keeps nothing.
        trainer: Trainer that runs the trials.
        asked: Settings of the work, among them ``command`` and ``budget``.
        same: Names of the settings that must not have changed when a study is resumed.
        settings: Further settings that a new study keeps.
        seed: Seed of everything random.

    Returns:
        The study; ``None`` if nothing is kept.

    Raises:
        StudyError: If the study was begun with other settings, or another process drives it.
    """
    if study_or_path is None:
        return None
    if isinstance(study_or_path, Study):
        study = study_or_path
        _require_same(study, {**asked, "seed": seed}, ("seed", *same))
    else:
        database = Database(Path(study_or_path))
        study = Study.create(database, task=trainer.name, settings={**settings, **asked}, seed=seed)
    study.take_lease()
    plan = getattr(trainer, "plan", None)
    if plan is not None:
        study.set_plan(plan.to_json())
    if study.info().settings.get("budget") != asked["budget"]:
        study.extend_budget(asked["budget"])
    if study.info().settings.get("compare", []) != asked.get("compare", []):
        study.set_compared(asked["compare"])
    return study


def _require_same(study: Study, asked: Mapping[str, Json], same: Sequence[str]) -> None:
    """Check that a study is resumed with the settings that it was begun with.

    Raises:
        StudyError: If a setting has changed.
    """
    info = study.info()
    before = {**info.settings, "seed": info.seed}
    changed = [key for key in same if before.get(key, asked[key]) != asked[key]]
    if changed:
        changes = "; ".join(f"{key} was {before[key]}, now {asked[key]}" for key in changed)
        raise StudyError(
            f"study {study.name} cannot be resumed: {changes}.", hint="begin a new study, or undo the change."
        )


@contextmanager
def release_when_interrupted(study: Study | None, command: str) -> Iterator[None]:
    """Release a study if its work is interrupted or fails, with its status and how to resume it.

    Args:
        study: The study; ``None`` if nothing is kept.
        command: Name of the command that resumes it.
    """
    try:
        yield
    except Interrupted as interruption:
        if study is not None:
            study.release(status="interrupted")
            interruption.study = study.name
        raise
    except KeyboardInterrupt:  # a second Ctrl-C, while the result was being built
        if study is not None:
            study.release(status="interrupted")
        again = Interrupted("asked to stop")
        again.study = None if study is None else study.name
        raise again from None
    except BaseException as error:
        if study is not None:
            study.release(status="failed")
            if getattr(error, "hint", None) is None:  # else resuming meets the same error until the hint is followed
                error.add_note(
                    f"The trials so far are kept. To resume: surefoot {command} --resume {shlex.quote(study.name)}"
                )
        raise


@contextmanager
def capture_early_output(trainer: Trainer) -> Iterator[dict[str, bytes]]:
    """Yield a dict that has, after the block, what trials printed in it: content by file name.

    It is for trials that run before there is a study next to which their output is stored. A trainer that already has
    an output folder writes there instead.
    """
    printed: dict[str, bytes] = {}
    if not hasattr(trainer, "output") or trainer.output is not None:
        yield printed
        return
    with TemporaryDirectory(prefix="surefoot-") as folder:
        trainer.output = Path(folder)
        try:
            yield printed
        finally:
            trainer.output = None
            printed |= {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def store_files_with_study(
    study: Study | None, trainer: Trainer, *, output: Path | None = None, printed: Mapping[str, bytes] | None = None
) -> None:
    """Store the output of trials, and the checkpoints of a trainer, next to a study.

    Args:
        study: The study; ``None`` stores nothing.
        trainer: Trainer that runs the trials; one that has folders already keeps them.
        output: Folder for what trials print; ``None`` puts it next to the study.
        printed: Output of trials that ran before the study was begun, by file name.
    """
    if study is None:
        return
    if hasattr(trainer, "output") and trainer.output is None:
        trainer.output = make_writable_folder(study.output_path if output is None else output)
        for name, data in (printed or {}).items():
            (trainer.output / name).write_bytes(data)
    if hasattr(trainer, "checkpoints") and trainer.checkpoints is None:
        trainer.checkpoints = study.checkpoints_path


@dataclass(slots=True)
class TrialRecorder:
    """Runs trials that are not recorded yet, and records them.

    If the trainer is exact, each trial is recorded as it ends. Otherwise the rounding of an outcome depends on the
    trials that ran at the same time, and a stage is recorded as a whole: a resumed search trains all of it again, or
    nothing.

    A stage is recorded under its name and a digest of its trials, for a search that is resumed with a larger budget may
    ask for other trials under the same name.

    Attributes:
        trainer: Trainer that runs the trials.
        study: Study that records them; ``None`` keeps them in memory.
        measurements: All trials that were asked for, with their outcomes, in order.
        recorded_steps: Config-steps that the study had recorded before.
    """

    trainer: Trainer
    study: Study | None = None
    measurements: list[Measurement] = field(default_factory=list)
    recorded_steps: int = field(default=0, init=False)
    _known: dict[Trial, Outcome] = field(default_factory=dict)
    _finished: set[str] = field(default_factory=set)
    _asked: set[Trial] = field(default_factory=set)
    _unrecorded: set[Trial] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.study is not None:
            for row in self.study.measurements(unfinished=self.trainer.exact):
                self._known.setdefault(row.trial, row.outcome)
            self._finished = {*self.study.costs()}
        self.recorded_steps = sum(trial.steps for trial in self._known)

    @property
    def config_steps(self) -> int:
        """Config-steps of all trials that were asked for."""
        return sum(row.taken for row in self.measurements)

    @property
    def stages(self) -> list[str]:
        """Names of the stages, in order."""
        return [*dict.fromkeys(row.stage for row in self.measurements)]

    def knows(self, trial: Trial) -> bool:
        """Return whether a trial is recorded, by this run or an earlier one of the same study."""
        return trial in self._known

    def asked(self, trial: Trial) -> bool:
        """Return whether this run has asked for a trial."""
        return trial in self._asked

    def add(self, trial: Trial, outcome: Outcome) -> None:
        """Add a trial that ran before the study was begun; the stage that asks for it will record it."""
        if trial not in self._known:
            self._known[trial] = outcome
            self._unrecorded.add(trial)

    def run(self, stage: str, trials: Sequence[Trial]) -> list[Outcome]:
        """Return the outcomes of some trials, in their order.

        Args:
            stage: Name of the stage that asks for them.
            trials: Trials to run, unless they are recorded.

        Raises:
            Interrupted: If the trainer was asked to stop.
        """
        begin = time.perf_counter()
        wanted = [*dict.fromkeys(trials)]
        name = f"{stage}/{trials_digest(wanted)}"
        missing = [trial for trial in wanted if trial not in self._known]
        # The stage pays for the trials that it runs, and for those that it ran before it was interrupted.
        before = [] if self.study is None else self.study.partial(name)
        paid_seconds = {row.trial: row.outcome.seconds for row in before}
        paid_seconds |= {trial: self._known[trial].seconds for trial in wanted if trial in self._unrecorded}
        self._unrecorded -= {*wanted}
        if missing:
            added = {row.trial for row in before}
            self._add(name, [trial for trial in wanted if trial in self._known and trial not in added])
        try:
            for trial, outcome in self.trainer.train(missing) if missing else ():
                self._known[trial] = outcome
                self._add(name, [trial])
        finally:  # the result of an interrupted search has the trials that ended
            rows = [Measurement(name, trial, self._known[trial]) for trial in wanted if trial in self._known]
            self.measurements += [row for row in rows if row.trial not in self._asked]
            self._asked |= {row.trial for row in rows}
        seconds = time.perf_counter() - begin
        seconds += sum(spent for trial, spent in paid_seconds.items() if trial not in missing)
        self._finish_stage(name, rows, paid={*missing, *paid_seconds}, seconds=seconds)
        return [self._known[trial] for trial in trials]

    def _add(self, name: str, trials: Sequence[Trial]) -> None:
        """Record single trials of an unfinished stage, if the trainer is exact."""
        if self.study is None or not self.trainer.exact or name in self._finished:
            return
        for trial in trials:
            self.study.add(name, Measurement(name, trial, self._known[trial]))

    def _finish_stage(self, name: str, rows: list[Measurement], *, paid: set[Trial], seconds: float) -> None:
        """Record the stage as finished; trials that it did not pay for are the cost of an earlier stage."""
        if self.study is None or name in self._finished:
            return
        steps = sum(row.taken for row in rows if row.trial in paid)
        self.study.record(name, rows, config_steps=steps, seconds=seconds)
        self._finished.add(name)


def trials_digest(trials: Sequence[Trial]) -> str:
    """Return a short text that is the same for the same trials alone."""
    text = json.dumps([[str(trial.recipe), trial.steps, trial.seed] for trial in trials])
    return hashlib.sha256(text.encode()).hexdigest()[:8]
