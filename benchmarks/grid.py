"""A dense grid over learning rate and momentum for every task, kept as data: what the others are held against.

    python -m benchmarks.grid [--quick]          # computes what is missing; delete data/grid-TASK.json to do it anew

SGD under cosine annealing to zero, as surefoot searches by default: every factor of 2 of lr / (1 - momentum) from 2^-8
to 2^6, at momentum 0, 0.5, 0.8, 0.9, 0.95, 0.98. Every cell is trained on one seed; those within a factor of 1.5 of the
lowest loss on two more; the six lowest on five more, whose lowest mean is the grid's best. Then the best and all within
a factor of 1.15 are trained on the ten fresh seeds: that says which cells are good, and how often five random settings
hold a good one. A task where they rarely do (< 20 %) counts; the others are easy.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import records
from benchmarks.contestants.space import MOMENTUM, RATE
from benchmarks.entries import ENTRIES
from benchmarks.judging import FRESH_SEEDS, GOOD, paired_upper_bound, train
from benchmarks.scale import DATA, scale_of
from surefoot.fleet import Plan, calibrate
from surefoot.recipe import Recipe
from surefoot.schedules import Cosine
from surefoot.tasks.task import Task

MOMENTA = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98)
POWERS = range(-8, 7)
SEARCH_SEEDS = tuple(range(900_001, 900_009))
# Most loss over the lowest that goes on to more seeds, and how many cells decide which is best.
VALLEY, FINALISTS, NEAR = 1.5, 6, 1.15
RANDOM_SETTINGS, RARELY = 5, 0.20


@dataclass(slots=True)
class Cell:
    """A setting of the grid with its losses on search seeds and on fresh ones."""

    lr: float
    momentum: float
    search: list[float] = field(default_factory=list)
    fresh: list[float] = field(default_factory=list)

    @property
    def recipe(self) -> Recipe:
        return Recipe.of("sgd", lr=Cosine(self.lr), momentum=self.momentum)

    @property
    def effective(self) -> float:
        return self.lr / (1 - self.momentum)


@dataclass(frozen=True, slots=True)
class Grid:
    """A task's grid: every cell, and the best of them."""

    cells: list[Cell]
    best: Cell

    @property
    def good(self) -> list[bool]:
        """Which cells are good."""
        return [bool(cell.fresh) and paired_upper_bound(cell.fresh, self.best.fresh) <= GOOD for cell in self.cells]

    def best_rate(self, momentum: float) -> float:
        """Return the grid's best learning rate at a momentum: the best lr / (1 - momentum) of its nearest column.

        Nearest in the memory 1 / (1 - momentum), by its logarithm.
        """
        column = min(
            {cell.momentum for cell in self.cells}, key=lambda other: abs(math.log((1 - other) / (1 - momentum)))
        )
        best = min((cell for cell in self.cells if cell.momentum == column), key=_mean)
        return best.effective * (1 - momentum)

    @property
    def random_share(self) -> float:
        """How often five random settings hold a good one."""
        share = sum(weight(cell) for cell, good in zip(self.cells, self.good, strict=True) if good)
        return 1.0 - (1.0 - share) ** RANDOM_SETTINGS

    @property
    def counts(self) -> bool:
        """Whether the task is hard enough to count."""
        return self.random_share < RARELY

    @property
    def bracketed(self) -> bool:
        """Whether rates were tried on both sides of the best."""
        tried = [cell.effective for cell in self.cells]
        return min(tried) < 0.99 * self.best.effective and self.best.effective < 0.99 * max(tried)


def weight(cell: Cell) -> float:
    """Return the chance that a random setting of the rivals' space lies nearer to this cell than to any other.

    Nearer: within a factor of √2 of its rate, and between the midpoints to the neighbouring momenta.
    """
    half = np.log(2.0) / 2
    low, high = np.log(RATE)
    covered = max(0.0, min(np.log(cell.lr) + half, high) - max(np.log(cell.lr) - half, low))
    place = MOMENTA.index(cell.momentum)
    borders = [MOMENTUM[0], *((a + b) / 2 for a, b in pairwise(MOMENTA)), MOMENTUM[1]]
    return float(covered / (high - low) * (borders[place + 1] - borders[place]) / (MOMENTUM[1] - MOMENTUM[0]))


def compute(task: Task, plan: Plan) -> Grid:
    """Train the grid."""
    cells = [Cell(float(f"{2.0**power * (1 - momentum):.6g}"), momentum) for momentum in MOMENTA for power in POWERS]
    _more(task, plan, cells, SEARCH_SEEDS[:1])
    valley = _within(cells, VALLEY)
    _more(task, plan, valley, SEARCH_SEEDS[1:3])
    near = _within(valley, NEAR)
    finalists = sorted(near, key=_mean)[:FINALISTS]
    _more(task, plan, finalists, SEARCH_SEEDS[3:])
    fresh = train(task, [cell.recipe for cell in near], FRESH_SEEDS, plan)
    for cell, found in zip(near, fresh.tolist(), strict=True):
        cell.fresh = found
    return Grid(cells, min(finalists, key=_mean))


def load(name: str, folder: Path = DATA) -> Grid:
    """Return a task's grid as it was computed before.

    Raises:
        FileNotFoundError: If it was not.
    """
    data = records.read(path_of(name, folder))
    if data is None:
        raise FileNotFoundError(f"{path_of(name, folder)}: run python -m benchmarks.grid first.")
    cells = [
        Cell(row["lr"], row["momentum"], records.losses(row["search"]), records.losses(row["fresh"]))
        for row in data["cells"]
    ]
    return Grid(cells, next(cell for cell in cells if [cell.lr, cell.momentum] == data["best"]))


def path_of(name: str, folder: Path = DATA) -> Path:
    return folder / f"grid-{name}.json"


def _more(task: Task, plan: Plan, cells: list[Cell], seeds: tuple[int, ...]) -> None:
    for cell, found in zip(cells, train(task, [cell.recipe for cell in cells], seeds, plan).tolist(), strict=True):
        cell.search += found


def _within(cells: list[Cell], factor: float) -> list[Cell]:
    lowest = min(map(_mean, cells))
    return [cell for cell in cells if _mean(cell) <= factor * lowest]


def _mean(cell: Cell) -> float:
    return float(np.mean(cell.search))


def _data(name: str, grid: Grid, *, seconds: float) -> dict[str, Any]:
    return {
        "task": name,
        "steps": ENTRIES[name].steps,
        "best": [grid.best.lr, grid.best.momentum],
        "bracketed": grid.bracketed,
        "random_share": round(grid.random_share, 4),
        "counts": grid.counts,
        "seconds": round(seconds, 1),
        **records.surroundings(),
        "cells": [
            {
                "lr": cell.lr,
                "momentum": cell.momentum,
                "search": records.numbers(cell.search),
                "fresh": records.numbers(cell.fresh),
            }
            for cell in grid.cells
        ],
    }


def main() -> None:
    for name in scale_of(__doc__).tasks:
        if not path_of(name).exists():
            begin = time.perf_counter()
            task = ENTRIES[name].load()
            grid = compute(task, calibrate(task, members=32))
            records.write(path_of(name), _data(name, grid, seconds=time.perf_counter() - begin))
        grid = load(name)
        print(
            f"{name:18} best {grid.best.recipe!s:44} five random settings hold a good one: {grid.random_share:.0%}"
            f"{'' if grid.counts else ', easy'}{'' if grid.bracketed else ', NOT BRACKETED'}",
            flush=True,
        )


if __name__ == "__main__":
    main()
