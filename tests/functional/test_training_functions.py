"""Training functions on the command line: good ones and faulty ones."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from surefoot.cli.main import run

CODE = """
import math, time
from pathlib import Path

def train(trial):
    with Path("calls").open("a") as file:
        file.write("x")
    rate = trial.recipe.lr.highest / (1.0 - trial.recipe.momentum.highest)
    print("trained for", trial.steps)
    return math.inf if rate > 3.0 else 0.1 + 0.03 * math.log(rate / 0.2) ** 2 + trial.steps**-0.5

def no_trial(): return 1.0
def two(one, other): return 1.0
def text(trial): return "loss"
def several(trial): return [1.0, 2.0]
def none(trial): pass
def nan(trial): return math.nan
def raises(trial): raise KeyError("labels")
def some(trial):
    if trial.recipe.momentum.highest > 0.9:
        raise RuntimeError("out of momentum")
    return train(trial)
def slow(trial):
    time.sleep(0.01 + 0.002 * trial.steps)
    return train(trial)
def slow_at_first(trial):
    if not Path("calls").exists():
        time.sleep(0.002 * trial.steps)
    return train(trial)
def never(trial):
    while True:
        time.sleep(1)
number = 3
"""
QUIET = ["--no-report", "--quiet"]


@pytest.fixture(autouse=True)
def _file(_own_folder):
    Path("train.py").write_text(CODE)


def test_a_function_is_tuned_and_its_output_is_kept_next_to_the_study(json_of):
    result = json_of(["tune", "train.py:train", "--steps", "400", "--budget", "6x", "--json", "--quiet"])
    assert (result["task"], result["full_steps"], result["plan"]) == ("train", 400, None)
    assert result["config_steps"] <= 6 * 400
    assert result["valid_loss"]["mean"] < result["default_valid_loss"]["mean"] * 1.2
    outputs = [*Path("surefoot.db-1-output").iterdir()]
    assert len(outputs) == result["trials"] == len(Path("calls").read_text())
    assert all(path.read_text().startswith("trained for") for path in outputs)
    assert "surefoot tune train.py:train --steps 400 --budget 6x" in Path(result["report"]).read_text()


def test_the_cost_of_the_auto_budget_is_printed_before_work_starts(capsys):
    assert run(["tune", "train.py:slow_at_first", "--steps", "400", "--no-report"]) == 0
    printed = capsys.readouterr().err
    (line,) = (line for line in printed.splitlines() if line.startswith("budget (auto): "))
    assert "full trainings of 400 steps" in line
    assert ", at most about " in line


def test_a_function_that_never_returns_ends_at_the_timeout(capsys):
    assert run(["tune", "train.py:never", "--steps", "400", "--budget", "6x", "--trial-timeout", "0.5", *QUIET]) == 1
    assert "timeout of 0.5 s" in " ".join(capsys.readouterr().out.split())


def test_two_workers_give_the_same_result_as_one_process(json_of):
    arguments = ["find", "train.py:train", "--steps", "400", "--budget", "2x", "--json", *QUIET]
    first, second = json_of(arguments), json_of([*arguments, "--workers", "2", "--study", "other.db"])
    for result in (first, second):
        del result["seconds"], result["study"]
    assert first == second


WRONG = {
    "no length": (["train.py:train"], "the length of a full training of 'train' is not given", "--steps"),
    "no trial": (["train.py:no_trial", "--steps", "9"], "no_trial() takes no trial", "def train(trial)"),
    "two arguments": (["train.py:two", "--steps", "9"], "two(one, other) must take one argument", "def train(trial)"),
    "a number": (
        ["train.py:number", "--steps", "9"],
        "neither a Task nor a training function; given int",
        "give a Task",
    ),
    "a typo": (["train.py:trian", "--steps", "9"], "has no 'trian'", "did you mean train?"),
    "a batch size": (
        ["train.py:train", "--steps", "9", "--batch-size", "3"],
        "batch_size",
        "chooses its batches itself",
    ),
    "a plan": (["train.py:train", "--steps", "9", "--plan", "plan.json"], "--plan cannot be given", "for a Task"),
}


@pytest.mark.parametrize(("arguments", "message", "hint"), WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("command", ["find", "tune"])
def test_wrong_input_is_rejected_in_one_line_and_nothing_is_trained(command, arguments, message, hint, capsys):
    assert run([command, *arguments, *QUIET]) == 2
    shown = capsys.readouterr()
    (line,) = shown.err.strip().splitlines()
    assert message in line
    assert hint in line
    assert shown.out == ""
    assert not Path("calls").exists()
    assert not Path("surefoot.db").exists()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("text", "given 'loss' (str)"),
        ("several", "given [1.0, 2.0] (list)"),
        ("none", "none returned None"),
        ("raises", "KeyError: 'labels' (train.py, line"),
    ],
)
def test_where_every_trial_fails_the_first_failure_is_the_reason(name, reason, json_of, capsys):
    assert run(["tune", f"train.py:{name}", "--steps", "400", "--budget", "6x", *QUIET]) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "All 3 trials failed" in shown  # and no more were begun
    assert reason in shown


def test_a_nan_loss_counts_as_divergence(capsys):
    assert run(["tune", "train.py:nan", "--steps", "40", "--budget", "2x", *QUIET]) == 1
    assert "trials diverged, at learning rates from" in " ".join(capsys.readouterr().out.split())


def test_failures_of_some_trials_are_noted(json_of):
    result = json_of(["tune", "train.py:some", "--steps", "400", "--budget", "3x", "--json", *QUIET])
    assert result["recipe"]
    assert any("RuntimeError: out of momentum" in note for note in result["notes"])


@pytest.mark.parametrize(("command", "subject"), [("find", ["digits"]), ("tune", ["train.py:slow", "--steps", "1000"])])
def test_a_deadline_is_kept(command, subject, json_of, capsys):
    """Kept within about two seconds on an idle machine; a busy one gets ten."""
    run([command, "wine", "--steps", "20", "--budget", "3x", "--plan", "plan.json", *QUIET])  # imports everything once
    capsys.readouterr()
    begin = time.monotonic()
    result = json_of([command, *subject, "--budget", "6s", "--study", "timed.db", "--json", *QUIET])
    assert time.monotonic() - begin < 16.0
    assert result["seconds"] < 16.0
    assert result["budget"] == "6s"
    assert result["recipe"]
