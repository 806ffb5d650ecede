"""A search that is broken off and gone on with ends as one that was not; so does one that is given more budget."""

from __future__ import annotations

import dataclasses
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from surefoot.core.errors import StudyError
from surefoot.core.progress import Interrupted
from surefoot.fleet.plan import Plan
from surefoot.search.find import find
from surefoot.search.full_training_scores import TrainedRecipe
from surefoot.search.read_stored_result import read_result
from surefoot.search.result import SearchResult
from surefoot.search.tune import tune
from surefoot.studies.database import Database
from surefoot.studies.recorded_trials import Measurement
from surefoot.studies.study import Study
from surefoot.tasks.loader import load_task
from surefoot.trainers import fleet_trainer

ASKED = {"budget": "5x", "plan": Plan("stacked", 16, threads=1), "seed": 3}


@pytest.fixture(scope="module")
def wine():
    return load_task("wine", steps=40)


@pytest.fixture(scope="module")
def unbroken(wine):
    return tune(wine, **ASKED)


@pytest.fixture(autouse=True)
def _short_slices(monkeypatch):
    """Slices of one step, however fast the machine is: as many places to break off at as there can be."""
    monkeypatch.setattr(fleet_trainer, "SLICE_SECONDS", 0.0)


def new_study(path: Path, *, seed: int = 3) -> Study:
    return Study.create(Database(path), task="wine", settings={}, seed=seed)


def stop_after(calls: int):
    left = iter(range(calls))
    return lambda: next(left, None) is None


def same_findings(first: SearchResult, second: SearchResult) -> None:
    """All that was found and measured, curves and probes included; only the time it took may differ."""
    for field in dataclasses.fields(SearchResult):
        if field.name not in ("seconds", "study", "trained_model", "budget"):
            found = [without_seconds(getattr(result, field.name)) for result in (first, second)]
            assert found[0] == found[1], field.name


def without_seconds(found: object) -> object:
    match found:
        case tuple():
            return tuple(map(without_seconds, found))
        case Measurement():
            return dataclasses.replace(found, outcome=dataclasses.replace(found.outcome, seconds=0.0))
        case TrainedRecipe():
            return dataclasses.replace(found, runs=without_seconds(found.runs))
        case _:
            return found


@pytest.mark.parametrize("calls", [1, 5, 40])
def test_a_search_interrupted_once_gives_the_same_result(wine, unbroken, tmp_path, calls):
    study = new_study(tmp_path / "s.db")
    with pytest.raises(Interrupted) as stopped:
        tune(wine, study=study, stop=stop_after(calls), **ASKED)
    assert study.info().status == "interrupted"
    assert stopped.value.study == study.name
    assert isinstance(stopped.value.result, SearchResult)
    assert (stopped.value.result.recipe is not None) == bool(stopped.value.result.measurements)
    found = tune(wine, study=study, **ASKED)
    same_findings(unbroken, found)
    same_findings(found, read_result(study))
    assert study.info().status == "done"
    assert [path.name for path in tmp_path.iterdir() if "checkpoint" in path.name] == []


def test_many_interruptions_lose_nothing(wine, unbroken, tmp_path):
    """Broken off every 25 steps, within trainings too: if work were lost each time it would never end."""
    study = new_study(tmp_path / "s.db")
    for _ in range(100):
        try:
            result = tune(wine, study=study, stop=stop_after(25), **ASKED)
            break
        except Interrupted:
            continue
    same_findings(unbroken, result)


def test_a_damaged_checkpoint_costs_work_but_changes_no_result(wine, unbroken, tmp_path):
    study = new_study(tmp_path / "s.db")
    with pytest.raises(Interrupted):
        tune(wine, study=study, stop=stop_after(8), **ASKED)
    (checkpoint,) = study.checkpoints_path.glob("*.safetensors")
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    same_findings(unbroken, tune(wine, study=study, **ASKED))


def test_a_finished_study_is_read_without_training(wine, tmp_path):
    study = new_study(tmp_path / "s.db")
    first = tune(wine, study=study, **ASKED)
    same_findings(first, tune(wine, study=study, stop=stop_after(30), **ASKED))


def test_a_find_is_kept_and_can_be_resumed(wine, tmp_path):
    with pytest.raises(Interrupted):
        find(wine, study=tmp_path / "s.db", stop=stop_after(20), **ASKED)
    study = Study.open(str(tmp_path / "s.db"))
    same_findings(find(wine, **ASKED), find(wine, study=study, **ASKED))
    with pytest.raises(StudyError, match="command was find, now tune"):
        tune(wine, study=study, **ASKED)


def test_an_unfinished_study_has_no_result_yet(wine, tmp_path):
    study = new_study(tmp_path / "s.db")
    with pytest.raises(Interrupted):
        tune(wine, study=study, stop=stop_after(5), **ASKED)
    with pytest.raises(StudyError, match="--resume"):
        read_result(study)


def test_a_task_resumed_with_more_budget_gives_the_result_of_that_budget(wine, tmp_path):
    study = new_study(tmp_path / "s.db")
    tune(wine, study=study, **ASKED | {"budget": "3x"})
    trained = sum(study.costs().values())
    found, whole = tune(wine, study=study, **ASKED | {"budget": "8x"}), tune(wine, **ASKED | {"budget": "8x"})
    assert sum(study.costs().values()) - trained < 8 * 40 - trained / 2  # what was recorded was not trained again
    # Outcomes of a fleet depend on who trains beside, by their rounding.
    assert found.recipe.lr.highest == pytest.approx(whole.recipe.lr.highest, rel=1e-3)
    assert found.best.valid.mean == pytest.approx(whole.best.valid.mean, rel=1e-3)
    assert found.trials == whole.trials
    assert study.info().settings.get("budget") == "8x"
    same_findings(found, read_result(study))


