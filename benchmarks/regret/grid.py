"""The truth of every task: a dense grid over learning rate, momentum and, where it matters, the length of the training.

    python -m benchmarks.regret.grid [--development] [TASK ...]     # goes on where it was broken off

SGD under cosine annealing to zero. A coarse pass of short trainings finds the rates at which a task trains at all;
around them lies a lattice of a factor 2 in lr / (1 - momentum), at momentum 0, 0.5, 0.8, 0.9, 0.95 and 0.98. Every cell
is trained on one seed. Those within 1.3x of the lowest loss (16 at least) get two more seeds; the best are then
surrounded by cells of a factor of the square root of 2; the six lowest are trained on ten fresh seeds (more where some
of them diverge there), and the lowest mean of those is the truth. A lattice whose best cell is on its edge is extended.

A task that overfits has such a grid at every length from the full one down to 1/32; the others at full length and, on
the development tasks, at 1/8. On every test task six cells are trained at half the length too: where those are better,
the task overfits after all, and all lengths follow.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import records
from benchmarks.regret.tasks import DEVELOPMENT, ENTRIES, TEST
from benchmarks.regret.training import train
from benchmarks.scale import DATA
from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.cosine import Cosine
from surefoot.tasks.task import Task

FOLDER = DATA / "regret"
MOMENTA = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98)
SEARCH_SEEDS = (900_001, 900_002, 900_003)
FRESH_SEEDS = tuple(range(700_001, 700_011))
# Parts of the full length, and the fewest steps that are worth a grid.
PARTS, SHORT, LEAST_STEPS = (1, 2, 4, 8, 16, 32), 8, 25
# The coarse pass: every factor of 4 at two momenta, in trainings of an eighth.
COARSE, COARSE_MOMENTA, COARSE_LEAST_STEPS = range(-14, 13, 2), (0.0, 0.9), 50
# The lattice, in factors of 2 around the best rates of the coarse pass, and by how much it is extended at an edge.
# The development tasks' reach further down: searches are simulated on them.
BELOW, BELOW_DEVELOPMENT, ABOVE, MORE = 6, 9, 5, 3
# Most loss over the lowest that goes on to more seeds; and how many are surrounded, and decide which is best.
VALLEY, FINALISTS = 1.3, 6
# So many cells have more seeds at least and at most; and so many of the finalists are to be stable on all fresh seeds.
LEAST_VALLEY, MOST_VALLEY, LEAST_STABLE = 16, 30, 4
# Of the procedure: grids of an older one are refined, keeping what they have.
VERSION = 2
SHARE_OF_FACTOR = 0.5
# A task of so many steps is worth the compiler, whose programs are fastest at that width.
COMPILED_STEPS = 400


@dataclass(slots=True)
class Cell:
    """A setting at one length, with its losses on search seeds and on fresh ones.

    Attributes:
        power: The logarithm of lr / (1 - momentum) to the base 2.
        momentum: Momentum.
        steps: Length of the training.
        search: Final validation losses on the search seeds; ``inf`` where a training diverged.
        fresh: The same on the fresh seeds.
    """

    power: float
    momentum: float
    steps: int
    search: list[float] = field(default_factory=list)
    fresh: list[float] = field(default_factory=list)

    @property
    def lr(self) -> float:
        return float(f"{2.0**self.power * (1 - self.momentum):.6g}")

    @property
    def recipe(self) -> Recipe:
        return Recipe.of("sgd", lr=Cosine(self.lr), momentum=self.momentum)

    @property
    def mean(self) -> float:
        return float(np.mean(self.search))


@dataclass(frozen=True, slots=True)
class Truth:
    """The best setting of a grid.

    Attributes:
        cell: The setting and its length.
        loss: Mean loss on the fresh seeds.
        log_error: Standard error of the logarithm of that mean.
        full: The best cell of the full length.
    """

    cell: Cell
    loss: float
    log_error: float
    full: Cell


def truth_of(cells: Iterable[Cell]) -> Truth:
    """Return the cell with the lowest mean loss on the fresh seeds, of all lengths."""
    judged = [cell for cell in cells if cell.fresh]
    longest = max(cell.steps for cell in judged)
    best = min(judged, key=lambda cell: np.mean(cell.fresh))
    full = min((cell for cell in judged if cell.steps == longest), key=lambda cell: np.mean(cell.fresh))
    losses = np.array(best.fresh)
    error = float(losses.std(ddof=1) / math.sqrt(len(losses)) / losses.mean())
    return Truth(best, float(losses.mean()), error, full)


def lengths_of(total: int, parts: Sequence[int] = PARTS) -> list[int]:
    """Return the lengths of a grid: parts of the full one, of so many steps at least.

    Example:
        >>> lengths_of(220)
        [220, 110, 55, 28]
    """
    lengths = [round(total / part) for part in parts]
    return [steps for steps in lengths if steps >= LEAST_STEPS or steps == total]


def within(cells: Sequence[Cell], factor: float) -> list[Cell]:
    """Return the cells whose mean loss is at most so many times the lowest."""
    limit = factor * min(cell.mean for cell in cells)
    return [cell for cell in cells if cell.mean <= limit]


def edges(cells: Sequence[Cell]) -> tuple[bool, bool]:
    """Tell whether the best cell lies at the lower and at the upper edge of the rates tried."""
    best = min(cells, key=lambda cell: cell.mean).power
    return best <= min(cell.power for cell in cells), best >= max(cell.power for cell in cells)


def surrounding(cells: Sequence[Cell], *, count: int = FINALISTS) -> list[Cell]:
    """Return new cells of half a factor of 2 below and above the best ones."""
    known = {(cell.power, cell.momentum) for cell in cells}
    wanted = {
        (cell.power + side, cell.momentum)
        for cell in sorted(cells, key=lambda cell: cell.mean)[:count]
        for side in (-SHARE_OF_FACTOR, SHARE_OF_FACTOR)
    }
    return [Cell(power, momentum, cells[0].steps) for power, momentum in sorted(wanted - known)]


def window(task: Task, plan: Plan, *, below: int = BELOW) -> range:
    """Return the powers of 2 of the lattice, found by a coarse pass of short trainings."""
    steps = min(task.total_steps, max(COARSE_LEAST_STEPS, round(task.total_steps / SHORT)))
    cells = [Cell(float(power), momentum, steps) for momentum in COARSE_MOMENTA for power in COARSE]
    _search(task, plan, cells, SEARCH_SEEDS[:1])
    best = [
        min((cell for cell in cells if cell.momentum == momentum), key=lambda cell: cell.mean).power
        for momentum in COARSE_MOMENTA
    ]
    return range(round(min(best)) - below, round(max(best)) + ABOVE)


def compute(task: Task, plan: Plan, powers: range, steps: int) -> list[Cell]:
    """Train the grid of one length."""
    cells = [Cell(float(power), momentum, steps) for momentum in MOMENTA for power in powers]
    _search(task, plan, cells, SEARCH_SEEDS[:1])
    for _ in range(3):
        low, high = edges(cells)
        if not low and not high:
            break
        powers = range(powers.start - MORE * low, powers.stop + MORE * high)
        new = [power for power in powers if power not in {cell.power for cell in cells}]
        more = [Cell(float(power), momentum, steps) for momentum in MOMENTA for power in new]
        _search(task, plan, more, SEARCH_SEEDS[:1])
        cells += more
    return settle(task, plan, cells)


def settle(task: Task, plan: Plan, cells: list[Cell]) -> list[Cell]:
    """Refine the grid of one length until its best cells are known; what was trained before is not trained again."""
    _more_seeds(task, plan, cells)
    more = surrounding(cells)
    _search(task, plan, more, SEARCH_SEEDS[:1])
    cells = [*cells, *more]
    _more_seeds(task, plan, cells)
    ranked, count = sorted(cells, key=lambda cell: cell.mean), FINALISTS
    while True:
        _fresh(task, plan, [cell for cell in ranked[:count] if not cell.fresh])
        stable = sum(math.isfinite(np.mean(cell.fresh)) for cell in ranked[:count])
        if stable >= LEAST_STABLE or count >= LEAST_VALLEY:
            return sorted(cells, key=lambda cell: (cell.momentum, cell.power))
        count += 2


def valley(cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells that deserve more seeds: those near the lowest loss, some at least and not too many.

    One seed's lowest loss may be a lucky one at the edge of divergence, to which little else comes near.
    """
    near = len(within(cells, VALLEY))
    return sorted(cells, key=lambda cell: cell.mean)[: min(max(near, LEAST_VALLEY), MOST_VALLEY)]


