"""Trains what unit tests show, once, and records it: ``python -m tests.recorded.record``.

A unit test of a figure, table or page needs a real result and trains nothing: it reads one from ``studies.db``, as
``surefoot report`` would. The numbers may differ from those that a search would give today; that the library can still
read them is tested on the way.
"""

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import surefoot
from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import DEFAULT_RECIPE, Recipe
from surefoot.studies.database import Database
from surefoot.studies.study import Study
from surefoot.studies.study_session import TrialRecorder
from surefoot.tasks.loader import load_task
from surefoot.trainers.fleet_trainer import FleetTrainer
from surefoot.trainers.trial import Trial

DATABASE = Path(__file__).with_name("studies.db")
PLAN = Plan("stacked", 16, threads=1)
# The numbers of the studies, in the order in which they are recorded.
TUNE, FIND, CHECK, GRID = 1, 2, 3, 4
RATES, MOMENTA = (0.003, 0.02, 0.1, 0.5, 2.0, 10.0), (0.0, 0.9, 0.97)


def record():
    """Record a tune, a find, a check, and trials of a grid of recipes."""
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder, DATABASE.name)
        surefoot.tune("wine", budget="6x", plan=PLAN, study=database)
        surefoot.find("wine", plan=PLAN, study=database)
        surefoot.check("wine", "sgd(lr=0.0001, momentum=0.9)", budget="6x", plan=PLAN, study=database)
        record_grid(database)
        forget_folder(database)
        shutil.copy(database, DATABASE)


def forget_folder(database):
    """Leave the name of the database alone where its path was recorded, and the file as small as it can be."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("UPDATE study SET result = replace(result, ?, '')", [f"{database.parent}/"])
        connection.commit()
        connection.execute("VACUUM")


def record_grid(database):
    """Train a grid of recipes shortly, the better ones longer, and three in full on three seeds."""
    task = load_task("wine")
    full = task.total_steps
    trainer = FleetTrainer(task, PLAN, follow_valid=True, evaluate_test=True, probe_full=True)
    study = Study.create(Database(database), task="wine", settings={"command": "grid"}, seed=0)
    study.set_plan(PLAN.to_json())
    recorder = TrialRecorder(trainer, study)
    grid = [Recipe.parse(f"sgd(lr=cosine({lr}), momentum={m})") for lr in RATES for m in MOMENTA]
    ended = dict(zip(grid, recorder.run("map/0", [Trial(recipe, full // 8, 0) for recipe in grid]), strict=True))
    for steps in (full // 4, full // 2):
        better = sorted(ended, key=lambda recipe: ended[recipe].loss)[:5]
        outcomes = recorder.run(f"climb/{steps}", [Trial(recipe, steps, 0) for recipe in better])
        ended |= dict(zip(better, outcomes, strict=True))
    best, second = sorted(better, key=lambda recipe: ended[recipe].loss)[:2]
    trials = [Trial(recipe, full, seed) for seed in (11, 12, 13) for recipe in (best, second, DEFAULT_RECIPE)]
    recorder.run("full/0", trials)
    study.release(status="done", result={})


if __name__ == "__main__":
    record()
