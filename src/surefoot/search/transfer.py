"""The bottom of a valley in log rate: which rates to try on the way to it, and where it is.

Transfer: how the best learning rate changes with the batch size, measured by short trials.

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

from surefoot.core.progress import Stop, never
from surefoot.core.statistics import comparable
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.composition import scaled
from surefoot.search.request import Aim
from surefoot.search.result import FrontierPoint
from surefoot.search.scaling import Transfer, TransferRow
from surefoot.studies.ledger import digest
from surefoot.studies.measurements import Measurement
from surefoot.studies.study import Study
from surefoot.tasks.task import Task
from surefoot.trainers.fleet_trainer import FleetTrainer
from surefoot.trainers.trial import Trial

# How far apart in octaves the rates beside the best are tried, and how many more at once beyond an edge.
STEP, BEYOND = 0.5, 2


@dataclass(frozen=True, slots=True)
class Bottom:
    """Where a valley is lowest, as far as it is known.

    Attributes:
        place: In octaves.
        width: What is not told apart, in octaves: the step between places, and how far equal ones reach.
        at_edge: Whether it lies on the edge of what was tried: then it is only a bound.
    """

    place: float
    width: float
    at_edge: bool


def bottom(octaves: Sequence[float], costs: NDArray[np.float64]) -> Bottom | None:
    """Return where a parabola through the best of some places and its two neighbours is lowest.

    With a, b, c the costs at the best place x less l, at x, and at x plus r::

        x + (r² (a - b) - l² (c - b)) / (2 (r (a - b) + l (c - b)))

    A cost that is not finite counts as the worst that is: a rate that diverges is bad, how bad says nothing. Where
    several places are equally good, as accuracies are, it is the middle between them.

    Args:
        octaves: Places, ascending, at least two.
        costs: What is minimised at each.

    Returns:
        At most half way to a neighbour; ``None`` where no cost is finite.

    Example:
        >>> bottom([-1, 0, 1, 2], np.array([9.25, 2.25, 0.25, 1.25]))
        Bottom(place=1.1666666666666667, width=1.0, at_edge=False)
    """
    best = _best(costs)
    if best is None:
        return None
    first, last = best
    at_edge = first == 0 or last == len(octaves) - 1
    gaps = np.diff(
        [octaves[max(first - 1, 0)], octaves[first], octaves[last], octaves[min(last + 1, len(octaves) - 1)]]
    )
    left, equal, right = gaps.tolist()
    width = equal + (max(left, right) if at_edge else (left + right) / 2.0)
    place = (octaves[first] + octaves[last]) / 2.0
    if first == last and not at_edge:
        bounded = np.where(np.isfinite(costs), costs, costs[np.isfinite(costs)].max())
        below, above = bounded[first - 1] - bounded[first], bounded[first + 1] - bounded[first]
        bend = right * below + left * above
        place += float((right**2 * below - left**2 * above) / (2.0 * bend)) if bend > 0 else 0.0
    return Bottom(place, width, at_edge)


def next_octaves(octaves: Sequence[float], costs: NDArray[np.float64]) -> tuple[float, ...]:
    """Return which rates to try next.

    Args:
        octaves: The rates tried, ascending.
        costs: What is minimised ``[rates, seeds]``, infinite where it diverged.

    Returns:
        Rates beyond an edge where some seed's best lies on it (the lower edge where all diverged), or else those half
        way between a seed's best and its neighbours; none where all of that has been tried.

    Example:
        >>> next_octaves([-1.0, 0.0, 1.0], np.array([[3.0], [2.0], [1.0]]))
        (2.0, 3.0)
        >>> next_octaves([-1.0, 0.0, 1.0], np.array([[3.0], [1.0], [2.0]]))
        (-0.5, 0.5)
    """
    ends = [_best(column) or (0, 0) for column in costs.T]
    top = len(octaves) - 1
    below = [octaves[0] - number for number in range(BEYOND, 0, -1) if min(first for first, _ in ends) == 0]
    above = [octaves[top] + number for number in range(1, BEYOND + 1) if max(last for _, last in ends) == top]
    if below or above:
        return (*below, *above)
    gaps = sorted({gap for first, last in ends for gap in (first - 1, last)})
    return tuple(octaves[gap] + STEP for gap in gaps if octaves[gap + 1] - octaves[gap] > STEP)


def _best(costs: NDArray[np.float64]) -> tuple[int, int] | None:
    """Return the first and the last of the places that are as good as the best, ``None`` where none is finite."""
    if not np.isfinite(costs).any():
        return None
    equal = np.flatnonzero(costs == costs[np.isfinite(costs)].min())
    return int(equal[0]), int(equal[-1])


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
