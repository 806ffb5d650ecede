"""MLflow's SQLite store.

``assets/mlflow.db`` was written by MLflow 3.17.2 at its default place, with two runs, ``calm-owl`` and ``wild-fox``:
twenty values 1 / (step + 1) of ``train/loss``, every fifth twice as much as ``val_loss`` (of wild-fox NaN at step
15), ``inf`` once infinite, the parameters lr, momentum and model. The tables that have nothing to do with these were
dropped, or it would be a megabyte.
"""

import math
import shutil
import sqlite3
from pathlib import Path

import pytest

from surefoot.core.errors import LogError
from surefoot.logs.mlflow import read_run_database
from surefoot.logs.read import read_training_log

DATABASE = Path(__file__).parent / "assets" / "mlflow.db"


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "mlflow.db"
    shutil.copy(DATABASE, path)
    return path


def only(path, name):
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE runs SET lifecycle_stage = 'deleted' WHERE name != ?", [name])


def test_one_run_of_several_is_given_as_a_path_below_the_database(database):
    curve = read_training_log(database / "wild-fox")
    assert curve.train.values.tolist() == [1 / (step + 1) for step in range(20)]
    assert curve.valid.steps.tolist() == [0, 5, 10, 15]
    assert curve.valid.diverged_at == 15
    assert curve.lr.values.tolist() == [0.1]
    assert curve.momentum.values.tolist() == [0.9]


def test_a_stored_infinity_is_infinite(database):
    assert math.isinf(read_run_database(database, "calm-owl")["inf"].values[0])


def test_the_only_run_needs_no_name(database):
    only(database, "calm-owl")
    for path in (database, database.parent):
        assert read_training_log(path).valid.diverged_at is None


@pytest.mark.parametrize(
    ("run", "said"),
    [("", r"2 runs in it: calm-owl, wild-fox\. Hint: give one of them"), ("nope", "no run 'nope' in it, but 2 others")],
)
def test_a_run_must_be_named_where_there_are_several(database, run, said):
    with pytest.raises(LogError, match=said):
        read_training_log(database / run)


def test_runs_of_the_same_name_are_chosen_by_id(database):
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE runs SET name = 'twin'")
        ids = sorted(run for (run,) in connection.execute("SELECT run_uuid FROM runs"))
    for run in ids:
        assert len(read_training_log(database / run).train) == 20
    with pytest.raises(LogError, match=ids[0]):
        read_training_log(database / "twin")


def test_other_databases_are_refused(tmp_path):
    path = tmp_path / "study.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE trials (number)")
    with pytest.raises(LogError, match="not a database of MLflow"):
        read_training_log(path)
    only_deleted = tmp_path / "mlflow.db"
    shutil.copy(DATABASE, only_deleted)
    only(only_deleted, "nobody")
    with pytest.raises(LogError, match="no run with metrics"):
        read_training_log(only_deleted)
