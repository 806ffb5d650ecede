"""The judges' part of RESULTS.md."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks import records
from benchmarks.diagnosis import tasks
from benchmarks.diagnosis.cases import Case, cases_of, grids_of
from benchmarks.diagnosis.ceiling import by_whole_grids
from benchmarks.diagnosis.generate import Grid
from benchmarks.diagnosis.log_verdicts import GUESSED, SUREFOOT
from benchmarks.diagnosis.score import Advised, Followed, Judged, Score, confusion, followed, score_of
from benchmarks.markdown import DASH, table, target
from surefoot.checking.trial_choice import auto_trainings

DEFAULT_BUDGET = "auto"
# Cases are drawn anew to be held against the verdicts: as many as any of the parts asked for.
EACH = 32
PEERS_AHEAD = "diagnose ahead of runmedic, training-doctor and sk-autod on every verdict"

CEILING = """
The last two rows are no judges but the noise of the labels: they train all settings of the grid, on one or two of the
labels' five seeds, and apply the labels' own rules; they are held against labels from the other seeds. How often
`check` is right about faults, by the share of the final loss that the best single change saves:

"""
GAINS = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)

ADVICE = """
What following the advice once does, on the labels' seeds; a fault is mended where that recovers 80 % of what the best
single change saves:

"""

INTRODUCTION = """Labelled trainings of {tasks} tasks that nothing was fitted on: a grid of learning rates and momenta,
five seeds each, says what is wrong with each of its settings (`benchmarks/diagnosis/labels.py`). Half of the trainings
asked about lie within 15 % of their grid's best. F1 counts a verdict as right that names another change which recovers
80 % of the best one's gain; `unknown` is a miss. Intervals are 90 %, over tasks.

"""


@dataclass(frozen=True, slots=True)
class Asked:
    """What one judge said.

    Attributes:
        rows: Verdicts beside labels.
        advised: Cases, their grids, and the learning rate and momentum advised, where the judge advises any.
        trainings: What each verdict cost, in full trainings.
    """

    rows: list[Judged] = field(default_factory=list)
    advised: list[tuple[Case, Grid, tuple[float, float]]] = field(default_factory=list)
    trainings: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything that was measured of judges.

    Attributes:
        checks: ``check`` by budget.
        logs: Judges of logs by name.
        reader, watch: Data of their benchmarks, ``None`` where not run.
    """

    checks: dict[str, Asked]
    logs: dict[str, Asked]
    reader: dict[str, Any] | None
    watch: dict[str, Any] | None


def read(folder: Path) -> Diagnosis:
    """Read what was measured."""
    checks = records.read(folder / "verdicts.json", {"checks": []})["checks"]
    logs = records.read(folder / "log_verdicts.json", {"logs": []})["logs"]
    found = Diagnosis({}, {}, records.read(folder / "event_reader.json"), records.read(folder / "watch.json"))
    for make in tasks.TEST if checks or logs else ():
        task = make().name
        grids = grids_of(task)
        cases = {str(case.recipe): case for case in cases_of(task, grids, each=EACH)}
        for row in checks:
            if row["task"] == task:
                case, asked = cases[row["recipe"]], found.checks.setdefault(row["budget"], Asked())
                asked.rows.append(Judged(task, row["verdict"], case.label))
                asked.advised.append((case, grids[case.optimizer, case.schedule], (*row["advice"],)))
                asked.trainings.append(row["trainings"])
        for row in logs:
            for judge, verdict in row["verdicts"].items() if row["task"] == task else ():
                label = cases[row["recipe"]].label
                found.logs.setdefault(judge, Asked()).rows.append(Judged(task, verdict, label))
    return found


def sources(folder: Path) -> Iterator[tuple[str, Any]]:
    """Yield each part's name and data."""
    files = {"check": "verdicts", "diagnose": "log_verdicts", "event reader": "event_reader", "watch": "watch"}
    for name, file in files.items():
        yield name, records.read(folder / f"{file}.json")


