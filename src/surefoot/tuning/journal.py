"""What a tune has measured so far, in a study's database or in memory alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from surefoot.errors import StudyError
from surefoot.fleet import LocalFleet, Plan, load
from surefoot.fleet.progress import Interrupted
from surefoot.fleet.runner import Runner
from surefoot.studies import Measurement, Study
from surefoot.tasks.task import Task

# Names of the stages; those with several parts add a slash and their own.
RANGE, SEARCH, CONFIRM, TRANSFER = "range", "search", "confirm", "transfer"
CHECKPOINT_SECONDS = 30.0


@dataclass(slots=True)
class Journal:
    """Remembers finished stages, so that each is trained once, also across interruptions.

    Attributes:
        study: Where stages are kept; ``None`` keeps them in memory.
    """

    study: Study | None = None
    _stages: dict[str, tuple[Measurement, ...]] = field(default_factory=dict)
    _costs: dict[str, int] = field(default_factory=dict)
    _saved: float = field(default_factory=time.monotonic)

    def recall(self, stage: str) -> tuple[Measurement, ...] | None:
        """Return the measurements of a finished stage, ``None`` where it is not finished."""
        if stage not in self._stages and self.study is not None:
            found = self.study.stage(stage)
            if found is not None:
                self._stages[stage], self._costs[stage] = found, self.study.costs()[stage]
        return self._stages.get(stage)

    def record(self, stage: str, found: Sequence[Measurement], *, config_steps: int, seconds: float) -> None:
        """Keep a finished stage; one that is known already (it was trained again) stays as it is."""
        if self.recall(stage) is not None:
            return
        self._stages[stage], self._costs[stage] = tuple(found), config_steps
        if self.study is not None:
            self.study.record(stage, found, config_steps=config_steps, seconds=seconds)

    def measure(self, stage: str, work: Callable[[], tuple[list[Measurement], int]]) -> tuple[Measurement, ...]:
        """Return a stage's measurements: remembered, or by doing the work and keeping what it gave.

        Args:
            stage: The stage's name.
            work: Returns measurements and config-steps.
        """
        known = self.recall(stage)
        if known is None:
            begin = time.perf_counter()
            found, config_steps = work()
            self.record(stage, found, config_steps=config_steps, seconds=time.perf_counter() - begin)
            known = self._stages[stage]
        return known

    def costs(self) -> dict[str, int]:
        """Return the config-steps of every finished stage."""
        return dict(self._costs)

    def done_before(self) -> int:
        """Return the config-steps of the stages that a study has already, before any of them is recalled."""
        return 0 if self.study is None else sum(self.study.costs().values())

    def measurements(self) -> tuple[Measurement, ...]:
        """Return all measurements, in the order of the stages."""
        return tuple(found for stage in self._stages.values() for found in stage)

    def save(self, fleet: LocalFleet, stage: str, *, now: bool = False) -> None:
        """Write a checkpoint of a stage's fleet where the last is some time ago, or now."""
        if self.study is None or not (now or self._due()):
            return
        fleet.save(self.study.checkpoint_path(stage))
        self.study.note_checkpoint(stage, steps=int(fleet.step.sum()))
        self._saved = time.monotonic()

    def _due(self) -> bool:
        return time.monotonic() - self._saved > CHECKPOINT_SECONDS

    def train(
        self, stage: str, fresh: Callable[[], LocalFleet], steps: int, *, task: Task, runner: Runner
    ) -> LocalFleet:
        """Return a stage's fleet after so many steps: from its checkpoint, where it was broken off, or fresh.

        Raises:
            Interrupted: If asked to stop; a checkpoint is written where there is a study.
        """
        return self.train_together({stage: fresh}, steps, task=task, runner=runner)[stage]

    def train_together(
        self,
        stages: Mapping[str, Callable[[], LocalFleet]],
        steps: int,
        *,
        task: Task,
        runner: Runner,
        halts: Mapping[int, Callable[[Mapping[str, LocalFleet]], None]] | None = None,
    ) -> dict[str, LocalFleet]:
        """Return several stages' fleets after so many steps; they share the cores.

        Args:
            stages: What makes each stage's fleet, where it has no checkpoint.
            steps: How many.
            task: What is trained.
            runner: Trains.
            halts: What is to be done with the fleets at which steps, ascending; those that had gone on before an
                interruption are past it.

        Raises:
            Interrupted: If asked to stop; checkpoints are written where there is a study.
        """
        fleets = {stage: self.restore(stage, task, runner.plan) or fresh() for stage, fresh in stages.items()}
        with self.guarding(fleets, runner):
            for step, act in (halts or {}).items():
                runner.train_together([*fleets.values()], step)
                act({stage: fleet for stage, fleet in fleets.items() if int(fleet.step[0]) == step})
            runner.train_together([*fleets.values()], steps)
        return fleets

    @contextmanager
    def guarding(self, fleets: Mapping[str, LocalFleet], runner: Runner) -> Iterator[None]:
        """Write checkpoints of stages' fleets while they train, and when they are broken off."""

        def save(*, now: bool) -> None:
            due = now or self._due()
            for stage, fleet in fleets.items():
                self.save(fleet, stage, now=due)

        runner.after_slice = partial(save, now=False)
        try:
            yield
        except Interrupted:
            save(now=True)
            raise
        finally:
            runner.after_slice = None

    def has_checkpoint(self, stage: str) -> bool:
        """Tell whether a stage has a checkpoint."""
        return self.study is not None and self.study.checkpoint(stage) is not None

    def restore(self, stage: str, task: Task, plan: Plan) -> LocalFleet | None:
        """Return the fleet of a stage's checkpoint, ``None`` where there is none that can be read."""
        found = None if self.study is None else self.study.checkpoint(stage)
        try:
            return None if found is None else load(found[0], task, plan)
        except StudyError:
            return None  # a damaged checkpoint costs its stage's work once more, and nothing else
