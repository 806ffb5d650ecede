"""The ledger: what was trained so far, in a study's database or in memory; nothing is trained twice."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from surefoot.studies.measurement import Measurement
from surefoot.studies.study import Study
from surefoot.trainers import Outcome, Trainer, Trial


@dataclass(slots=True)
class Ledger:
    """Trains what is asked for, unless it is recorded already, and records it.

    Where outcomes are exact, each is recorded as it ends. Elsewhere a stage is recorded when it is finished: what was
    trained beside an outcome may round it otherwise, so that a stage is either gone through again or not at all.

    Attributes:
        trainer: Runs the trials.
        study: Where they are recorded; ``None`` keeps them in memory.
        measurements: What this search asked for, in the order in which it did.
    """

    trainer: Trainer
    study: Study | None = None
    measurements: list[Measurement] = field(default_factory=list)
    _known: dict[Trial, Outcome] = field(default_factory=dict)
    _finished: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.study is not None:
            for row in self.study.measurements(unfinished=self.trainer.exact):
                self._known.setdefault(row.trial, row.outcome)
            self._finished = {*self.study.costs()}

    @property
    def config_steps(self) -> int:
        """What everything cost."""
        return sum(row.taken for row in self.measurements)

    @property
    def recorded_steps(self) -> int:
        """What the study had already when the search began or went on."""
        return sum(trial.steps for trial in self._known)

    def knows(self, trial: Trial) -> bool:
        """Tell whether a trial was run."""
        return trial in self._known

    def run(self, stage: str, trials: Sequence[Trial]) -> list[Outcome]:
        """Return the outcomes of some trials, in their order.

        Args:
            stage: Name of the stage of the search that asks for them.
            trials: What to train.

        Raises:
            Interrupted: If the trainer was asked to stop.
        """
        begin = time.perf_counter()
        wanted = [*dict.fromkeys(trials)]
        missing = [trial for trial in wanted if trial not in self._known]
        if missing:
            for trial, outcome in self.trainer.train(missing):
                if self.trainer.exact:
                    self._known[trial] = outcome
                    if self.study is not None and stage not in self._finished:
                        self.study.add(stage, Measurement(stage, trial, outcome))
                else:
                    self._known[trial] = outcome
        found = [Measurement(stage, trial, self._known[trial]) for trial in wanted]
        self._record(stage, found, missing, seconds=time.perf_counter() - begin)
        self.measurements += found
        return [self._known[trial] for trial in trials]

    def _record(self, stage: str, found: list[Measurement], missing: list[Trial], *, seconds: float) -> None:
        """Finish the stage in the study."""
        if self.study is None or not missing or stage in self._finished:
            return
        steps = sum(row.taken for row in found if row.trial in set(missing))
        self.study.record(stage, found, config_steps=steps, seconds=seconds)
        self._finished.add(stage)
