"""How good a judge is: verdicts held against labels, and advice against the grid it came from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.diagnosis.cases import Case
from benchmarks.diagnosis.generate import Grid
from benchmarks.diagnosis.labels import RECOVERED, WELL_SET, WORTH, Label

HEALTHY, UNKNOWN = "healthy", "unknown"
# A fault that costs such a share of the final loss is to be named and mended.
COSTLY = 0.2
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
class Advised:
    """What a judge said of a case.

    Attributes:
        case: The case.
        grid: What it is of.
        verdict: What the judge said.
        advice: Learning rate and momentum that it advises; the case's own where it advises no change.
    """

    case: Case
    grid: Grid
    verdict: str
    advice: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Followed:
    """What becomes of runs whose advice is followed once.

    Attributes:
        costly: Runs with a fault that costs a fifth of the final loss or more, or all of it.
        named: Share of them whose fault is named.
        improved: Share of them that end lower with the advice, on the labels' seeds.
        mended: Share of them where the advice recovers four fifths of what the best single change saves.
        gap_closed: Median over them of the share that it recovers.
        runs: All runs.
        worse: Share of them that are told to change something that makes them end more than 5 % higher.
    """

    costly: int
    named: float
    improved: float
    mended: float
    gap_closed: float
    runs: int
    worse: float


def followed(rows: Sequence[Advised], *, costly: float = COSTLY) -> Followed:
    """Return what following the advice once does.

    Args:
        rows: What was advised.
        costly: Share of the final loss from which on a fault counts.
    """
    faults = [
        row
        for row in rows
        if row.case.label.verdict not in WELL_SET
        and (row.case.label.gain >= costly or row.case.label.verdict == "diverged")
    ]
    worse = sum(_made_worse(row) for row in rows) / len(rows)
    if not faults:
        return Followed(0, math.nan, math.nan, math.nan, math.nan, len(rows), worse)
    closed = np.array([_closed(row) for row in faults])
    named = sum(row.verdict in row.case.label.right for row in faults) / len(faults)
    return Followed(
        len(faults),
        named,
        float((closed > 0).mean()),
        float((closed >= RECOVERED).mean()),
        float(np.median(closed)),
        len(rows),
        worse,
    )


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


def _closed(row: Advised) -> float:
    """Return how much of what the best single change saves the advice does; a run that diverged ends where it began."""
    start = float(row.grid.start.mean()) if row.case.label.verdict == "diverged" else math.inf
    own = min(loss_at(row.grid, *_setting(row.case)), start)
    gain = row.case.label.gain
    final = np.where(np.isfinite(row.grid.valid[..., -1]), row.grid.valid[..., -1], np.inf).mean(-1)
    goal = own * (1.0 - gain) if gain else float(final.min())
    after = min(loss_at(row.grid, *row.advice), start)
    return (own - after) / (own - goal) if own > goal else 0.0


def _made_worse(row: Advised) -> bool:
    if np.allclose(row.advice, _setting(row.case), rtol=1e-3):
        return False
    return loss_at(row.grid, *row.advice) > (1.0 + WORTH) * loss_at(row.grid, *_setting(row.case))


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