CALLS: list[object] = []


def bowl(trial):
    """A loss with a best rate, a cliff, and something to gain by length; what it is called with is noted."""
    CALLS.append((str(trial.recipe), trial.steps, trial.seed))
    rate = trial.recipe.lr.highest / (1.0 - trial.recipe.momentum.highest)
    trial.report(2.0, step=1)
    if rate > 3.0:
        return math.inf
    return 0.1 + 0.03 * math.log(rate / 0.2) ** 2 + trial.steps**-0.5 + 1e-3 * math.sin(trial.seed)


@pytest.mark.parametrize(("first", "second"), [("0.5x", "2x"), ("2x", "4x"), ("3x", "12x")])
def test_a_function_resumed_with_more_budget_trains_nothing_twice(first, second, tmp_path):
    study = new_study(tmp_path / "s.db")
    CALLS.clear()
    tune(bowl, steps=200, budget=first, seed=3, study=study)
    found = tune(bowl, steps=200, budget=second, seed=3, study=study)
    assert len(CALLS) == len({*CALLS})
    same_findings(tune(bowl, steps=200, budget=second, seed=3), found)
    same_findings(found, read_result(study))
    assert study.output_path.is_dir()


KILLED = """
import os, signal
from pathlib import Path
from tests.functional.test_resume import bowl

def train(trial):
    calls = Path("calls")
    count = len(calls.read_text()) if calls.exists() else 0
    if count == {last}:
        os.kill(os.getpid(), signal.SIGKILL)
    calls.write_text("x" * (count + 1))
    return bowl(trial)
"""


def test_a_killed_search_of_a_function_gives_the_same_result(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = ["tune", "train.py:train", "--steps", "200", "--budget", "4x", "--seed", "3", "--no-report", "--quiet"]
    for last in (2, 14):
        Path("calls").unlink(missing_ok=True)
        Path("train.py").write_text(KILLED.format(last=last))
        ended = subprocess.run(
            [sys.executable, "-m", "surefoot", *asked],
            capture_output=True,
            check=False,
            timeout=120,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert ended.returncode == -signal.SIGKILL
        study = Study.open("surefoot.db")
        assert len(study.measurements(unfinished=True)) == last
        assert study.info().status == "interrupted"
        # The same function by another name would be another one: the study is told to go on with this.
        with study.database.write() as connection:
            connection.exec_driver_sql("UPDATE study SET settings = json_remove(settings, '$.trained')")
        CALLS.clear()
        found = tune(bowl, steps=200, budget="4x", seed=3, study=study)
        assert len(CALLS) == len(found.measurements) - last
        same_findings(tune(bowl, steps=200, budget="4x", seed=3), found)


def test_the_progress_bar_of_a_resumed_search_begins_where_it_stopped(wine, tmp_path):
    from surefoot.core.progress import SilentProgress

    class Bar(SilentProgress):
        def __init__(self):
            bars.append({"total": 0, "done": 0})

        def begin(self, *, config_steps, done=0):
            bars[-1].update(total=config_steps, done=done)

        def advance(self, config_steps):
            bars[-1]["done"] += config_steps

    bars = []
    study = new_study(tmp_path / "s.db")
    with pytest.raises(Interrupted):
        tune(wine, study=study, progress=Bar(), stop=stop_after(60), **ASKED)
    recorded = sum(study.costs().values())
    tune(wine, study=study, progress=Bar(), **ASKED)
    first, second = bars
    assert 0 < recorded < second["done"] <= second["total"] == first["total"]


def test_weights_are_those_of_the_recipe_recommended_with_the_larger_budget(wine, tmp_path):
    """Where the recommended training was recorded before, its weights are read; those of another one are no answer."""
    for budgets in (("5x", "6x"), ("3x", "20x")):
        study, path = None, tmp_path / f"{budgets[1]}.db"
        for budget in budgets:
            found = tune(wine, **{**ASKED, "budget": budget}, study=study or path, transfer=budgets[0] == "3x")
            study = Study.open(str(path))
            if found.trained_model is None:
                assert not study.model_path.exists()
                continue
            model, batch = found.model().eval(), wine.split("valid")
            with torch.no_grad():
                loss = float(wine.batch_loss(model, wine.batch("valid", torch.arange(len(batch)))))
            assert loss == pytest.approx(found.best.runs[0].outcome.loss, rel=1e-3)
        assert found.trained_model is not None


def test_weights_are_kept_over_an_interruption(wine, tmp_path):
    path = tmp_path / "a.db"

    def trained_in_full():
        return path.exists() and any(row.stage.startswith("full") for row in Study.open(str(path)).measurements())

    with pytest.raises(Interrupted) as stopped:
        tune(wine, **{**ASKED, "budget": "20x"}, study=path, stop=trained_in_full)
    assert stopped.value.result.best is not None
    study = Study.open(str(path))
    assert study.model_path.exists()
    with pytest.raises(Interrupted):  # before it comes to the training in full again
        tune(wine, **{**ASKED, "budget": "20x"}, study=study, stop=lambda: True)
    assert study.model_path.exists()
    found = tune(wine, **{**ASKED, "budget": "20x"}, study=Study.open(str(path)))
    if found.best.recipe == stopped.value.result.best.recipe:
        assert found.model() is not None
