"""Training functions with faults of all kinds, in this process and in worker processes."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import psutil
import pytest

from surefoot.core.errors import TaskError
from surefoot.core.progress import Interrupted
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.loader import load_task_or_function
from surefoot.trainers.function_trainer import FunctionTrainer
from surefoot.trainers.trial import Curve, Trial

FILE = Path(__file__).parents[1] / "unit" / "trainers" / "bad_functions.py"
BY_SEED = load_task_or_function(f"{FILE}:by_seed")
NAMES = [function.__name__ for function in BY_SEED.__globals__["ALL"]]
ONE_POINT = Curve((1,), (0.75,))


def trial_of(name: str, steps: int = 10) -> Trial:
    """Return the trial that calls a function of bad_functions."""
    return Trial(Recipe(), steps, NAMES.index(name))


@pytest.fixture(autouse=True)
def _folder_for_marker_files(tmp_path, monkeypatch):
    monkeypatch.setenv("BAD_FUNCTIONS_FOLDER", str(tmp_path))  # read by workers
    monkeypatch.setitem(BY_SEED.__globals__, "STARTED", tmp_path / "started")


@pytest.fixture(scope="module", params=[0, 1])
def trainer(request):
    with FunctionTrainer(BY_SEED, steps=100, workers=request.param, grace=0.5) as trainer:
        yield trainer


FAULTY = {
    "raises": r"by_seed raised ValueError: no such layer \(bad_functions.py, line \d+\)\.",
    "exits": r"by_seed raised SystemExit: enough",
    "returns_text": r"a loss must be a number; given '0.5' \(str\)",
    "returns_list": r"a loss must be a number; given \[0.5\] \(list\)",
    "returns_two": r"a loss must be a number; given tensor\(\[0., 0.\]\) \(Tensor\)",
    "returns_true": r"a loss must be a number; given True \(bool\)",
    "returns_none": r"by_seed returned None. Hint: end it with `return loss`",
    "returns_no_loss": r"the returned mapping has no 'loss'; its keys are \['metric'\]",
    "reports_text": r"TaskError: a loss must be a number; given '0.5' \(str\). \(bad_functions.py, line \d+\)",
    "reports_half_a_step": r"a step must be a whole number of at least 0; given 1.5",
}


def test_a_fault_is_an_outcome_with_one_line_and_the_next_trial_runs(trainer):
    trials = [*map(trial_of, FAULTY), trial_of("good"), trial_of("diverges")]
    outcomes = dict(trainer.train(trials))
    for name, line in FAULTY.items():
        outcome = outcomes[trial_of(name)]
        assert outcome.loss == math.inf
        assert re.search(line, outcome.failure), outcome.failure
        assert "\n" not in outcome.failure
    assert outcomes[trial_of("raises")].valid == ONE_POINT
    good = outcomes[trial_of("good")]
    assert good.ok
    assert good.failure is None
    assert good.valid == ONE_POINT
    diverged = outcomes[trial_of("diverges")]
    assert (diverged.loss, diverged.diverged_at, diverged.failure) == (math.inf, 2, None)
    assert diverged.valid == Curve((1, 2, 3), (0.75, math.inf, math.inf))


def test_output_goes_to_a_file_of_bounded_size_and_not_to_the_terminal(trainer, tmp_path, capfd):
    trainer.output = tmp_path
    ((_, outcome),) = trainer.train([trial_of("prints")])
    trainer.output = None
    assert outcome.loss == 0.5
    (path,) = tmp_path.glob("steps-10-*.log")
    text = path.read_text()
    assert text.startswith("first line\nxxx")
    assert text.endswith("last line\n")
    assert "bytes are left out here" in text
    assert len(text) < 2_100_000
    shown = capfd.readouterr()
    if trainer.workers:
        assert (shown.out, shown.err) == ("", "")
        assert "from a shell" in text
    else:  # the output of a child process cannot be redirected here
        assert (shown.out, shown.err) == ("from a shell\n", "")


def test_workers_that_die_or_hang_are_replaced(tmp_path):
    with FunctionTrainer(BY_SEED, steps=100, workers=1, grace=60.0) as trainer:
        outcomes = dict(trainer.train([trial_of("killed"), trial_of("good")]))
        assert (
            "its process was killed by SIGKILL (the usual cause is a lack of memory"
            in outcomes[trial_of("killed")].failure
        )
        assert outcomes[trial_of("good")].ok
        trainer.timeout = 0.2
        for name in ("hangs", "hangs_until_stopped"):
            ((_, outcome),) = trainer.train([trial_of(name)])
            assert outcome.failure == "by_seed: the training took longer than the timeout of 0.2 s and was ended."


def test_workers_end_when_the_study_stops(tmp_path):
    trainer = FunctionTrainer(BY_SEED, steps=100, workers=1, grace=0.2)
    trainer.stop = (tmp_path / "started").exists
    before = {*psutil.Process().children(recursive=True)}
    with pytest.raises(Interrupted):
        list(trainer.train([trial_of("hangs"), trial_of("good")]))
    assert {*psutil.Process().children(recursive=True)} <= before


def test_workers_load_a_partial_of_a_function_in_a_file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def train(trial, data=None):\n    return data * trial.steps\n")
    with FunctionTrainer(partial(load_task_or_function(f"{path}:train"), data=0.5), steps=10, workers=1) as trainer:
        ((_, outcome),) = trainer.train([trial_of("good")])
    assert outcome.loss == 5.0
    assert trainer.name == "train"


def test_a_file_that_raises_only_in_a_worker_is_rejected_in_one_line(tmp_path, monkeypatch):
    path = tmp_path / "mine.py"
    path.write_text("import os\nassert 'IN_WORKER' not in os.environ\ndef train(trial):\n    return 0.5\n")
    trainer = FunctionTrainer(load_task_or_function(f"{path}:train"), steps=10, workers=1)
    monkeypatch.setenv("IN_WORKER", "1")
    with pytest.raises(
        TaskError, match=r"a worker process cannot load the function: .*AssertionError \(mine.py, line 2\)"
    ):
        list(trainer.train([trial_of("good")]))


PROGRAM = """\
from surefoot.recipe.recipe import Recipe
from surefoot.trainers.trial import Trial
from surefoot.trainers.function_trainer import FunctionTrainer

def train(trial):
    return 0.5

if __name__ == "__main__":
    with FunctionTrainer(train, steps=10, workers=1) as trainer:
        print([outcome.loss for _, outcome in trainer.train([Trial(Recipe(), 10, 0)])])
"""


def test_workers_load_a_function_of_the_main_program(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[0.5]\n", "")
