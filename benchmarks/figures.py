"""What the recorded runs amount to: pure arithmetic over the data files."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import grid, records
from benchmarks.contestants import SUREFOOT, TPE
from benchmarks.judging import GOOD, paired_upper_bound
from benchmarks.race import ANSWERS, Run, judge_of
from surefoot.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Clock:
    """One contestant's time to quality on one task by one clock.

    Attributes:
        times: One for each seed; infinite where it had nothing good.
        limits: How long it was watched.
    """

    times: tuple[float, ...]
    limits: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median, infinite where half of the seeds had nothing good."""
        return statistics.median(self.times) if self.times else math.inf

    @property
    def at_least(self) -> float:
        """The median with the time it was watched in place of infinite times: a lower bound."""
        return statistics.median(min(pair) for pair in zip(self.times, self.limits, strict=True)) if self.times else 0.0

    @property
    def hits(self) -> str:
        return f"{sum(map(math.isfinite, self.times))}/{len(self.times)}"

    def over(self, other: Clock) -> tuple[float, bool]:
        """Return how many times as long as another it takes, and whether that is only a lower bound.

        Where the other has nothing good the ratio is 0.
        """
        if not math.isfinite(other.median):
            return 0.0, False
        return self.at_least / other.median, not math.isfinite(self.median)


@dataclass(frozen=True, slots=True)
class Race:
    """A task's race.

    Attributes:
        task: Its name.
        counts: Whether it is hard enough to count.
        incumbent: When each contestant's incumbent first was good.
        answer: When it delivered a good answer, by how many trials a search has.
        costs: Config-steps of surefoot's searches and confirmations, in trainings.
    """

    task: str
    counts: bool
    incumbent: dict[str, Clock]
    answer: dict[int, dict[str, Clock]]
    costs: list[tuple[float, float]]


def race_of(name: str, data: dict[str, Any]) -> Race:
    """Return what a task's recorded runs amount to."""
    judge = judge_of(name, data)
    runs: dict[str, list[Run]] = {}
    for run in map(Run.from_json, data["runs"]):
        if run.task == name:
            runs.setdefault(run.contestant, []).append(run)

    def good(recipe: str | None) -> bool:
        return recipe is not None and recipe in judge.known and judge.good(recipe)

    def first_good(run: Run) -> float:
        answer = [run.answer] if run.answer else []
        return min((event.seconds for event in [*run.events, *answer] if good(event.recipe)), default=math.inf)

    def delivered(run: Run, trials: int) -> float:
        answer = run.delivered(trials)
        return answer.seconds if good(answer.recipe) else math.inf

    return Race(
        task=name,
        counts=grid.load(name).counts,
        incumbent={who: _clock(map(first_good, own), own) for who, own in runs.items()},
        answer={
            trials: {who: _clock((delivered(run, trials) for run in own), own) for who, own in runs.items()}
            for trials in ANSWERS
        },
        costs=[_trainings(run.cost) for run in runs.get(SUREFOOT.module, []) if run.cost],
    )


def _clock(times: Iterable[float], runs: Sequence[Run]) -> Clock:
    return Clock(tuple(times), tuple(run.seconds for run in runs))


def _trainings(cost: dict[str, int]) -> tuple[float, float]:
    search, steps = cost["search_config_steps"], cost["steps"]
    return search / steps, (cost["config_steps"] - search) / steps


@dataclass(frozen=True, slots=True)
class Speedup:
    """How many times as long as surefoot's a rival's time to quality is, over the tasks that count.

    Attributes:
        by_task: The ratio of each task, and whether it is only a lower bound.
    """

    by_task: dict[str, tuple[float, bool]]

    @property
    def median(self) -> float:
        return statistics.median(ratio for ratio, _ in self.by_task.values()) if self.by_task else math.nan

    @property
    def bounded(self) -> bool:
        """Whether some ratio is only a lower bound: the rival had nothing good within its time."""
        return any(bound for _, bound in self.by_task.values())

    @property
    def lowest(self) -> float:
        return min((ratio for ratio, _ in self.by_task.values()), default=math.nan)


def speedup(clocks: dict[str, dict[str, Clock]], rival: str = TPE.module) -> Speedup:
    """Return the ratios of a rival's clocks to surefoot's, by task."""
    both = {task: by for task, by in clocks.items() if {rival, SUREFOOT.module} <= by.keys()}
    return Speedup({task: by[rival].over(by[SUREFOOT.module]) for task, by in both.items()})


@dataclass(frozen=True, slots=True)
class Promises:
    """What a task's tunes promised, and what held.

    Attributes:
        task: Its name.
        tunes: How many there were.
        covered: Share of the intervals that hold the grid's best learning rate at the recommendation's momentum.
        covers_best_cell: The same of the rate of the grid's best cell, which has a momentum of its own.
        widths: high / low of every interval.
        beats_default: Share of recommendations with a lower mean loss on fresh seeds than the default's.
        good: Share that are good.
        diverged: Trainings of recommendations on fresh seeds that diverged, of how many.
        search, confirmation: Most trainings' worth of config-steps that a tune spent.
        over_best: Median of what recommendations lose on fresh seeds over what the grid's best setting loses.
    """

    task: str
    tunes: int
    covered: float
    covers_best_cell: float
    widths: tuple[float, ...]
    beats_default: float
    good: float
    diverged: tuple[int, int]
    search: float
    confirmation: float
    over_best: float

    @property
    def width(self) -> float:
        """Median width of its intervals."""
        return statistics.median(self.widths) if self.widths else math.inf


def best_rate(known: grid.Grid, row: dict[str, Any]) -> float:
    """Return the grid's best learning rate at the momentum that a tune recommends."""
    return known.best_rate(Recipe.parse(row["recipe"]).momentum.highest)


def promises_of(task: str, rows: Sequence[dict[str, Any]]) -> Promises:
    """Return what became of a task's tunes; one without a recommendation kept none of its promises."""
    known = grid.load(task)
    best = known.best
    answered = [row for row in rows if row.get("fresh")]
    fresh = [records.losses(row["fresh"]) for row in answered]
    default = [records.losses(row["default"]) for row in answered]
    intervals = [(row["lr"], best_rate(known, row)) for row in answered if row["lr"]]
    means = [float(np.mean(found)) for found in fresh]
    count = len(rows)
    return Promises(
        task=task,
        tunes=count,
        covered=sum(low <= rate <= high for (low, high), rate in intervals) / count,
        covers_best_cell=sum(low <= best.lr <= high for (low, high), _ in intervals) / count,
        widths=tuple(high / low for (low, high), _ in intervals),
        beats_default=sum(np.mean(a) < np.mean(b) for a, b in zip(fresh, default, strict=True)) / count,
        good=sum(paired_upper_bound(found, best.fresh) <= GOOD for found in fresh) / count,
        diverged=(sum(not math.isfinite(loss) for found in fresh for loss in found), sum(map(len, fresh))),
        search=max(row["search_trainings"] for row in rows),
        confirmation=max(row["confirmation_trainings"] for row in rows),
        over_best=statistics.median(means) / float(np.mean(best.fresh)) if means else math.inf,
    )