def _more_seeds(task: Task, plan: Plan, cells: Sequence[Cell]) -> None:
    """Train the valley on the other search seeds, until all of it has been."""
    while waiting := [cell for cell in valley(cells) if len(cell.search) == 1]:
        _search(task, plan, waiting, SEARCH_SEEDS[1:])


def shorter_is_better(task: Task, plan: Plan, cells: Sequence[Cell]) -> bool:
    """Tell whether half the length is better, trying the best settings of the full length at half of it."""
    steps = round(task.total_steps / 2)
    half = [Cell(cell.power, cell.momentum, steps) for cell in cells if cell.fresh]
    _fresh(task, plan, half)
    return min(float(np.mean(cell.fresh)) for cell in half) < truth_of(cells).loss


def path_of(name: str, folder: Path = FOLDER) -> Path:
    return folder / f"grid-{name}.json"


def load(name: str, folder: Path = FOLDER) -> list[Cell]:
    """Return the cells of a task's grid as they were computed before.

    Raises:
        FileNotFoundError: If they were not.
    """
    data = records.read(path_of(name, folder))
    if data is None or not data["complete"]:
        raise FileNotFoundError(f"{path_of(name, folder)}: run python -m benchmarks.regret.grid {name} first.")
    return _cells(data)


def run(name: str, folder: Path = FOLDER) -> list[Cell]:
    """Return a task's grid; compute what is missing, length by length."""
    path, entry = path_of(name, folder), ENTRIES[name]
    data = records.read(path, {"task": name, "complete": False, "seconds": 0.0, "cells": []})
    if data["complete"] and data.get("version") == VERSION:
        return _cells(data)
    task = entry.make()
    plan = plan_of(task)
    cells, begin = _cells(data), time.perf_counter() - data["seconds"]
    if "powers" not in data:
        powers = window(task, plan, below=BELOW_DEVELOPMENT if name in DEVELOPMENT else BELOW)
        data |= {"steps": task.total_steps, "powers": [powers.start, powers.stop]}
    powers = range(*data["powers"])
    overfits = entry.overfits or data.get("overfits", False)
    parts = PARTS if overfits else (1, SHORT) if name in DEVELOPMENT else (1,)
    waiting = lengths_of(task.total_steps, parts)
    while waiting:
        steps = waiting.pop(0)
        own = [cell for cell in cells if cell.steps == steps]
        if not own or data.get("version") != VERSION:
            found = settle(task, plan, own) if own else compute(task, plan, powers, steps)
            cells = [cell for cell in cells if cell.steps != steps] + found
            best = truth_of(cell for cell in cells if cell.steps == steps)
            print(f"{name:18} {steps:5} steps: {_line(best)}, {time.perf_counter() - begin:.0f} s", flush=True)
        if steps == task.total_steps and not overfits and name in TEST and "overfits" not in data:
            data["overfits"] = overfits = shorter_is_better(task, plan, cells)
            waiting = lengths_of(task.total_steps)[1:] if overfits else waiting
        records.write(path, data | _found(cells, time.perf_counter() - begin, complete=not waiting))
    return cells


