"""The FunctionTrainer in this process; with worker processes it is tested in tests/functional."""

from __future__ import annotations

import math
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from surefoot.core.errors import OutputError, TaskError
from surefoot.core.progress import Interrupted, never_stop
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.loader import load_task_or_function
from surefoot.trainers.function_trainer import FunctionTrainer
from surefoot.trainers.trial import Curve, Trial

FILE = Path(__file__).with_name("bad_functions.py")
BY_SEED = load_task_or_function(f"{FILE}:by_seed")
NAMES = [function.__name__ for function in BY_SEED.__globals__["ALL"]]


def trial_of(name: str, steps: int = 10) -> Trial:
    """Return the trial that calls a function of bad_functions."""
    return Trial(Recipe(), steps, NAMES.index(name))


@pytest.fixture(autouse=True)
def _folder_for_marker_files(tmp_path, monkeypatch):
    monkeypatch.setenv("BAD_FUNCTIONS_FOLDER", str(tmp_path))  # read by workers
    monkeypatch.setitem(BY_SEED.__globals__, "STARTED", tmp_path / "started")


def test_a_function_that_checks_should_stop_ends_when_the_study_stops(tmp_path):
    trainer = FunctionTrainer(BY_SEED, steps=100)
    trainer.stop = (tmp_path / "started").exists
    with pytest.raises(Interrupted):
        list(trainer.train([trial_of("hangs_until_stopped")]))
    trainer.stop, trainer.timeout = never_stop, 0.2
    ((_, outcome),) = trainer.train([trial_of("hangs_until_stopped")])
    assert outcome.failure == "by_seed: the training took longer than the timeout of 0.2 s."


def test_ctrl_c_interrupts_the_training():
    def press(trial):
        raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        list(FunctionTrainer(press, steps=1).train([trial_of("good")]))


def draws(trial):
    return {"loss": torch.rand(()), "metric": np.float32(np.random.rand()), "test_loss": random.random()}


def test_global_generators_are_seeded_for_the_trial_and_restored():
    trainer = FunctionTrainer(draws, steps=10)
    torch.manual_seed(1)
    expected = torch.rand(())
    torch.manual_seed(1)
    first, again, other = (next(iter(trainer.train([Trial(Recipe(), 10, seed)])))[1] for seed in (0, 0, 1))
    assert torch.rand(()) == expected
    assert (first.loss, first.metric, first.test_loss) == (again.loss, again.metric, again.test_loss)
    assert len({first.loss, other.loss, first.metric, other.metric, first.test_loss, other.test_loss}) == 6
    assert trainer.has_metric


def test_a_loss_may_be_reported_without_a_step_instead_of_returned():
    def reports(trial):
        trial.report(1.5)
        trial.report(0.5, metric=0.9)

    ((_, outcome),) = FunctionTrainer(reports, steps=1).train([trial_of("good")])
    assert (outcome.loss, outcome.metric, outcome.valid) == (0.5, 0.9, Curve())


@pytest.mark.parametrize(
    ("function", "line"),
    [
        (lambda: 0.5, "must be callable with one argument, the trial"),
        (lambda trial, data: 0.5, "must be callable with one argument, the trial"),
        (0.5, "a training function must be a function; given float"),
    ],
)
def test_an_object_that_cannot_be_called_with_a_trial_is_rejected(function, line):
    with pytest.raises(TaskError, match=line) as caught:
        FunctionTrainer(function, steps=10)
    assert "write `def train(trial): ...`" in caught.value.hint


@pytest.mark.parametrize("settings", [{"steps": 0}, {"workers": -1}, {"timeout": 0.0}, {"timeout": math.nan}])
def test_settings_out_of_range_are_rejected(settings):
    with pytest.raises(TaskError, match=next(iter(settings))):
        FunctionTrainer(draws, **({"steps": 10} | settings))


def test_a_folder_that_cannot_be_written_is_rejected(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        FunctionTrainer(draws, steps=10, output=tmp_path / "file")


def test_a_function_that_workers_cannot_load_is_rejected():
    trainer = FunctionTrainer(lambda trial: 0.5, steps=10, workers=1)
    with pytest.raises(TaskError, match=r"worker processes cannot load it. Hint: define it at the top level"):
        list(trainer.train([trial_of("good")]))


def test_a_file_that_trains_while_a_worker_loads_it_starts_no_more_workers(monkeypatch):
    monkeypatch.setenv("SUREFOOT_LOADING", "1")
    with pytest.raises(TaskError, match=r"starts training as soon as it is loaded.*under `if __name__ == '__main__':`"):
        list(FunctionTrainer(BY_SEED, steps=10, workers=1).train([trial_of("good")]))


def test_the_description_of_a_function_depends_on_its_code_but_not_on_comments(tmp_path):
    path = tmp_path / "mine.py"
    descriptions = []
    for body in ("return 0.5", "return 0.5  # the loss", "return 0.25"):
        path.write_text(f"def train(trial):\n    {body}\n")
        descriptions.append(FunctionTrainer(load_task_or_function(f"{path}:train"), steps=10).describe())
    assert descriptions[0] == descriptions[1]
    assert descriptions[1] != descriptions[2]
    assert descriptions[0] | {"code": None} == {"kind": "function", "function": "train", "steps": 10, "code": None}
