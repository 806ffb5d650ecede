"""The labelled benchmark's data: grids of trainings on every task, by optimizer and schedule.

    python -m benchmarks.diagnosis.generate [--quick]   # computes what is missing in data/diagnosis/

On each task SGD and Adam train under a constant learning rate and under cosine annealing, at every factor of 2 of the
learning rate and seven momenta (Adam's beta1), on five seeds that all settings share. Kept are the validation loss
before, on the way and at the end, and of the first seed every step's training loss, as a log would have them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.diagnosis import tasks
from benchmarks.scale import DATA
from surefoot.core.files import atomic_path
from surefoot.fleet.calibration import calibrate
from surefoot.fleet.create_and_save_fleet import create_fleet
from surefoot.fleet.evaluation import evaluate_members
from surefoot.fleet.fleet import Fleet
from surefoot.fleet.plan import Plan
from surefoot.fleet.training import train_members
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.constant import Constant
from surefoot.schedules.cosine import Cosine
from surefoot.schedules.schedule import Schedule
from surefoot.tasks.task import Task

FOLDER = DATA / "diagnosis"
MOMENTA = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99)
# Powers of 2 between which the learning rates lie.
POWERS = {"sgd": range(-13, 5), "adam": range(-16, 1)}
SCHEDULES: dict[str, Callable[[float], Schedule]] = {"constant": Constant, "cosine": Cosine}
SEEDS = tuple(range(500_001, 500_006))
# Looks at the validation loss on the way, evenly spaced; the last is at the end.
LOOKS = 20


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Trainings of one task with one optimizer and schedule.

    Attributes:
        rates: ``[R]``.
        momenta: ``[M]``.
        start: Validation loss before the first step ``[seeds]``.
        valid: Validation loss on the way ``[R, M, seeds, looks]``; not finite from divergence on.
        train: Training loss of the first seed, every step ``[R, M, steps]``.
    """

    rates: NDArray[np.float64]
    momenta: NDArray[np.float64]
    start: NDArray[np.float64]
    valid: NDArray[np.float64]
    train: NDArray[np.float64]

    def recipes(self, optimizer: str, schedule: str) -> list[Recipe]:
        """Return the recipe of every setting, rates first."""
        return recipes_of(self.rates.tolist(), self.momenta.tolist(), optimizer, schedule)

    def save(self, path: Path) -> None:
        """Write it, losses to about three digits: half precision of their logarithms."""
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file,
                rates=self.rates,
                momenta=self.momenta,
                start=self.start,
                valid=_packed(self.valid),
                train=_packed(self.train),
            )

    @classmethod
    def load(cls, path: Path) -> Grid:
        """Read what :meth:`save` wrote."""
        with np.load(path) as data:
            return cls(
                data["rates"], data["momenta"], data["start"], _unpacked(data["valid"]), _unpacked(data["train"])
            )


def recipes_of(rates: list[float], momenta: list[float], optimizer: str, schedule: str) -> list[Recipe]:
    """Return a recipe for every rate and momentum, rates first."""
    knob = "momentum" if optimizer == "sgd" else "beta1"
    return [
        Recipe.of(optimizer, lr=SCHEDULES[schedule](rate), **{knob: momentum}) for rate in rates for momentum in momenta
    ]


def path_of(task: str, optimizer: str, schedule: str, folder: Path = FOLDER) -> Path:
    """Return where a grid is kept."""
    return folder / f"{task}-{optimizer}-{schedule}.npz"


def compute(task: Task, optimizer: str, schedule: str, plan: Plan, *, seeds: tuple[int, ...], every: int = 1) -> Grid:
    """Train a grid.

    Args:
        task: What is trained.
        optimizer, schedule: How.
        plan: For the fleets.
        seeds: On which.
        every: Take each ``every``-th rate only.
    """
    rates = [2.0**power for power in POWERS[optimizer][::every]]
    recipes = recipes_of(rates, [*MOMENTA], optimizer, schedule)
    shape = (len(rates), len(MOMENTA))
    start, valid = np.empty(len(seeds)), np.empty((*shape, len(seeds), LOOKS))
    train = np.empty((*shape, task.total_steps))
    for number, seed in enumerate(seeds):
        fleet = create_fleet(task, recipes, seed=seed, plan=plan)
        start[number] = float(evaluate_members(fleet, "valid", members=[0]).loss[0])
        losses, looks = _train(fleet, task.total_steps)
        valid[:, :, number] = looks.reshape(*shape, LOOKS)
        if number == 0:
            train[:] = losses.reshape(*shape, -1)
    return Grid(np.array(rates), np.array(MOMENTA), start, valid, train)


def _train(fleet: Fleet, steps: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return training losses ``[members, steps]`` and looks at the validation loss ``[members, looks]``."""
    losses, looks, done = [], [], 0
    for look in range(1, LOOKS + 1):
        until = round(steps * look / LOOKS)
        losses.append(train_members(fleet, until - done).double().numpy())
        looks.append(evaluate_members(fleet, "valid").loss.double().numpy())
        done = until
    return np.concatenate(losses).T, np.stack(looks, axis=1)


def _packed(losses: NDArray[np.float64]) -> NDArray[np.float16]:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.log(losses).astype(np.float16)


def _unpacked(logs: NDArray[np.float16]) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):
        return np.exp(logs.astype(np.float64))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one task, every fourth rate, two seeds; in data/quick")
    quick = parser.parse_args().quick
    folder = DATA / "quick" / "diagnosis" if quick else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for make in (tasks.digits,) if quick else (*tasks.TRAIN, *tasks.TEST):
        task = make()
        missing = [
            (optimizer, schedule)
            for optimizer in POWERS
            for schedule in SCHEDULES
            if not path_of(task.name, optimizer, schedule, folder).exists()
        ]
        plan = calibrate(task, members=64, config_steps=10**6) if missing else None
        for optimizer, schedule in missing:
            begin = time.perf_counter()
            assert plan is not None
            seeds, every = (SEEDS[:2], 4) if quick else (SEEDS, 1)
            grid = compute(task, optimizer, schedule, plan, seeds=seeds, every=every)
            grid.save(path_of(task.name, optimizer, schedule, folder))
            print(f"{task.name:18} {optimizer:5} {schedule:9} {time.perf_counter() - begin:6.0f} s", flush=True)


if __name__ == "__main__":
    main()
