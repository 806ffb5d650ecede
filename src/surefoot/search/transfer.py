"""Transfer: how the best learning rate changes with the batch size, measured by short trials.

The task is changed in its batch size alone, halved and doubled; the samples seen stay the same, so that twice the batch
makes half the steps: it is what one does who keeps the epochs, and what the rules of thumb are about (Goyal et al.,
2017, arXiv:1706.02677). The task as it was tuned and each changed one are trained at the answer's momentum with other
rates, at the same short share of their length, on the same seeds; rates go outward by factors of two until the best of
every seed has a worse one on both sides. How the best rate changes with the length, the frontier says.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from surefoot.interruption import Stop, never
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.scaled import scaled
from surefoot.search.goal import Aim
from surefoot.search.result import FrontierPoint
from surefoot.search.scaling import Transfer, TransferRow
from surefoot.search.valley_bottom import bottom, next_octaves
from surefoot.statistics import comparable
from surefoot.studies.ledger import digest
from surefoot.studies.measurement import Measurement
from surefoot.studies.study import Study
from surefoot.tasks.task import Task
from surefoot.trainers.fleet_trainer import FleetTrainer
from surefoot.trainers.trial import Trial

STAGE = "transfer"
SEEDS = 2
# The rates tried first, as powers of two times the answer's, and how many rounds may follow.
FIRST, MORE_ROUNDS = (-1.0, 0.0, 1.0), 2
# All of it may cost so many full trainings.
MOST_TRAININGS = 3.0
# Below this a schedule has no shape.
FEWEST_STEPS = 10
# Seeds of the transfer lie between those of the search and those of the full trainings.
TRANSFER_SEEDS = 5_000_000


@dataclass(frozen=True, slots=True)
class Change:
    """A task with its batch size changed.

    Attributes:
        name: In words.
        task: The changed task, or why there is none.
        is_original: Whether nothing is changed.
    """

    name: str
    task: Task | str
    is_original: bool = False


def changes_of(task: Task) -> tuple[Change, ...]:
    """Return the task as it is, then with half and twice the batch size.

    Example:
        >>> from surefoot.tasks.loader import load
        >>> [(change.name, change.task.total_steps, change.task.batch_size) for change in changes_of(load("wine"))]
        [('as tuned', 200, 32), ('half batch', 400, 16), ('twice batch', 100, 64)]
    """
    steps, batch = task.total_steps, task.batch_size
    return (
        Change("as tuned", task, is_original=True),
        Change("half batch", _resized(task, steps * 2, batch // 2)),
        Change("twice batch", _resized(task, steps // 2, batch * 2)),
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


def transfer(
    trainer: FleetTrainer,
    recipe: Recipe,
    *,
    share: float,
    seed: int,
    aim: Aim,
    stop: Stop = never,
    study: Study | None = None,
    frontier: Sequence[tuple[FrontierPoint, float]] = (),
) -> Transfer:
    """Return how the answer changes with the batch size, and with the length as the frontier has it.

    Args:
        trainer: Of the task as it was tuned.
        recipe: The answer.
        share: Length of the trials, as a share of a full training.
        seed: Of the search.
        aim: What is made as good as possible.
        stop: Asked often; a deadline is none of its business, for this comes beyond the budget.
        study: Where measurements are kept.
        frontier: What is best at each length of training, and the answer's loss there.

    Raises:
        Interrupted: If asked to stop.
    """
    changes = changes_of(trainer.task)
    tasks = [change.task for change in changes if isinstance(change.task, Task)]
    most = MOST_TRAININGS * trainer.steps
    round_trials = len(FIRST) * SEEDS
    share = min(share, most / (round_trials * sum(task.total_steps for task in tasks)))
    first_rounds = [round_trials * _steps(task, share) for task in tasks]
    taken = 0
    rows: list[TransferRow] = []
    skipped: list[tuple[str, str]] = []
    for change in changes:
        if not isinstance(change.task, Task):
            skipped.append((change.name, change.task))
            continue
        # The first round of every change comes before a second one of any.
        room = first_rounds[len(rows)] + (most - taken - sum(first_rounds[len(rows) :])) / len(tasks[len(rows) :])
        tried = _tried(trainer, change, recipe, share=share, seed=seed, aim=aim, stop=stop, study=study, room=room)
        taken += sum(row.taken for own in tried.values() for row in own)
        rows.append(_row(change, change.task, recipe, tried, aim))
    rows[1:1] = [*_lengths(frontier, trainer.task.batch_size, full_steps=trainer.steps)]
    return Transfer(tuple(rows), tuple(skipped), taken)


def _tried(
    trainer: FleetTrainer,
    change: Change,
    recipe: Recipe,
    *,
    share: float,
    seed: int,
    aim: Aim,
    stop: Stop,
    study: Study | None,
    room: float,
) -> dict[float, list[Measurement]]:
    """Return the measurements of each rate tried, in octaves from the answer's, round after round."""
    assert isinstance(change.task, Task)  # noqa: S101  (others are skipped)
    own = FleetTrainer(change.task, trainer.plan, progress=trainer.progress, stop=stop)
    own.follow_valid = trainer.follow_valid
    steps = _steps(change.task, share)
    tried: dict[float, list[Measurement]] = {}
    wanted: tuple[float, ...] = FIRST
    for number in range(1 + MORE_ROUNDS):
        trials = {
            (octave, offset): Trial(
                recipe.with_(lr=scaled(recipe.lr, 2.0**octave)), steps, seed + TRANSFER_SEEDS + offset
            )
            for octave in wanted
            for offset in range(SEEDS)
        }
        stage = f"{STAGE}/{change.name.replace(' ', '-')}/{number}/{digest([*trials.values()])}"
        known = {row.trial: row for row in (study.stage(stage) or ())} if study is not None else {}
        if not known:
            found = [Measurement(stage, trial, outcome) for trial, outcome in own.train([*trials.values()])]
            if study is not None:
                seconds = sum(row.outcome.seconds for row in found)
                study.record(stage, found, config_steps=sum(row.taken for row in found), seconds=seconds)
            known = {row.trial: row for row in found}
        for (octave, _), trial in trials.items():
            tried.setdefault(octave, []).append(known[trial])
        tried = dict(sorted(tried.items()))
        wanted = next_octaves([*tried], _costs(tried, aim))
        if not wanted or steps * SEEDS * (len(tried) + len(wanted)) > room:
            break
    return tried


