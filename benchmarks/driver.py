"""The search's own time in a study of 1000 trials, as a share of what 1000 short trainings cost.

    python -m benchmarks.driver [--quick]

The trainer of the study trains nothing: its losses are those of a quadratic, which take no time. What is left is the
driver: choosing trials, reading the answer, and writing the study's database, stage by stage as for a fleet. Beside it
stand as many trials of 64 steps of the digits MLP in a fleet as calibrated for them. Both are wall time: they mean
something on an idle machine only.
"""

from __future__ import annotations

import math
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import records
from benchmarks.markdown import DASH, table, target
from benchmarks.scale import scale_of
from surefoot.core.progress import StopCondition, never_stop
from surefoot.core.value_types import Json
from surefoot.fleet.calibration import calibrate
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.cosine import Cosine
from surefoot.search.result import SearchResult
from surefoot.search.tune import tune
from surefoot.tasks.loader import load_task
from surefoot.trainers.fleet_trainer import FleetTrainer
from surefoot.trainers.trial import Outcome, Trial

FILE = "driver.json"
STEPS = 64
# The driver's time over the trainings' at most.
MOST = 0.05
# A search ends by itself after some dozens of trials; recipes to compare, on five seeds each, make the others.
SEEDS = 5
BEST_LR, BEST_MOMENTUM, NOISE = 0.3, 0.8, 0.02


@dataclass(slots=True)
class QuadraticTrainer:
    """A Trainer whose trials take no time.

        loss = 1 + 0.1 log(lr / ((1 - momentum) u))² / (1 + steps / 64) + (momentum - 0.8)² + noise

    with u = 0.3 / (1 - 0.8), and noise from the trial's recipe, length and seed.

    Attributes:
        seconds: What its trials have taken all the same.
    """

    name: str = "quadratic"
    steps: int = STEPS
    capacity: int = 16
    has_metric: bool = False
    exact: bool = False
    stop: StopCondition = never_stop
    seconds: float = 0.0

    def train(self, trials: Sequence[Trial]) -> Iterator[tuple[Trial, Outcome]]:
        begin = time.perf_counter()
        found = [(trial, Outcome(quadratic(trial))) for trial in trials]
        self.seconds += time.perf_counter() - begin
        yield from found

    def describe(self) -> dict[str, Json]:
        return {"kind": "quadratic", "steps": self.steps}


def quadratic(trial: Trial) -> float:
    """Return the loss of a trial."""
    lr, momentum = trial.recipe.lr.highest, trial.recipe.momentum.highest
    effective = math.log(lr / (1 - momentum)) - math.log(BEST_LR / (1 - BEST_MOMENTUM))
    noise = NOISE * random.Random(f"{trial.recipe} {trial.steps} {trial.seed}").random()
    return 1.0 + 0.1 * effective**2 / (1 + trial.steps / STEPS) + (momentum - BEST_MOMENTUM) ** 2 + noise


def compared(trials: int) -> list[Recipe]:
    """Return recipes that make a study of so many trials where each is trained on five seeds.

    Example:
        >>> len(compared(1000)), str(compared(10)[0])
        (200, 'sgd(lr=cosine(0.01), momentum=0.8)')
    """
    count = math.ceil(trials / SEEDS)
    rates = np.geomspace(0.01, 1.0, count)
    return [Recipe.of("sgd", lr=Cosine(float(f"{lr:.4g}")), momentum=BEST_MOMENTUM) for lr in rates]


def study(trials: int) -> tuple[SearchResult, float]:
    """Run a study of at least so many trials; return its result and the driver's seconds."""
    trainer = QuadraticTrainer()
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        found = tune(trainer, budget=f"{3 * trials}x", compare=compared(trials), study=Path(folder) / "study.db")
        return found, time.perf_counter() - begin - trainer.seconds


def short_trainings(trials: int) -> float:
    """Return the seconds of so many trials of the digits MLP."""
    task = load_task("digits", steps=STEPS)
    rates = np.geomspace(0.01, 1.0, trials)
    asked = [Trial(Recipe.of("sgd", lr=Cosine(float(lr)), momentum=0.9), STEPS, 0) for lr in rates]
    plan = calibrate(task, members=trials, config_steps=trials * STEPS)
    begin = time.perf_counter()
    for _ in FleetTrainer(task, plan).train(asked):
        pass
    return time.perf_counter() - begin


def targets(data: dict[str, Any] | None) -> list[list[str]]:
    """Return the row of the table of targets."""
    found = DASH if data is None else f"{_share(data):.0%} ({data['trials']} trials)"
    text = f"the driver in a study of 1000 trials: at most 5 % of as many trials of {STEPS} steps of digits"
    return [target(text, found, met=None if data is None else _share(data) <= MOST)]


def section(data: dict[str, Any] | None) -> str:
    """Return the driver's time beside the trainings'."""
    if data is None:
        return ""
    row = [str(data["trials"]), *(f"{data[key]:.1f}" for key in ("driver_seconds", "training_seconds"))]
    head = ["trials", "driver, s", f"as many trials of {STEPS} steps of digits, s", "share"]
    return f"\n## The driver\n\n{table(head, [[*row, f'{_share(data):.0%}']])}"


def _share(data: dict[str, Any]) -> float:
    return float(data["driver_seconds"] / data["training_seconds"])


def main() -> None:
    scale = scale_of(__doc__)
    study(10)  # what is imported on first use is no part of it
    found, seconds = study(scale.trials)
    row = {
        "trials": found.trials,
        "driver_seconds": round(seconds, 3),
        "training_seconds": round(short_trainings(found.trials), 3),
    }
    print(f"{found.trials} trials: driver {seconds:.1f} s, trainings {row['training_seconds']:.1f} s", flush=True)
    records.write(scale.folder / FILE, row | {"machine": records.surroundings()})


if __name__ == "__main__":
    main()
