"""Fits the judge of logs (``src/surefoot/log_diagnosis/curve_classifier.json``) on trainings whose fault is known.

    python -m benchmarks.diagnosis.fit     # an hour for what is missing in data/diagnosis-random, then a minute

Learned on are the training tasks and tasks drawn at random; the test tasks are left alone. Every training is shown as
it was and as another script would have logged it: seldom, smoothed, or with less in the log. How good it is on a task
that it has not seen is found by leaving tasks out; from that follows how sure it must be before it names a fault.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge

from benchmarks.diagnosis import tasks
from benchmarks.diagnosis.cases import NEAR, Case, cases_of, grids_of, landscape_of, noise_of
from benchmarks.diagnosis.curves import curve_of, variants
from benchmarks.diagnosis.generate import POWERS, SCHEDULES, Grid, compute, path_of
from benchmarks.diagnosis.labels import Label
from benchmarks.diagnosis.random_tasks import random_task
from benchmarks.scale import DATA
from surefoot.core.files import atomic_path
from surefoot.fleet.plan import Plan
from surefoot.log_diagnosis.curve_classifier import NO_FAULT, WEIGHTS_PATH, CurveClassifier, extract_features

FOLDER = DATA / "diagnosis-random"
RANDOM = 21
SEEDS = (500_001, 500_002)
PLAN = Plan("stacked", 64, threads=1)
# Inverse strength of the penalty on weights; rare verdicts count more, by this power of how rare they are.
PENALTY, RARE = 0.03, 0.3
# Healthy trainings that are called faulty, on tasks that were left out: at most this share.
FALSE_ALARMS = 0.05
# How likely any fault must be before one is named: what is tried.
SURE = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
# Octaves beyond which the best learning rate is simply far.
FAR = 7.0
FOLDS = 8


@dataclass(frozen=True, slots=True)
class Example:
    """A training as a log shows it.

    Attributes:
        task: Its name.
        traits: Of its curve.
        label: What is wrong with it.
        octaves: From its learning rate to the best one at its momentum.
        weight: Of all trainings near the valley as much as of all others.
        whole: Whether the log has everything.
    """

    task: str
    traits: dict[str, float]
    label: Label
    octaves: float
    weight: float
    whole: bool


def examples(name: str, grids: dict[tuple[str, str], Grid]) -> Iterator[Example]:
    """Yield the trainings of a task that did not diverge: what did needs no judge."""
    draw = np.random.default_rng(zlib.crc32(name.encode()))
    noise = noise_of([*grids.values()])
    near = {}
    for pair, grid in grids.items():
        mean = landscape_of(grid, noise).mean
        near[pair] = mean < NEAR * mean.min()
    for case in cases_of(name, grids, each=2 * max(grid.train[..., 0].size for grid in grids.values())):
        pair = case.optimizer, case.schedule
        grid = grids[pair]
        side = near[pair] == near[pair][case.rate, case.momentum]
        curves = variants(curve_of(grid, case), draw)
        if case.label.verdict == "diverged" or not np.isfinite(grid.train[case.rate, case.momentum]).all():
            continue
        for number, curve in enumerate(curves):
            yield Example(
                name, extract_features(curve), case.label, _octaves(grid, case), 0.5 / side.sum(), number == 0
            )


def fit(rows: Sequence[Example]) -> dict[str, object]:
    """Return the numbers of a :class:`~surefoot.log_diagnosis.curve_classifier.CurveClassifier`, not yet calibrated."""
    names = [*rows[0].traits]
    raw, weights = _matrix(rows, names), _weights(rows)
    centre, scale = np.nanmean(raw, axis=0), np.maximum(np.nanstd(raw, axis=0), 1e-9)
    standard = np.nan_to_num((raw - centre) / scale)
    which = LogisticRegression(C=PENALTY, max_iter=2000).fit(
        standard, [row.label.verdict for row in rows], sample_weight=weights
    )
    away = np.array([abs(row.octaves) > 0 for row in rows])
    octaves = np.clip([row.octaves for row in rows], -FAR, FAR)
    size = Ridge(alpha=1.0 / PENALTY).fit(standard[away], octaves[away], sample_weight=weights[away])
    return {
        "traits": names,
        "centre": _rounded(centre),
        "scale": _rounded(scale),
        "verdicts": [str(name) for name in which.classes_],
        "weights": [_rounded(row) for row in which.coef_],
        "bias": _rounded(which.intercept_),
        "size": _rounded(size.coef_),
        "size_bias": round(float(size.intercept_), 5),
    }


def left_out(rows: Sequence[Example]) -> list[tuple[Example, dict[str, float]]]:
    """Return for every whole log what a judge says that has not seen its task."""
    names = sorted({row.task for row in rows})
    found = []
    for part in np.array_split(np.random.default_rng(0).permutation(names), FOLDS):
        judge = CurveClassifier.from_json(fit([row for row in rows if row.task not in part]))
        for row in rows:
            if row.task in part and row.whole:
                found.append((row, judge.probabilities(row.traits)))
    return found


def sure_enough(found: Sequence[tuple[Example, dict[str, float]]]) -> dict[str, float]:
    """Return how likely any fault must be before each one is named.

    Of all that call few enough healthy trainings faulty, those of the highest macro-F1.
    """
    table = _Table.of(found)
    faults = [verdict for verdict in table.verdicts if verdict not in NO_FAULT]
    choices = (dict(zip(faults, sure, strict=True)) for sure in product(SURE, repeat=len(faults)))
    kept = ((table.score(choice), choice) for choice in choices)
    return max((row for row in kept if row[0][1] <= FALSE_ALARMS), key=lambda row: row[0][0])[1]


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """What was said of N examples on tasks left out, as arrays: trying thresholds is quick then.

    Attributes:
        verdicts: V names.
        likeliest: Place of the likeliest verdict ``[N]``.
        fault: Probability of any fault ``[N]``.
        label: Place of the label ``[N]``.
        right: Whether a verdict counts as right; the last is ``unknown`` ``[N, V + 1]``.
        weight: ``[N]``.
    """

    verdicts: list[str]
    likeliest: NDArray[np.int64]
    fault: NDArray[np.float64]
    label: NDArray[np.int64]
    right: NDArray[np.bool_]
    weight: NDArray[np.float64]

    @classmethod
    def of(cls, found: Sequence[tuple[Example, dict[str, float]]]) -> _Table:
        verdicts = sorted(found[0][1])
        shares = np.array([[said[verdict] for verdict in verdicts] for _, said in found])
        well_set = [verdicts.index(verdict) for verdict in NO_FAULT]
        return cls(
            verdicts,
            shares.argmax(1),
            1.0 - shares[:, well_set].sum(1),
            np.array([verdicts.index(row.label.verdict) for row, _ in found]),
            np.array([[verdict in row.label.right for verdict in (*verdicts, "unknown")] for row, _ in found]),
            np.array([row.weight for row, _ in found]),
        )

    def score(self, sure: dict[str, float]) -> tuple[float, float, float]:
        """Return macro-F1, the share of healthy trainings called faulty, and the share of right verdicts."""
        said = self.likeliest.copy()
        for verdict, least in sure.items():
            said[(self.likeliest == self.verdicts.index(verdict)) & (self.fault < least)] = len(self.verdicts)
        hit = self.right[np.arange(len(said)), said]
        healthy = self.label == self.verdicts.index("healthy")
        fault = np.isin(said, [self.verdicts.index(verdict) for verdict in sure])
        alarms = self._sum(healthy & fault) / self._sum(healthy)
        f1 = [self._f1(place, said, hit) for place in range(len(self.verdicts))]
        return float(np.mean(f1)), alarms, self._sum(hit) / float(self.weight.sum())

    def _f1(self, place: int, said: NDArray[np.int64], hit: NDArray[np.bool_]) -> float:
        own = self.label == place
        hits, misses = self._sum(own & hit), self._sum(own & ~hit)
        return 2 * hits / (2 * hits + misses + self._sum((said == place) & ~self.right[:, place]))

    def _sum(self, which: NDArray[np.bool_]) -> float:
        return float(self.weight[which].sum())


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows = []
    for make in tasks.TRAIN:
        name = make().name
        rows += [*examples(name, grids_of(name))]
    for number in range(RANDOM):
        grids = _random_grids(number)
        rows += [*examples(f"random-{number}", grids)]
        print(f"random-{number}: {len(rows)} examples so far", flush=True)
    found = left_out(rows)
    sure = sure_enough(found)
    table = _Table.of(found)
    for name, thresholds in (("all named", {}), ("as fitted", sure)):
        macro_f1, alarms, right = table.score(dict.fromkeys(sure, 0.0) | thresholds)
        print(f"on tasks left out, {name}: macro-F1 {macro_f1:.2f}, false alarms {alarms:.1%}, right {right:.1%}")
    judge = fit(rows) | {"sure": sure}
    with atomic_path(WEIGHTS_PATH) as temporary:
        lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in judge.items()]
        temporary.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _random_grids(number: int) -> dict[tuple[str, str], Grid]:
    task = random_task(number)
    for optimizer in POWERS:
        for schedule in SCHEDULES:
            path = path_of(task.name, optimizer, schedule, FOLDER)
            if not path.exists():
                compute(task, optimizer, schedule, PLAN, seeds=SEEDS).save(path)
    return grids_of(task.name, FOLDER)


def _octaves(grid: Grid, case: Case) -> float:
    final = grid.valid[:, case.momentum, :, -1]
    mean = np.where(np.isfinite(final), final, np.inf).mean(-1)
    return float(np.log2(grid.rates[mean.argmin()] / grid.rates[case.rate]))


def _matrix(rows: Sequence[Example], names: Sequence[str]) -> NDArray[np.float64]:
    return np.array([[row.traits[name] for name in names] for row in rows])


def _weights(rows: Sequence[Example]) -> NDArray[np.float64]:
    """Return weights of mean 1; those of rare verdicts are raised."""
    shares: dict[str, float] = {}
    for row in rows:
        shares[row.label.verdict] = shares.get(row.label.verdict, 0.0) + row.weight
    weights = np.array([row.weight * shares[row.label.verdict] ** -RARE for row in rows])
    scaled: NDArray[np.float64] = weights / weights.mean()
    return scaled


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 5) for value in values]


if __name__ == "__main__":
    main()
