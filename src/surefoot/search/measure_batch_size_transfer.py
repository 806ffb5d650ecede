"""Transfer: how the best learning rate changes with the batch size, measured by short trials.

The batch size is halved and doubled while the number of samples seen stays the same, so that twice the batch makes half
the steps: as if one kept the epochs, which is what the rules of thumb are about (Goyal et al., 2017, arXiv:1706.02677).
The task and its changed versions are trained at the recommended momentum with several learning rates, at the same share
of their length and on the same seeds. The rates go outward by factors of two until the best one of every seed has a
worse one on both sides. How the best rate changes with the length of training follows from the frontier.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from surefoot.core.progress import StopCondition, never_stop
from surefoot.core.statistics import log_if_positive
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.composition import scaled
from surefoot.search.criterion import Criterion
from surefoot.search.rate_transfer_result import Transfer, TransferRow
from surefoot.search.result import FrontierPoint
from surefoot.studies.recorded_trials import Measurement
from surefoot.studies.study import Study
from surefoot.studies.study_session import trials_digest
from surefoot.surrogate.rung_lengths import MIN_SCHEDULE_STEPS
from surefoot.tasks.task import Task
from surefoot.trainers.fleet_trainer import FleetTrainer
from surefoot.trainers.trial import Trial

TRANSFER_STAGE = "transfer"
# The whole transfer costs at most so many full trainings.
MAX_TRANSFER_TRAININGS = 3.0
# Seeds of every rate, and their distance from the seeds of the search: between its short trials and full trainings.
TRANSFER_SEED_COUNT, TRANSFER_SEEDS = 2, 5_000_000
# Rates that are tried first, in octaves from the recommended one, and rounds of further rates.
FIRST_OCTAVES, MAX_FURTHER_ROUNDS = (-1.0, 0.0, 1.0), 2
# Octaves tried at once beyond the lowest or the highest rate, and distance of rates next to the best one, in octaves.
OCTAVES_AT_ONCE, FINEST_STEP = 2, 0.5


@dataclass(frozen=True, slots=True)
class TaskVariant:
    """A task as it is, or with another batch size.

    Attributes:
        name: What was changed, in words.
        task: The changed task, or the reason why there is none.
        is_original: Whether nothing is changed.
    """

    name: str
    task: Task | str
    is_original: bool = False


@dataclass(frozen=True, slots=True)
class RateMinimum:
    """The learning rate of the lowest cost.

    Attributes:
        octave: The rate, in octaves from the recommended one.
        width: Range of rates that the trials do not distinguish, in octaves: the distance of the rates tried next to
            the best, and the range of several that are equally good.
        at_edge: Whether the best is the lowest or the highest rate tried, and so only a bound.
    """

    octave: float
    width: float
    at_edge: bool


def measure_transfer(
    trainer: FleetTrainer,
    recipe: Recipe,
    *,
    share: float,
    seed: int,
    criterion: Criterion,
    stop: StopCondition = never_stop,
    study: Study | None = None,
    frontier: Sequence[tuple[FrontierPoint, float]] = (),
) -> Transfer:
    """Return how the best learning rate changes with the batch size, and with the length as the frontier shows.

    Args:
        trainer: Trainer of the task as it was tuned.
        recipe: The recommended recipe.
        share: Length of the trials, as a share of a full training.
        seed: Seed of the search.
        criterion: What makes one training better than another.
        stop: Returns whether to stop. It does not ask for a deadline: the transfer comes on top of the budget.
        study: Study that keeps the trials; ``None`` keeps nothing.
        frontier: Points of the frontier, each with the expected loss of the recommended recipe at that length.

    Raises:
        Interrupted: If asked to stop.
    """
    variants = task_variants(trainer.task)
    tasks = [variant.task for variant in variants if isinstance(variant.task, Task)]
    ceiling = MAX_TRANSFER_TRAININGS * trainer.steps
    first_round_trials = len(FIRST_OCTAVES) * TRANSFER_SEED_COUNT
    share = min(share, ceiling / (first_round_trials * sum(task.total_steps for task in tasks)))
    first_rounds = [first_round_trials * _trial_steps(task, share) for task in tasks]
    spent = 0
    rows: list[TransferRow] = []
    skipped: list[tuple[str, str]] = []
    for variant in variants:
        if not isinstance(variant.task, Task):
            skipped.append((variant.name, variant.task))
            continue
        # No variant gets a second round at the expense of another one's first.
        done = len(rows)
        budget = first_rounds[done] + (ceiling - spent - sum(first_rounds[done:])) / len(tasks[done:])
        steps = _trial_steps(variant.task, share)
        rates = _RateTrials(trainer, variant, variant.task, recipe=recipe, steps=steps, seed=seed, criterion=criterion)
        rates.run(stop=stop, study=study, budget=budget)
        spent += rates.config_steps
        rows.append(rates.row())
    rows[1:1] = [*_length_rows(frontier, trainer.task.batch_size, full_steps=trainer.steps)]
    return Transfer(tuple(rows), tuple(skipped), spent)


def task_variants(task: Task) -> tuple[TaskVariant, ...]:
    """Return the task as it is, then with half and with twice the batch size.

    Example:
        >>> from surefoot.tasks.loader import load_task
        >>> [(each.name, each.task.total_steps, each.task.batch_size) for each in task_variants(load_task("wine"))]
        [('as tuned', 200, 32), ('half batch', 400, 16), ('twice batch', 100, 64)]
    """
    steps, batch = task.total_steps, task.batch_size
    return (
        TaskVariant("as tuned", task, is_original=True),
        TaskVariant("half batch", _resized(task, steps=steps * 2, batch=batch // 2)),
        TaskVariant("twice batch", _resized(task, steps=steps // 2, batch=batch * 2)),
    )


def rate_minimum(octaves: Sequence[float], costs: NDArray[np.float64]) -> RateMinimum | None:
    """Return the minimum of the parabola through the best of some rates and its two neighbours.

    With a, b, c the costs at the best rate x less l, at x, and at x plus r::

        x + (r² (a - b) - l² (c - b)) / (2 (r (a - b) + l (c - b)))

    A cost that is not finite counts as the highest finite one: how bad a diverged training is says nothing. Of several
    rates that are equally good, as they often are by accuracy, it is the middle.

    Args:
        octaves: Rates tried, in octaves, ascending; at least two.
        costs: Cost at each rate ``[rates]``; ``inf`` where the training diverged.

    Returns:
        A rate at most half way to a neighbour of the best; ``None`` where no cost is finite.

    Example:
        >>> rate_minimum([-1, 0, 1, 2], np.array([9.25, 2.25, 0.25, 1.25]))
        RateMinimum(octave=1.1666666666666667, width=1.0, at_edge=False)
    """
    best = _best_range(costs)
    if best is None:
        return None
    first, last = best
    at_edge = first == 0 or last == len(octaves) - 1
    gaps = np.diff(
        [octaves[max(first - 1, 0)], octaves[first], octaves[last], octaves[min(last + 1, len(octaves) - 1)]]
    )
    left, equal, right = gaps.tolist()
    width = equal + (max(left, right) if at_edge else (left + right) / 2.0)
    octave = (octaves[first] + octaves[last]) / 2.0
    if first == last and not at_edge:
        bounded = np.where(np.isfinite(costs), costs, costs[np.isfinite(costs)].max())
        below, above = bounded[first - 1] - bounded[first], bounded[first + 1] - bounded[first]
        bend = right * below + left * above
        octave += float((right**2 * below - left**2 * above) / (2.0 * bend)) if bend > 0 else 0.0
    return RateMinimum(octave, width, at_edge)


def next_octaves(octaves: Sequence[float], costs: NDArray[np.float64]) -> tuple[float, ...]:
    """Return which rates to try next.

    Args:
        octaves: Rates tried, in octaves, ascending.
        costs: Cost at each rate and seed ``[rates, seeds]``; ``inf`` where the training diverged.

    Returns:
        Rates beyond the lowest or the highest one where some seed's best is there (below the lowest one where all
        diverged), else rates half way between a seed's best and its neighbours; nothing once these are tried.

    Example:
        >>> next_octaves([-1.0, 0.0, 1.0], np.array([[3.0], [2.0], [1.0]]))
        (2.0, 3.0)
        >>> next_octaves([-1.0, 0.0, 1.0], np.array([[3.0], [1.0], [2.0]]))
        (-0.5, 0.5)
    """
    bests = [_best_range(column) or (0, 0) for column in costs.T]
    top = len(octaves) - 1
    below, above = min(first for first, _ in bests) == 0, max(last for _, last in bests) == top
    if below or above:
        lower = [octaves[0] - number for number in range(OCTAVES_AT_ONCE, 0, -1)] if below else []
        higher = [octaves[top] + number for number in range(1, OCTAVES_AT_ONCE + 1)] if above else []
        return (*lower, *higher)
    gaps = sorted({gap for first, last in bests for gap in (first - 1, last)})
    return tuple(octaves[gap] + FINEST_STEP for gap in gaps if octaves[gap + 1] - octaves[gap] > FINEST_STEP)


@dataclass(slots=True)
class _RateTrials:
    """Trials of one task variant at several learning rates."""

    trainer: FleetTrainer
    variant: TaskVariant
    task: Task
    recipe: Recipe
    steps: int
    seed: int
    criterion: Criterion
    _by_octave: dict[float, list[Measurement]] = field(default_factory=dict, init=False)

    @property
    def config_steps(self) -> int:
        return sum(row.taken for rows in self._by_octave.values() for row in rows)

    def run(self, *, stop: StopCondition, study: Study | None, budget: float) -> None:
        """Train the first rates, then those that :func:`next_octaves` asks for, within a budget of config-steps."""
        trainer = FleetTrainer(self.task, self.trainer.plan, progress=self.trainer.progress, stop=stop)
        trainer.follow_valid = self.trainer.follow_valid
        wanted: tuple[float, ...] = FIRST_OCTAVES
        for number in range(1 + MAX_FURTHER_ROUNDS):
            trials = {
                (octave, offset): self._trial(octave, offset)
                for octave in wanted
                for offset in range(TRANSFER_SEED_COUNT)
            }
            digest = trials_digest([*trials.values()])
            stage = f"{TRANSFER_STAGE}/{self.variant.name.replace(' ', '-')}/{number}/{digest}"
            rows = {row.trial: row for row in _recorded_or_trained(trainer, stage, [*trials.values()], study)}
            for (octave, _), trial in trials.items():
                self._by_octave.setdefault(octave, []).append(rows[trial])
            self._by_octave = dict(sorted(self._by_octave.items()))
            wanted = next_octaves([*self._by_octave], self._costs())
            if not wanted or self.steps * TRANSFER_SEED_COUNT * (len(self._by_octave) + len(wanted)) > budget:
                return

    def row(self) -> TransferRow:
        """Return the best rate of the trials as a row of the result."""
        costs, octaves = self._costs(), [*self._by_octave]
        minima = [rate_minimum(octaves, column) for column in costs.T]
        known = [each for each in minima if each is not None]
        losses = {
            octave: float(np.mean([row.outcome.loss_at(self.criterion.score_at) for row in rows]))
            for octave, rows in self._by_octave.items()
        }
        means = dict(zip(octaves, costs.mean(axis=1), strict=True))
        lowest = min(octaves, key=lambda octave: (means[octave], losses[octave]))
        return TransferRow(
            self.variant.name,
            None if self.variant.is_original else "batch_size",
            self.task.total_steps,
            self.task.batch_size,
            rates=() if None in minima else tuple(self.recipe.lr.highest * 2.0**each.octave for each in known),
            width=max((each.width for each in known), default=0.0),
            at_edge=any(each.at_edge for each in known),
            loss=losses[lowest],
            loss_of_answer=losses[0.0],
        )

    def _trial(self, octave: float, offset: int) -> Trial:
        recipe = self.recipe.with_(lr=scaled(self.recipe.lr, 2.0**octave))
        return Trial(recipe, self.steps, self.seed + TRANSFER_SEEDS + offset)

    def _costs(self) -> NDArray[np.float64]:
        """Return the costs ``[rates, seeds]``, on the scale on which their noise is even."""
        costs = [[self.criterion.cost(row.outcome) for row in rows] for rows in self._by_octave.values()]
        return log_if_positive(costs)


def _recorded_or_trained(
    trainer: FleetTrainer, stage: str, trials: Sequence[Trial], study: Study | None
) -> Sequence[Measurement]:
    """Return the measurements of a stage: those of the study, or new ones, which it then keeps."""
    recorded = study.stage(stage) if study is not None else None
    if recorded:
        return recorded
    rows = [Measurement(stage, trial, outcome) for trial, outcome in trainer.train(trials)]
    if study is not None:
        seconds = sum(row.outcome.seconds for row in rows)
        study.record(stage, rows, config_steps=sum(row.taken for row in rows), seconds=seconds)
    return rows


def _resized(task: Task, *, steps: int, batch: int) -> Task | str:
    """Return a task with another length and batch size, or the reason why that cannot be."""
    samples = len(task.split("train"))
    if batch > samples:
        return f"a batch of {batch} is larger than the {samples} training samples"
    if batch < 1:
        return "a batch of one sample has no half"
    if steps < MIN_SCHEDULE_STEPS:
        return f"it leaves {steps} steps, and a schedule needs at least {MIN_SCHEDULE_STEPS}"
    return replace(task, steps=steps, epochs=None, batch_size=batch)


def _trial_steps(task: Task, share: float) -> int:
    """Return the length of a task's trials, in steps."""
    return max(1, math.floor(share * task.total_steps))


def _best_range(costs: NDArray[np.float64]) -> tuple[int, int] | None:
    """Return the indices of the first and the last rate that cost as little as the best; ``None`` if none is finite."""
    if not np.isfinite(costs).any():
        return None
    equal = np.flatnonzero(costs == costs[np.isfinite(costs)].min())
    return int(equal[0]), int(equal[-1])


def _length_rows(
    frontier: Sequence[tuple[FrontierPoint, float]], batch_size: int, *, full_steps: int
) -> Iterator[TransferRow]:
    """Yield the lengths of the frontier as rows: the rate that is expected to be best at each."""
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