def _steps(task: Task, share: float) -> int:
    """Return the length of the trials of a task, in steps."""
    return max(1, math.floor(share * task.total_steps))


def _costs(tried: dict[float, list[Measurement]], aim: Aim) -> NDArray[np.float64]:
    """Return what is minimised ``[rates, seeds]``, on the scale on which its noise is even."""
    return comparable([[aim.cost(row.outcome) for row in rows] for rows in tried.values()])


def _row(change: Change, task: Task, recipe: Recipe, tried: dict[float, list[Measurement]], aim: Aim) -> TransferRow:
    costs, octaves = _costs(tried, aim), [*tried]
    seeds = [bottom(octaves, column) for column in costs.T]
    found = [each for each in seeds if each is not None]
    losses = {octave: float(np.mean([row.outcome.judged(aim.judge) for row in rows])) for octave, rows in tried.items()}
    means = dict(zip(octaves, costs.mean(axis=1), strict=True))
    lowest = min(octaves, key=lambda octave: (means[octave], losses[octave]))
    return TransferRow(
        change.name,
        None if change.is_original else "batch_size",
        task.total_steps,
        task.batch_size,
        rates=tuple(recipe.lr.highest * 2.0**each.place for each in found) if None not in seeds else (),
        width=max((each.width for each in found), default=0.0),
        at_edge=any(each.at_edge for each in found),
        loss=losses[lowest],
        loss_of_answer=losses[0.0],
    )


def _lengths(
    frontier: Sequence[tuple[FrontierPoint, float]], batch_size: int, *, full_steps: int
) -> Iterator[TransferRow]:
    """Return the frontier's lengths as rows: the rate expected to be best at each."""
    for point, loss_of_answer in frontier:
        if point.trials and point.steps != full_steps:
            yield TransferRow(
                f"{point.steps:,} steps",
                "steps",
                point.steps,
                batch_size,
                rates=(point.recipe.lr.highest,),
                width=1.0,
                at_edge=False,
                loss=point.loss,
                loss_of_answer=loss_of_answer,
            )