def targets(found: Diagnosis) -> Iterator[list[str]]:
    """Yield the rows of the table of targets."""
    asked = found.checks.get(DEFAULT_BUDGET)
    score = None if asked is None else score_of(asked.rows)
    after = None if asked is None else followed(_pairs(asked))
    yield from _judge_rows("check", score, least=0.90, alarms=0.03)
    yield target(
        "check: faults that cost at least 20 %: named in at least 90 %",
        DASH if after is None else f"{after.named:.0%} of {after.costly}",
        met=None if after is None else after.named >= 0.9,
    )
    yield target(
        "check: faults that cost at least 20 %: following the advice once mends at least 90 %",
        DASH if after is None else f"{after.mended:.0%} of {after.costly}",
        met=None if after is None else after.mended >= 0.9,
    )
    yield target(
        "check: at most 2 % are told to change something that makes it more than 5 % worse",
        DASH if after is None else f"{after.worse:.1%} of {after.runs}",
        met=None if after is None else after.worse <= 0.02,
    )
    yield target(
        "check: costs at most 2 trainings at 220 steps, 0.5 at 4000",
        "; ".join(f"{auto_trainings(steps):.2g} at {steps}" for steps in (220, 4000)),
        met=auto_trainings(220) <= 2.0 and auto_trainings(4000) <= 0.5,
    )
    ours = score_of(found.logs[SUREFOOT].rows) if SUREFOOT in found.logs else None
    yield from _judge_rows("diagnose, from logs", ours, least=0.70, alarms=0.05)
    peers = {name: score_of(each.rows) for name, each in found.logs.items() if name not in (SUREFOOT, GUESSED)}
    if ours is None or not peers:
        yield target(PEERS_AHEAD, DASH, met=None)
    else:
        behind = [*_behind(ours, peers)]
        yield target(PEERS_AHEAD, "; ".join(behind) or "on all", met=not behind)
    yield from _speed_rows(found)


def sections(found: Diagnosis) -> Iterator[str]:
    """Yield the judges' part of the report."""
    if not found.checks and not found.logs:
        return
    yield "\n## The judges\n\n" + INTRODUCTION.format(tasks=len(tasks.TEST))
    if found.checks:
        yield _checks_table(found.checks)
        yield CEILING + _gain_table(found.checks)
        yield ADVICE
        yield _advice_table(found.checks)
        yield f"\nLabels of `check` at {DEFAULT_BUDGET} down, verdicts across:\n\n"
        yield _confusion_table(found.checks[DEFAULT_BUDGET].rows)
    if found.logs:
        yield "\nFrom logs alone, all given the same; F1 of every label:\n\n" + _peer_table(found.logs)
        yield "\nLabels of `diagnose` down, verdicts across:\n\n" + _confusion_table(found.logs[SUREFOOT].rows)


def _judge_rows(name: str, score: Score | None, *, least: float, alarms: float) -> Iterator[list[str]]:
    text = DASH if score is None else f"{score.macro_f1:.2f} ({score.low:.2f} to {score.high:.2f})"
    yield target(f"{name}: macro-F1 at least {least:.2f}", text, met=None if score is None else score.macro_f1 >= least)
    yield target(
        f"{name}: false alarms on healthy runs at most {alarms:.0%}",
        DASH if score is None else f"{score.false_alarms:.1%} of {score.healthy}",
        met=None if score is None else score.false_alarms <= alarms,
    )


def _behind(ours: Score, peers: dict[str, Score]) -> Iterator[str]:
    for name, score in peers.items():
        for label, value in score.by_label.items():
            if ours.by_label[label] < value or (ours.by_label[label] == value and value > 0):
                yield f"{name} on {label}: {value:.2f} against {ours.by_label[label]:.2f}"


def _speed_rows(found: Diagnosis) -> Iterator[list[str]]:
    reader = found.reader
    yield target(
        "event files read at least 10x as fast as EventAccumulator reads them, 1 M scalars",
        DASH if reader is None else f"{reader['ratio']:.1f}x ({reader['scalars']:,} scalars)",
        met=None if reader is None or reader["scalars"] < 1_000_000 else reader["ratio"] >= 10,
    )
    rows = {} if found.watch is None else {row["kind"]: row for row in found.watch["rows"]}
    for kind, title, most in (("signals", "cheap signals", 0.02), ("curvature", "with curvature", 0.05)):
        yield target(
            f"Watch on a 10 ms step, {title}: at most {most:.0%}",
            f"{rows[kind]['overhead']:.1%} of {rows['plain']['step_ms']:.0f} ms" if rows else DASH,
            met=rows[kind]["overhead"] <= most if rows else None,
        )


