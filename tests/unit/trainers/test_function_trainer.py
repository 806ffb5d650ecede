"""Everything that a training function may do, in this process and in workers."""

from __future__ import annotations

import math
import random
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from surefoot.core.errors import OutputError, TaskError
from surefoot.core.progress import Interrupted, never
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.loader import load_subject
from surefoot.trainers.function_trainer import FunctionTrainer
from surefoot.trainers.trial import Curve, Trial

FILE = Path(__file__).with_name("bad_functions.py")
BY_SEED = load_subject(f"{FILE}:by_seed")
NAMES = [function.__name__ for function in BY_SEED.__globals__["ALL"]]
ONE_POINT = Curve((1,), (0.75,))


def trial_of(name: str, steps: int = 10) -> Trial:
    """Return the trial that calls a function of bad_functions."""
    return Trial(Recipe(), steps, NAMES.index(name))


@pytest.fixture(autouse=True)
def _folder_for_signs(tmp_path, monkeypatch):
    monkeypatch.setenv("BAD_FUNCTIONS_FOLDER", str(tmp_path))  # read by workers
    monkeypatch.setitem(BY_SEED.__globals__, "STARTED", tmp_path / "started")


@pytest.fixture(scope="module", params=[0, 1])
def trainer(request):
    with FunctionTrainer(BY_SEED, steps=100, workers=request.param, grace=0.5) as made:
        yield made


FAULTS = {
    "raises": r"by_seed raised ValueError: no such layer \(bad_functions.py, line \d+\)\.",
    "exits": r"by_seed raised SystemExit: enough",
    "returns_text": r"a loss is a number; given '0.5' \(str\)",
    "returns_list": r"a loss is a number; given \[0.5\] \(list\)",
    "returns_two": r"a loss is a number; given tensor\(\[0., 0.\]\) \(Tensor\)",
    "returns_true": r"a loss is a number; given True \(bool\)",
    "returns_none": r"by_seed returned None. Hint: end it with `return loss`",
    "returns_no_loss": r"the mapping it returned has no 'loss'; its keys are \['metric'\]",
    "reports_text": r"TaskError: a loss is a number; given '0.5' \(str\). \(bad_functions.py, line \d+\)",
    "reports_half_a_step": r"a step is a whole number of at least 0; given 1.5",
}


def test_a_fault_is_an_outcome_with_one_line_and_the_next_trial_is_trained(trainer):
    trials = [*map(trial_of, FAULTS), trial_of("good"), trial_of("diverges")]
    outcomes = dict(trainer.train(trials))
    for name, line in FAULTS.items():
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


def test_what_is_printed_goes_to_a_file_of_bounded_size_and_not_to_the_terminal(trainer, tmp_path, capfd):
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
    else:  # what a child process prints cannot be held back here
        assert (shown.out, shown.err) == ("from a shell\n", "")


def test_workers_that_die_or_hang_are_replaced(tmp_path):
    with FunctionTrainer(BY_SEED, steps=100, workers=1, grace=60.0) as trainer:
        outcomes = dict(trainer.train([trial_of("killed"), trial_of("good")]))
        assert "its process was killed by SIGKILL (most often memory ran out" in outcomes[trial_of("killed")].failure
        assert outcomes[trial_of("good")].ok
        trainer.timeout = 0.2
        for name in ("hangs", "hangs_until_told"):
            ((_, outcome),) = trainer.train([trial_of(name)])
            assert outcome.failure == "by_seed: it took longer than the timeout of 0.2 s and was ended."


def test_a_worker_is_ended_where_the_study_stops(tmp_path):
    trainer = FunctionTrainer(BY_SEED, steps=100, workers=1, grace=0.2)
    trainer.stop = (tmp_path / "started").exists
    before = {*psutil.Process().children(recursive=True)}
    with pytest.raises(Interrupted):
        list(trainer.train([trial_of("hangs"), trial_of("good")]))
    assert {*psutil.Process().children(recursive=True)} <= before


