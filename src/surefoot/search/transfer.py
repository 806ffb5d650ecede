"""Transfer: how the answer changes with the length of training and the batch size, measured.

The task is changed in one thing at a time: half and twice the steps, half and twice the batch size. With another batch
size the samples seen stay the same, so that twice the batch makes half the steps: it is what one does who keeps the
epochs, and what the rules of thumb are about (Goyal et al., 2017, arXiv:1706.02677). Each changed task, and the task as
it was tuned, has small fleets of its own, one a seed: the answer with other learning rates, all on the same luck. They
go outward by factors of two until the best of every seed has a worse one on both sides, and then by root two beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from surefoot.fleet import launch
from surefoot.fleet.runner import Runner
from surefoot.recipe import Recipe
from surefoot.schedules import scaled
from surefoot.search.goal import Goal, cost_of
from surefoot.search.rate_bracket import bottom, next_octaves
from surefoot.search.scaling import Quantity, Transfer, TransferRow
from surefoot.statistics import comparable
from surefoot.studies import Measurement
from surefoot.tasks.task import Task
from surefoot.tuning.journal import TRANSFER, Journal
from surefoot.tuning.measure import measure_all

SEEDS = 3
# The rates tried first, as powers of two times the answer's, and how many rounds may follow.
FIRST, MORE_ROUNDS = (-1.0, 0.0, 1.0), 4
# How many that usually makes: two more beside the best.
USUAL = 5
# Below this a schedule is a few steps of a stair: a warmup of 5 % is not even one of them.
FEWEST_STEPS = 10


@dataclass(frozen=True, slots=True)
class Change:
    """A task with its length or its batch size changed.

    Attributes:
        name: In words.
        of: What is changed, ``None`` where nothing is.
        task: The changed task, or why there is none.
    """

    name: str
    of: Quantity | None
    task: Task | str


def changes_of(task: Task) -> tuple[Change, ...]:
    """Return the task as it is, then with half and twice the steps, then with half and twice the batch size.

    Example:
        >>> from surefoot.tasks.loader import load
        >>> [(change.name, change.task.total_steps, change.task.batch_size) for change in changes_of(load("wine"))[::2]]
        [('as tuned', 200, 32), ('twice steps', 400, 32), ('twice batch', 100, 64)]
    """
    steps, batch = task.total_steps, task.batch_size
    return (
        Change("as tuned", None, task),
        Change("half steps", "steps", _resized(task, steps // 2, batch)),
        Change("twice steps", "steps", _resized(task, steps * 2, batch)),
        Change("half batch", "batch_size", _resized(task, round(steps * batch / max(1, batch // 2)), batch // 2)),
        Change("twice batch", "batch_size", _resized(task, round(steps / 2), batch * 2)),
    )


def _resized(task: Task, steps: int, batch: int) -> Task | str:
    """Return the task with another length and batch size, or why that cannot be."""
    samples = len(task.split("train"))
    if batch > samples:
        return f"a batch of {batch} is larger than the {samples} training samples"
    if batch < 1:
        return "a batch of one sample has no half"
    if steps < FEWEST_STEPS:
        return f"it leaves {steps} steps, and a schedule needs {FEWEST_STEPS} to have a shape"
    return replace(task, steps=steps, epochs=None, batch_size=batch)


def price(changes: Iterable[Change]) -> int:
    """Return the config-steps that measuring the changes takes where the best rates lie near the answer's."""
    lengths = (change.task.total_steps for change in changes if isinstance(change.task, Task))
    return SEEDS * USUAL * sum(lengths)


@dataclass(frozen=True, slots=True)
class Transferrer:
    """Measures the changes, each stage remembered by the journal.

    Attributes:
        recipe: The answer.
        seeds: Of the fleets.
        goal: What is made as good as possible.
        runner: Trains.
        journal: Remembers finished fleets.
    """

    recipe: Recipe
    seeds: Sequence[int]
    goal: Goal
    runner: Runner
    journal: Journal

    def run(self, changes: Iterable[Change]) -> Transfer:
        """Measure every change that can be made; return the table.

        Raises:
            Interrupted: If asked to stop; checkpoints are written where there is a study.
        """
        rows: list[TransferRow] = []
        skipped: list[tuple[str, str]] = []
        for change in changes:
            if isinstance(change.task, Task):
                rows.append(self._row(change, change.task))
            else:
                skipped.append((change.name, change.task))
        cost = sum(cost for stage, cost in self.journal.costs().items() if stage.startswith(TRANSFER))
        return Transfer(tuple(rows), tuple(skipped), cost)

    def _row(self, change: Change, task: Task) -> TransferRow:
        """Try rates, round after round, until none is wanted any more."""
        self.runner.progress.stage(f"transfer: {change.name}", config_steps=price([change]))
        tried: dict[float, list[Measurement]] = {}
        wanted: tuple[float, ...] = FIRST
        for number in range(1 + MORE_ROUNDS):
            stage = f"{TRANSFER}/{change.name.replace(' ', '-')}/{number}"
            for seed in self.seeds:
                own = f"{stage}/{seed}"
                found = self.journal.measure(own, self._training(own, task, wanted, seed))
                for octave, row in zip(wanted, found, strict=True):
                    tried.setdefault(octave, []).append(row)
            tried = dict(sorted(tried.items()))
            wanted = next_octaves([*tried], self._costs(tried))
            if not wanted:
                break
        return self._read(change, task, tried)

    def _training(
        self, stage: str, task: Task, octaves: Sequence[float], seed: int
    ) -> Callable[[], tuple[list[Measurement], int]]:
        recipes = [self.recipe.with_(lr=scaled(self.recipe.lr, 2.0**octave)) for octave in octaves]
        fresh = partial(launch, task, recipes, seed=seed, plan=self.runner.plan)

        def work() -> tuple[list[Measurement], int]:
            fleet = self.journal.train(stage, fresh, task.total_steps, task=task, runner=self.runner)
            places = range(len(recipes))
            return measure_all(fleet, places, places, stage=stage), task.total_steps * len(recipes)

        return work

    def _costs(self, tried: dict[float, list[Measurement]]) -> NDArray[np.float64]:
        """Return what is minimised ``[rates, seeds]``, on the scale on which its noise is even."""
        return comparable([[cost_of(row, self.goal) for row in rows] for rows in tried.values()])

    def _read(self, change: Change, task: Task, tried: dict[float, list[Measurement]]) -> TransferRow:
        costs, octaves = self._costs(tried), [*tried]
        seeds = [bottom(octaves, column) for column in costs.T]
        found = [each for each in seeds if each is not None]
        losses = {octave: float(np.mean([row.outcome.loss for row in rows])) for octave, rows in tried.items()}
        means = dict(zip(octaves, costs.mean(axis=1), strict=True))
        lowest = min(octaves, key=lambda octave: (means[octave], losses[octave]))
        return TransferRow(
            change.name,
            change.of,
            task.total_steps,
            task.batch_size,
            rates=tuple(self.recipe.lr.highest * 2.0**each.place for each in found) if None not in seeds else (),
            width=max((each.width for each in found), default=0.0),
            at_edge=any(each.at_edge for each in found),
            loss=losses[lowest],
            loss_of_answer=losses[0.0],
        )