def _checks_table(checks: dict[str, Asked]) -> str:
    head = ["budget", "runs", "cost", "macro-F1", "interval", "right", "false alarms", "healthy", "unknown"]
    rows = [
        _check_row(budget, f"{sum(asked.trainings) / len(asked.trainings):.1f}x", score_of(asked.rows))
        for budget, asked in sorted(checks.items())
    ]
    for name, cost, advised in _whole_grids(checks):
        judged = [Judged(each.case.task, each.verdict, each.case.label) for each in advised]
        rows.append(_check_row(name, cost, score_of(judged)))
    return table(head, rows)


def _whole_grids(checks: dict[str, Asked]) -> Iterator[tuple[str, str, list[Advised]]]:
    """Yield judges that train whole grids: their names, what they cost, and what they say."""
    names = sorted({row.task for row in checks[DEFAULT_BUDGET].rows})
    for seeds in (1, 2):
        name, cost = f"the whole grid on {seeds} seed{'s' * (seeds > 1)}", f"{119 * seeds}x and more"
        yield name, cost, by_whole_grids(names, seeds, each=EACH)


def _check_row(name: str, cost: str, score: Score) -> list[str]:
    return [
        name, str(score.runs), cost, f"{score.macro_f1:.2f}", f"{score.low:.2f} to {score.high:.2f}",
        f"{score.right:.0%}", f"{score.false_alarms:.1%}", str(score.healthy), f"{score.unknown:.1%}",
    ]  # fmt: skip


def _gain_table(checks: dict[str, Asked]) -> str:
    """Return how often verdicts on faults are right, by what the best change saves of the final loss."""
    rows = []
    for budget, asked in sorted(checks.items()):
        faults = [row for row in asked.rows if row.label.gain > 0]
        found = [[row for row in faults if low <= row.label.gain < high] for low, high in pairwise(GAINS)]
        rows.append([budget, *(f"{_right(each):.0%} of {len(each)}" if each else DASH for each in found)])
    return table(["budget", *(f"{low:.0%} to {high:.0%}" for low, high in pairwise(GAINS))], rows)


def _right(rows: Sequence[Judged]) -> float:
    return sum(row.verdict in row.label.right for row in rows) / len(rows)


def _advice_table(checks: dict[str, Asked]) -> str:
    head = ["budget", "faults of 20 % and more", "named", "improved", "mended", "gap closed", "all runs", "made worse"]
    rows = [[budget, *_advice(followed(_pairs(asked)))] for budget, asked in sorted(checks.items())]
    rows += [[name, *_advice(followed(advised))] for name, _, advised in _whole_grids(checks)]
    return table(head, rows)


def _pairs(asked: Asked) -> list[Advised]:
    """Return what a judge said and advised of each case."""
    return [
        Advised(case, grid, row.verdict, advice)
        for row, (case, grid, advice) in zip(asked.rows, asked.advised, strict=True)
    ]


def _advice(after: Followed) -> list[str]:
    shares = (after.named, after.improved, after.mended, after.gap_closed)
    shown = [DASH if math.isnan(share) else f"{share:.0%}" for share in shares]
    return [str(after.costly), *shown, str(after.runs), f"{after.worse:.1%}"]


def _confusion_table(rows: Sequence[Judged]) -> str:
    counts = confusion(rows)
    labels = sorted(counts)
    verdicts = [*labels, *sorted({name for found in counts.values() for name in found} - {*labels})]
    return table(
        ["label", *verdicts], [[label, *(str(counts[label].get(name, "")) for name in verdicts)] for label in labels]
    )


def _peer_table(logs: dict[str, Asked]) -> str:
    scores = {name: score_of(asked.rows) for name, asked in logs.items()}
    labels = [*next(iter(scores.values())).by_label]
    head = ["judge", "macro-F1", "right", "false alarms", "unknown", *labels]
    return table(
        head,
        [
            [
                name, f"{score.macro_f1:.2f}", f"{score.right:.0%}", f"{score.false_alarms:.1%}",
                f"{score.unknown:.0%}", *(f"{score.by_label[label]:.2f}" for label in labels),
            ]
            for name, score in scores.items()
        ],
    )  # fmt: skip