def plan_of(task: Task) -> Plan:
    """Return how a grid is trained: one process, compiled where there is enough work to pay for the compiler."""
    compiled = task.total_steps >= COMPILED_STEPS
    return Plan("stacked", width=16 if compiled else 32, compiled=compiled, processes=1)


def _search(task: Task, plan: Plan, cells: Sequence[Cell], seeds: Sequence[int]) -> None:
    for cell, losses in zip(cells, _losses(task, plan, cells, seeds), strict=True):
        cell.search += losses


def _fresh(task: Task, plan: Plan, cells: Sequence[Cell]) -> None:
    for cell, losses in zip(cells, _losses(task, plan, cells, FRESH_SEEDS), strict=True):
        cell.fresh = losses


def _losses(task: Task, plan: Plan, cells: Sequence[Cell], seeds: Sequence[int]) -> list[list[float]]:
    return train(task, plan, [(cell.recipe, cell.steps) for cell in cells], seeds)


def _cells(data: dict[str, Any]) -> list[Cell]:
    return [
        Cell(row["power"], row["momentum"], row["steps"], records.losses(row["search"]), records.losses(row["fresh"]))
        for row in data["cells"]
    ]


def _found(cells: Sequence[Cell], seconds: float, *, complete: bool) -> dict[str, Any]:
    truth = truth_of(cells)
    best = truth.cell
    return {
        "complete": complete,
        **({"version": VERSION} if complete else {}),
        "best": {
            "recipe": str(best.recipe),
            "steps": best.steps,
            "loss": float(f"{truth.loss:.6g}"),
            "log_error": float(f"{truth.log_error:.3g}"),
        },
        "full": {"recipe": str(truth.full.recipe), "loss": float(f"{np.mean(truth.full.fresh):.6g}")},
        "seconds": round(seconds, 1),
        **records.surroundings(),
        "cells": [
            {
                "steps": cell.steps,
                "power": cell.power,
                "momentum": cell.momentum,
                "lr": cell.lr,
                "search": records.numbers(cell.search),
                "fresh": records.numbers(cell.fresh),
            }
            for cell in cells
        ],
    }


def _line(truth: Truth) -> str:
    return f"{truth.loss:.4g} ± {truth.log_error:.1%} by {truth.cell.recipe!s}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help="all, the development tasks first")
    parser.add_argument("--development", action="store_true", help="the development tasks only")
    asked = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in asked.tasks or (DEVELOPMENT if asked.development else ENTRIES):
        truth = truth_of(run(name))
        print(f"{name:18} best of all: {truth.cell.steps} steps, {_line(truth)}", flush=True)


if __name__ == "__main__":
    main()
