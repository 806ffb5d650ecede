import numpy as np
import pytest

from benchmarks.diagnosis import tasks
from benchmarks.diagnosis.generate import LOOKS, MOMENTA, POWERS, Grid, compute
from surefoot.fleet.create_and_save_fleet import create_fleet
from surefoot.fleet.evaluation import evaluate_members
from surefoot.fleet.plan import Plan
from surefoot.fleet.training import train_members
from surefoot.tasks.loader import load_task

PLAN = Plan("stacked", 64)


def test_a_grid_holds_the_trainings_of_its_recipes_and_survives_its_file(tmp_path):
    wine = load_task("wine", steps=40)
    grid = compute(wine, "sgd", "cosine", PLAN, seeds=(3, 4), every=6)
    assert grid.valid.shape == (3, len(MOMENTA), 2, LOOKS)
    assert grid.train.shape == (3, len(MOMENTA), 40)
    assert grid.rates.tolist() == [2.0**power for power in POWERS["sgd"][::6]]
    place = len(MOMENTA) + 3  # the second rate, the fourth momentum
    alone = create_fleet(wine, [grid.recipes("sgd", "cosine")[place]], seed=3, plan=PLAN)
    assert float(evaluate_members(alone, "valid").loss) == pytest.approx(grid.start[0])
    losses = train_members(alone, 40)[:, 0].numpy()
    assert losses == pytest.approx(grid.train[1, 3], rel=1e-4)
    assert float(evaluate_members(alone, "valid").loss) == pytest.approx(grid.valid[1, 3, 0, -1], rel=1e-4)
    grid.save(tmp_path / "grid.npz")
    again = Grid.load(tmp_path / "grid.npz")
    for name in ("rates", "momenta", "start"):
        assert np.array_equal(getattr(again, name), getattr(grid, name))
    for name in ("valid", "train"):
        # Half precision of the logarithm: 1e-3 of its size.
        known = np.isfinite(getattr(grid, name)) & (getattr(grid, name) > 1e-3)
        assert getattr(again, name)[known] == pytest.approx(getattr(grid, name)[known], rel=2e-2)
        assert np.array_equal(np.isfinite(getattr(again, name)), np.isfinite(getattr(grid, name)))


def test_tasks_to_fit_on_and_tasks_to_score_on_share_no_name():
    names = [make().name for make in (*tasks.TRAIN, *tasks.TEST)]
    assert len(set(names)) == len(names) >= 8
