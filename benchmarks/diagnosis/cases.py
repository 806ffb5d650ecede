"""The labelled trainings that a judge is asked about: drawn from the grids, half of them near the valley."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.diagnosis.generate import FOLDER, POWERS, SCHEDULES, Grid, path_of
from benchmarks.diagnosis.labels import Label, Landscape, labelled
from surefoot.recipe.recipe import Recipe

# A setting is near the valley where its final loss is within this share of the grid's lowest.
NEAR = 1.15
# Seed noise is read off settings so far above the lowest: of others it says little.
ALIKE = 1.2
SEED = 20_261_101


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One training whose fault is known.

    Attributes:
        task, optimizer, schedule: Which grid it is from.
        rate, momentum: Its places there.
        recipe: How it was trained.
        label: What is wrong with it.
    """

    task: str
    optimizer: str
    schedule: str
    rate: int
    momentum: int
    recipe: Recipe
    label: Label

    @property
    def name(self) -> str:
        """What it is called in the data files."""
        return f"{self.task} {self.recipe}"


def grids_of(task: str, folder: Path = FOLDER) -> dict[tuple[str, str], Grid]:
    """Return a task's grids by optimizer and schedule, as far as they are computed."""
    pairs = [(optimizer, schedule) for optimizer in POWERS for schedule in SCHEDULES]
    paths = {pair: path_of(task, *pair, folder) for pair in pairs}
    return {pair: Grid.load(path) for pair, path in paths.items() if path.exists()}


def cases_of(task: str, grids: dict[tuple[str, str], Grid], *, each: int) -> Iterator[Case]:
    """Yield cases of one task, so many of each grid: half near the valley, half from elsewhere.

    Args:
        task: Its name.
        grids: By optimizer and schedule.
        each: How many of a grid; fewer where there are not so many.
    """
    noise = noise_of([*grids.values()])
    for number, ((optimizer, schedule), grid) in enumerate(grids.items()):
        generator = np.random.default_rng([SEED, number, *task.encode()])
        landscape = landscape_of(grid, noise)
        labels = [*labelled(landscape)]
        near = landscape.mean < NEAR * landscape.mean.min()
        recipes = grid.recipes(optimizer, schedule)
        sides = [[row for row in labels if near[row[0], row[1]] == side] for side in (True, False)]
        for side in sides:
            for place in sorted(generator.permutation(len(side))[: each // 2].tolist()):
                rate, momentum, label = side[place]
                recipe = recipes[rate * len(grid.momenta) + momentum]
                yield Case(task, optimizer, schedule, rate, momentum, recipe, label)


def landscape_of(grid: Grid, noise: float) -> Landscape:
    """Return what became of a grid of trainings.

    Args:
        grid: The trainings.
        noise: Standard deviation of one seed's log loss, pooled over the task.
    """
    looks = np.where(np.isfinite(grid.valid), grid.valid, np.inf)
    return Landscape(
        grid.rates,
        grid.momenta,
        looks[..., -1],
        looks.min(-1),
        grid.start,
        _falls(grid, looks[:, :, 0]),
        _learns(grid),
        noise,
    )


def noise_of(grids: Sequence[Grid]) -> float:
    """Return the standard deviation of one seed's log loss, pooled over the good settings of a task's grids."""
    variances = []
    for grid in grids:
        final = np.where(np.isfinite(grid.valid[..., -1]), grid.valid[..., -1], np.inf)
        alike = final.mean(-1) < ALIKE * final.mean(-1).min()
        variances += np.log(final[alike]).var(-1, ddof=1).tolist()
    return float(np.sqrt(np.median(variances)))


def _falls(grid: Grid, looks: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell where the training loss falls from the lowest validation loss to the end ``[R, M]``."""
    steps, count = grid.train.shape[-1], looks.shape[-1]
    tenth = max(1, steps // 10)
    falls = np.zeros(looks.shape[:2], dtype=bool)
    for place in np.ndindex(*falls.shape):
        lowest = round(steps * (int(looks[place].argmin()) + 1) / count)
        before, after = grid.train[place][max(0, lowest - tenth) : lowest], grid.train[place][-tenth:]
        falls[place] = bool(np.isfinite(after).all() and after.mean() < before.mean())
    return falls


def _learns(grid: Grid) -> NDArray[np.bool_]:
    """Tell where the training loss ends below the loss before the first step ``[R, M]``."""
    tenth = max(1, grid.train.shape[-1] // 10)
    ends: NDArray[np.bool_] = grid.train[..., -tenth:].mean(-1) < grid.start.mean()
    return ends
