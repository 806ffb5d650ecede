"""The ledger: what was trained so far, in a study's database or in memory; nothing is trained twice."""

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
class Ledger:
    """Trains what is asked for, unless it is recorded already, and records it.

    Where outcomes are exact, each is recorded as it ends. Elsewhere a stage is recorded when it is finished: what was
    trained beside an outcome may round it otherwise, so that a stage is either gone through again or not at all.

    A stage is recorded under its name and a digest of its trials: a search that goes on with a larger budget may ask
    for other trials where the first one was at its end.

    Attributes:
        trainer: Runs the trials.
        study: Where they are recorded; ``None`` keeps them in memory.
        measurements: What this search asked for, in the order in which it did.
        recorded_steps: Config-steps that the study had already when the search began or went on.
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
        """What everything cost."""
        return sum(row.taken for row in self.measurements)

    @property
    def stages(self) -> list[str]:
        """The stages of this search, in their order."""
        return [*dict.fromkeys(row.stage for row in self.measurements)]

    def knows(self, trial: Trial) -> bool:
        """Tell whether a trial was run, by this search or by one before it in the same study."""
        return trial in self._known

    def asked(self, trial: Trial) -> bool:
        """Tell whether this search asked for a trial."""
        return trial in self._asked

    def add(self, trial: Trial, outcome: Outcome) -> None:
        """Take note of a trial that was run before the study was begun; a stage that asks for it records it."""
        if trial not in self._known:
            self._known[trial] = outcome
            self._unrecorded.add(trial)

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
        name = f"{stage}/{digest(wanted)}"
        missing = [trial for trial in wanted if trial not in self._known]
        adds = self.trainer.exact and self.study is not None and name not in self._finished
        # What this stage has to pay for: what it trains, and what it trained before it was broken off.
        before = [] if self.study is None else self.study.partial(name)
        paid = {row.trial: row.outcome.seconds for row in before}
        paid |= {trial: self._known[trial].seconds for trial in wanted if trial in self._unrecorded}
        self._unrecorded -= {*wanted}
        if adds and missing and self.study is not None:
            added = {row.trial for row in before}
            for trial in wanted:
                if trial in self._known and trial not in added:
                    self.study.add(name, Measurement(name, trial, self._known[trial]))
        try:
            for trial, outcome in self.trainer.train(missing) if missing else ():
                self._known[trial] = outcome
                if adds and self.study is not None:
                    self.study.add(name, Measurement(name, trial, outcome))
        finally:  # of a stage that is broken off, the answer knows what was trained
            found = [Measurement(name, trial, self._known[trial]) for trial in wanted if trial in self._known]
            self.measurements += [row for row in found if row.trial not in self._asked]
            self._asked |= {row.trial for row in found}
        seconds = time.perf_counter() - begin + sum(spent for trial, spent in paid.items() if trial not in missing)
        self._record(name, found, paid={*missing, *paid}, seconds=seconds)
        return [self._known[trial] for trial in trials]

    def _record(self, name: str, found: list[Measurement], *, paid: set[Trial], seconds: float) -> None:
        """Finish the stage in the study; what it did not pay for is the cost of an earlier one."""
        if self.study is None or name in self._finished:
            return
        steps = sum(row.taken for row in found if row.trial in paid)
        self.study.record(name, found, config_steps=steps, seconds=seconds)
        self._finished.add(name)


def digest(trials: Sequence[Trial]) -> str:
    """Return what only the same trials have."""
    text = json.dumps([[str(trial.recipe), trial.steps, trial.seed] for trial in trials])
    return hashlib.sha256(text.encode()).hexdigest()[:8]
