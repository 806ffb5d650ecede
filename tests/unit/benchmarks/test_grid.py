"""The grid's arithmetic: who is good, and how often chance finds such a setting."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import grid
from benchmarks.contestants.space import MOMENTUM, RATE
from benchmarks.grid import MOMENTA, Cell, Grid, weight

FRESH = [0.31, 0.28, 0.35, 0.30, 0.33, 0.29, 0.31, 0.30, 0.34, 0.32]


def cells():
    return [Cell(2.0**power, momentum) for momentum in MOMENTA for power in range(-20, 10)]


def test_chances_of_a_grid_that_covers_the_whole_space_add_up_to_one():
    assert sum(map(weight, cells())) == pytest.approx(1.0)


def test_the_chance_of_a_cell_is_how_often_random_settings_lie_nearest_to_it():
    luck = np.random.default_rng(0)
    rates = np.log2(np.exp(luck.uniform(*np.log(RATE), 100_000)))
    momenta = luck.uniform(*MOMENTUM, 100_000)
    nearest = np.abs(momenta[:, None] - np.array(MOMENTA)).argmin(1)
    share = np.mean((np.round(rates) == -3) & (nearest == MOMENTA.index(0.8)))
    assert weight(Cell(2.0**-3, 0.8)) == pytest.approx(share, rel=0.1)


def test_only_cells_as_good_as_the_best_count_for_chance():
    best = Cell(0.125, 0.8, fresh=FRESH)
    worse = Cell(0.25, 0.8, fresh=[1.06 * loss for loss in FRESH])
    close = Cell(0.0625, 0.8, fresh=[1.04 * loss for loss in FRESH])
    found = Grid([best, worse, close, Cell(0.5, 0.8)], best)
    assert found.good == [True, False, True, False]
    assert found.random_share == pytest.approx(1 - (1 - weight(best) - weight(close)) ** 5)
    assert found.counts  # about 12 %


def test_the_best_rate_at_any_momentum_follows_the_nearest_column():
    columns = [Cell(0.1, 0.0, [0.5]), Cell(0.4, 0.0, [0.3]), Cell(0.02, 0.9, [0.2]), Cell(0.05, 0.9, [0.4])]
    found = Grid(columns, columns[2])
    assert found.best_rate(0.0) == pytest.approx(0.4)
    assert found.best_rate(0.9) == pytest.approx(0.02)
    assert found.best_rate(0.92) == pytest.approx(0.02 * 0.08 / 0.1)


def test_a_best_rate_on_the_edge_is_seen():
    inside, edge = Cell(0.1, 0.9), Cell(0.2, 0.9)
    assert Grid([Cell(0.05, 0.9), inside, edge], inside).bracketed
    assert not Grid([inside, edge], edge).bracketed


@pytest.mark.parametrize("name", [name for name in grid.ENTRIES if grid.path_of(name).exists()])
def test_the_grids_kept_as_data_say_what_their_cells_say(name):
    found, data = grid.load(name), grid.records.read(grid.path_of(name))
    assert (data["steps"], len(found.cells)) == (grid.ENTRIES[name].steps, len(MOMENTA) * len(grid.POWERS))
    assert data["random_share"] == pytest.approx(found.random_share, abs=1e-4)
    assert data["counts"] == found.counts
