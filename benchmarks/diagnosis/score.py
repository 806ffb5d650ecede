"""How good a judge is: verdicts held against labels, and advice against the grid it came from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.diagnosis.cases import Case
from benchmarks.diagnosis.generate import Grid
from benchmarks.diagnosis.labels import Label

HEALTHY, UNKNOWN = "healthy", "unknown"
# Labels under which learning rate and momentum are well set.
WELL_SET = (HEALTHY, "overfitting")
DRAWS, LOW, HIGH = 1000, 0.05, 0.95


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict beside what is right."""

    task: str
    verdict: str
    label: Label


@dataclass(frozen=True, slots=True)
class Score:
    """How good a judge's verdicts are.

    Attributes:
        macro_f1: Mean over the labels of their F1.
        low, high: Its 90 % interval over tasks.
        by_label: F1 of each label.
        right: Share of right verdicts.
        false_alarms: Share of healthy runs that are called faulty.
        healthy: How many healthy runs there are.
        unknown: Share of all runs on which the judge says that it does not know.
        runs: How many.
    """

    macro_f1: float
    low: float
    high: float
    by_label: dict[str, float]
    right: float
    false_alarms: float
    healthy: int
    unknown: float
    runs: int


def score_of(rows: Sequence[Judged]) -> Score:
    """Return how good verdicts are; ``unknown`` is a miss, but no false alarm."""
    by_label = f1_by_label(rows)
    healthy = [row for row in rows if row.label.verdict == HEALTHY]
    low, high = _interval(rows)
    return Score(
        macro_f1=sum(by_label.values()) / len(by_label),
        low=low,
        high=high,
        by_label=by_label,
        right=sum(row.verdict in row.label.right for row in rows) / len(rows),
        false_alarms=sum(row.verdict not in (HEALTHY, UNKNOWN) for row in healthy) / max(len(healthy), 1),
        healthy=len(healthy),
        unknown=sum(row.verdict == UNKNOWN for row in rows) / len(rows),
        runs=len(rows),
    )


def f1_by_label(rows: Sequence[Judged]) -> dict[str, float]:
    """Return F1 = 2 hits / (2 hits + misses + false alarms) of every label that occurs.

    A verdict that counts as right beside the label's own is a hit of that label, and no false alarm of its own.
    """
    found = {}
    for label in sorted({row.label.verdict for row in rows}):
        own = [row for row in rows if row.label.verdict == label]
        hits = sum(row.verdict in row.label.right for row in own)
        alarms = sum(row.verdict == label and label not in row.label.right for row in rows)
        found[label] = 2 * hits / (2 * hits + len(own) - hits + alarms)
    return found


def confusion(rows: Sequence[Judged]) -> dict[str, dict[str, int]]:
    """Return how often each label met each verdict; one that counts as right stands under the label's own name."""
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        verdict = row.label.verdict if row.verdict in row.label.right else row.verdict
        counts = found.setdefault(row.label.verdict, {})
        counts[verdict] = counts.get(verdict, 0) + 1
    return found


@dataclass(frozen=True, slots=True)
class Followed:
    """What becomes of unhealthy runs whose advice is followed once.

    Attributes:
        runs: How many there are.
        advised: Share of them that got advice.
        improved: Share of all of them that end lower, on the labels' seeds.
        gap_closed: Median over all of them of the share of the way to the best single change.
        gap_to_grid: The same to the best of the whole grid.
    """

    runs: int
    advised: float
    improved: float
    gap_closed: float
    gap_to_grid: float


def followed(rows: Sequence[tuple[Case, Grid, tuple[float, float]]]) -> Followed:
    """Return what following the advice does: cases, their grids, and the learning rate and momentum advised."""
    found = [_followed(*row) for row in rows if row[0].label.verdict not in WELL_SET]
    if not found:
        return Followed(0, math.nan, math.nan, math.nan, math.nan)
    advised, improved, closed, to_grid = (np.array(column) for column in zip(*found, strict=True))
    return Followed(len(found), advised.mean(), improved.mean(), float(np.median(closed)), float(np.median(to_grid)))


def loss_at(grid: Grid, lr: float, momentum: float) -> float:
    """Return the mean final loss of a setting, at the nearest momentum and between grid rates even in the logarithms.

    Beyond the grid's rates it is that at its edge; infinite beside a setting that diverged.
    """
    column = int(np.abs(grid.momenta - momentum).argmin())
    final = grid.valid[:, column, :, -1]
    means = np.where(np.isfinite(final), final, np.inf).mean(-1)
    place = float(np.interp(math.log(lr), np.log(grid.rates), np.arange(len(grid.rates))))
    low, share = int(place), place - int(place)
    if share < 0.02:
        return float(means[low])
    pair = means[low : low + 2]
    if not np.isfinite(pair).all():
        return math.inf
    return float(np.exp((1 - share) * np.log(pair[0]) + share * np.log(pair[1])))


def _followed(case: Case, grid: Grid, advice: tuple[float, float]) -> tuple[bool, bool, float, float]:
    start, own = float(grid.start.mean()), loss_at(grid, *_setting(case))
    own = min(own, start)
    final = np.where(np.isfinite(grid.valid[..., -1]), grid.valid[..., -1], np.inf).mean(-1)
    best = min(own * (1.0 - case.label.gain), own) if case.label.gain else float(final.min())
    after = min(loss_at(grid, *advice), start)
    changed = not np.allclose(advice, _setting(case), rtol=1e-3)
    closed = [(own - after) / (own - goal) if own > goal else 0.0 for goal in (best, float(final.min()))]
    return changed, bool(changed and after < own), closed[0], closed[1]


def _setting(case: Case) -> tuple[float, float]:
    return case.recipe.lr.highest, case.recipe.momentum.highest


def _interval(rows: Sequence[Judged]) -> tuple[float, float]:
    """Return the 90 % interval of macro-F1 over tasks, by drawing tasks with replacement."""
    by_task = [*_by_task(rows)]
    draw = np.random.default_rng(0)
    found = []
    for _ in range(DRAWS):
        drawn = [row for place in draw.integers(len(by_task), size=len(by_task)) for row in by_task[place]]
        by_label = f1_by_label(drawn)
        found.append(sum(by_label.values()) / len(by_label))
    return float(np.quantile(found, LOW)), float(np.quantile(found, HIGH))


def _by_task(rows: Sequence[Judged]) -> Iterator[list[Judged]]:
    for task in sorted({row.task for row in rows}):
        yield [row for row in rows if row.task == task]