def test_a_function_that_asks_ends_where_the_study_stops(tmp_path):
    trainer = FunctionTrainer(BY_SEED, steps=100)
    trainer.stop = (tmp_path / "started").exists
    with pytest.raises(Interrupted):
        list(trainer.train([trial_of("hangs_until_told")]))
    trainer.stop, trainer.timeout = never, 0.2
    ((_, outcome),) = trainer.train([trial_of("hangs_until_told")])
    assert outcome.failure == "by_seed: it took longer than the timeout of 0.2 s."


def test_ctrl_c_interrupts():
    def press(trial):
        raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        list(FunctionTrainer(press, steps=1).train([trial_of("good")]))


def draws(trial):
    return {"loss": torch.rand(()), "metric": np.float32(np.random.rand()), "test_loss": random.random()}


def test_global_generators_are_seeded_for_the_trial_and_left_as_they_were():
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
        (lambda: 0.5, "cannot be called with one argument, the trial"),
        (lambda trial, data: 0.5, "cannot be called with one argument, the trial"),
        (0.5, "a training function: a function is needed, not a float"),
    ],
)
def test_what_cannot_be_called_with_a_trial_is_refused(function, line):
    with pytest.raises(TaskError, match=line) as caught:
        FunctionTrainer(function, steps=10)
    assert "write `def train(trial): ...`" in caught.value.hint


@pytest.mark.parametrize("settings", [{"steps": 0}, {"workers": -1}, {"timeout": 0.0}, {"timeout": math.nan}])
def test_numbers_out_of_range_are_refused(settings):
    with pytest.raises(TaskError, match=next(iter(settings))):
        FunctionTrainer(draws, **({"steps": 10} | settings))


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        FunctionTrainer(draws, steps=10, output=tmp_path / "file")


def test_a_function_that_no_worker_can_load_is_refused():
    trainer = FunctionTrainer(lambda trial: 0.5, steps=10, workers=1)
    with pytest.raises(TaskError, match=r"worker processes cannot load it. Hint: define it at the top level"):
        list(trainer.train([trial_of("good")]))


def test_a_partial_of_a_function_in_a_file_goes_to_workers(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def train(trial, data=None):\n    return data * trial.steps\n")
    with FunctionTrainer(partial(load_subject(f"{path}:train"), data=0.5), steps=10, workers=1) as trainer:
        ((_, outcome),) = trainer.train([trial_of("good")])
    assert outcome.loss == 5.0
    assert trainer.name == "train"


def test_a_file_that_raises_only_in_a_worker_is_one_line(tmp_path, monkeypatch):
    path = tmp_path / "mine.py"
    path.write_text("import os\nassert 'IN_WORKER' not in os.environ\ndef train(trial):\n    return 0.5\n")
    trainer = FunctionTrainer(load_subject(f"{path}:train"), steps=10, workers=1)
    monkeypatch.setenv("IN_WORKER", "1")
    with pytest.raises(TaskError, match=r"a worker process cannot load it: .*AssertionError \(mine.py, line 2\)"):
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


def test_a_program_trains_its_own_function_in_workers(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[0.5]\n", "")


def test_a_file_that_trains_while_a_worker_loads_it_starts_no_workers_of_its_own(monkeypatch):
    monkeypatch.setenv("SUREFOOT_LOADING", "1")
    with pytest.raises(TaskError, match=r"trains as soon as it is loaded.*under `if __name__ == '__main__':`"):
        list(FunctionTrainer(BY_SEED, steps=10, workers=1).train([trial_of("good")]))


def test_a_study_of_a_function_notices_other_code_but_no_comment(tmp_path):
    path = tmp_path / "mine.py"
    descriptions = []
    for body in ("return 0.5", "return 0.5  # the loss", "return 0.25"):
        path.write_text(f"def train(trial):\n    {body}\n")
        descriptions.append(FunctionTrainer(load_subject(f"{path}:train"), steps=10).describe())
    assert descriptions[0] == descriptions[1]
    assert descriptions[1] != descriptions[2]
    assert descriptions[0] | {"code": None} == {"kind": "function", "function": "train", "steps": 10, "code": None}
