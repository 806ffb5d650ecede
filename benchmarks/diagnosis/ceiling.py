"""How right a judge can be at all: one that trains the whole grid, on other seeds than the labels'.

It applies the labels' own rules to its own seeds. What it gets wrong is the noise of labels that rest on a few seeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from benchmarks.diagnosis.cases import cases_of, grids_of, landscape_of, noise_of
from benchmarks.diagnosis.generate import Grid
from benchmarks.diagnosis.labels import advice_of, label
from benchmarks.diagnosis.score import Advised


def by_whole_grids(tasks: Sequence[str], seeds: int, *, each: int) -> list[Advised]:
    """Return the verdicts and the advice of a judge that trains the whole grid on so many seeds.

    Each stands beside the label from the other seeds, and is followed on them.

    Args:
        tasks: Names.
        seeds: On how many seeds it trains; every such run of neighbours is taken in turn.
        each: Cases of each grid.
    """
    return [row for task in tasks for row in _of_task(task, seeds, each)]


def _of_task(task: str, seeds: int, each: int) -> Iterator[Advised]:
    grids = grids_of(task)
    noise = noise_of([*grids.values()])
    cases = [*cases_of(task, grids, each=each)]
    for pair, grid in grids.items():
        count = len(grid.start)
        for first in range(count - seeds + 1):
            own = [*range(first, first + seeds)]
            others = _on(grid, [seed for seed in range(count) if seed not in own])
            mine, labels = landscape_of(_on(grid, own), noise), landscape_of(others, noise)
            for case in cases:
                if (case.optimizer, case.schedule) == pair:
                    place = case.rate, case.momentum
                    known = replace(case, label=label(labels, *place))
                    yield Advised(known, others, label(mine, *place).verdict, advice_of(mine, *place))


def _on(grid: Grid, seeds: list[int]) -> Grid:
    return replace(grid, start=grid.start[seeds], valid=grid.valid[:, :, seeds])
