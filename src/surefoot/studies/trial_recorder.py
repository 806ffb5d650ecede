"""Runs trials and records them, in a study or in memory; a trial that is recorded is not trained again."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from surefoot.studies.measurements import Measurement
from surefoot.studies.study import Study
from surefoot.trainers.trial import Outcome, Trainer, Trial


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
