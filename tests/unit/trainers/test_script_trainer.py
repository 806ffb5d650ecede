"""Everything that a script may do. Most of them here load no torch: what is tried is the process around them."""

from __future__ import annotations

import math
import sys

import psutil
import pytest

from surefoot.core.errors import TaskError
from surefoot.core.progress import Interrupted, Silent
from surefoot.recipe.recipe import Recipe
from surefoot.trainers.script_trainer import ScriptTrainer
from surefoot.trainers.trial import Curve, Trial

TRIALS = [Trial(Recipe(), 10, seed) for seed in range(8)]
# What surefoot.trial() does, without the seconds that torch takes to load.
LEAN = """\
import json, os
told = json.load(open(os.environ["SUREFOOT_TRIAL"]))
def answer(**content):
    with open(told["answers"], "a") as file:
        file.write(json.dumps(content) + "\\n")
seed = told.get("trial", {}).get("seed")
"""


@pytest.fixture
def script(tmp_path):
    """Return a function: the text of a script, settings -> its trainer."""

    def trainer(text, **settings):
        path = tmp_path / "train.py"
        path.write_text(text)
        return ScriptTrainer([sys.executable, str(path)], **({"grace": 0.2} | settings))

    return trainer


REAL = """\
import surefoot
trial = surefoot.trial(steps=60)
for step in (10, 20):
    trial.report(1 / step, step=step, metric=0.5)
if trial.seed == 1:
    trial.report("0.5")
trial.report(float(trial.recipe.lr.value(0, trial.steps)) * trial.steps, metric=0.9, test_loss=0.7)
"""
POINTS = Curve((10, 20), (0.1, 0.05))


def test_a_script_trains_its_trial_and_says_its_own_length(script):
    trainer = script(REAL, workers=2)
    assert trainer.steps == 60
    outcomes = dict(trainer.train(TRIALS[:2]))
    good, wrong = (outcomes[trial] for trial in TRIALS[:2])
    assert (good.loss, good.metric, good.test_loss, good.valid) == (0.1, 0.9, 0.7, POINTS)
    assert wrong.failure == (
        "train: the script ended with exit code 1: surefoot.core.errors.TaskError: "
        "a loss is a number; given '0.5' (str)."
    )
    assert trainer.has_metric


def test_what_was_reported_stands_whatever_comes_then(script):
    reports = "for step in (10, 20): answer(report=[1 / step, step, None, None])\n"
    ends = 'os.kill(os.getpid(), 11) if seed else answer(report=[float("nan"), 30, None, None])\n'
    outcomes = dict(script(f"{LEAN}answer(asked=60)\n{reports}{ends}", steps=60).train(TRIALS[:2]))
    diverged, killed = (outcomes[trial] for trial in TRIALS[:2])
    assert (diverged.loss, diverged.diverged_at, diverged.failure) == (math.inf, 30, None)
    assert killed.failure == "train: the script was killed by SIGSEGV."
    assert killed.valid == POINTS


def test_a_script_that_never_asks_is_told_the_lines_it_needs(script):
    trainer = script("print('training...')\n")
    with pytest.raises(TaskError, match=r"train: the script never called surefoot.trial\(\). Hint: it needs") as caught:
        trainer.steps  # noqa: B018
    for line in ("surefoot.trial(steps=", "trial.recipe.build(model)", "trial.report(valid_loss)"):
        assert line in caught.value.hint
    trainer = script("print('training...')\n", steps=10)
    ((_, outcome),) = trainer.train(TRIALS[:1])
    assert outcome.failure == "train: the script never called surefoot.trial()."


def test_a_script_that_asks_without_steps_needs_them_from_elsewhere(script):
    text = f"{LEAN}answer(asked=None)\nif seed is not None: answer(report=[0.5, None, None, None])\n"
    with pytest.raises(TaskError, match=r"without steps. Hint: write surefoot.trial\(steps=...\)"):
        script(text).describe()
    ((_, outcome),) = script(text, steps=10).train(TRIALS[:1])
    assert outcome.loss == 0.5


def test_a_script_that_fails_before_it_asks_is_one_line(script):
    with pytest.raises(TaskError, match=r"train: the script ended with exit code 3: out of luck."):
        script("import sys\nprint('out of luck', file=sys.stderr)\nsys.exit(3)\n").describe()


def test_a_script_that_does_not_end_when_it_has_said_its_length_is_ended(script):
    trainer = script(f"{LEAN}answer(asked=60)\nwhile True: pass\n")
    assert trainer.describe()["steps"] == 60


def test_exit_code_and_last_line_are_told(script):
    text = f"{LEAN}import sys\nanswer(asked=10)\nprint('first\\n out of luck\\n', file=sys.stderr)\nsys.exit(3)\n"
    ((_, outcome),) = script(text, steps=10).train(TRIALS[:1])
    assert outcome.failure == "train: the script ended with exit code 3: out of luck."


def test_no_loss_is_a_failure(script):
    ((_, outcome),) = script(f"{LEAN}answer(asked=10)\n", steps=10).train(TRIALS[:1])
    assert "asked for its trial and reported no loss" in outcome.failure


def test_another_length_than_the_studys_is_noted_once(script):
    lines = []

    class Listening(Silent):
        def tell(self, line):
            lines.append(line)

    trainer = script(f"{LEAN}answer(asked=70)\nanswer(report=[0.5, None, None, None])\n", steps=60)
    trainer.progress = Listening()
    assert [outcome.loss for _, outcome in trainer.train(TRIALS[:2])] == [0.5, 0.5]
    assert lines == ["train states that its full training takes 70 steps; this study takes 60."]


def test_what_is_printed_goes_to_a_file_of_bounded_size(script, tmp_path, capfd):
    printing = "import sys\nprint('first')\nfor _ in range(40): print('x' * 99_999)\nprint('last', file=sys.stderr)\n"
    trainer = script(LEAN + printing + "answer(asked=10)\nanswer(report=[0.5, 9, None, None])\n", steps=10)
    trainer.output = tmp_path
    ((_, outcome),) = trainer.train(TRIALS[:1])
    assert outcome.loss == 0.5
    (path,) = tmp_path.glob("*.log")
    text = path.read_text()
    assert text.startswith("first\nxxx")
    assert "last" in text  # its line break is written by itself, and may follow what comes from the other pipe
    assert "bytes are left out here" in text
    assert len(text) < 2_100_000
    assert capfd.readouterr() == ("", "")


# Both ignore SIGTERM, the child in a session of its own; they say that they do so before anybody may stop them.
STUBBORN = """\
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "child" not in sys.argv:
    own = subprocess.Popen([sys.executable, __file__, "child"], start_new_session=True)
folder = os.path.dirname(__file__)
with open(os.path.join(folder, "child" if "child" in sys.argv else "parent"), "w") as file:
    file.write(str(os.getpid()))
while True:
    time.sleep(0.01)
"""


def pids(folder):
    """Return the process numbers that the stubborn ones have written."""
    paths = [folder / "parent", folder / "child"]
    texts = [path.read_text() if path.exists() else "" for path in paths]
    return [int(text) for text in texts] if all(texts) else []


def gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_script_and_its_child_that_ignore_sigterm_are_killed_where_the_study_stops(script, tmp_path):
    trainer = script(STUBBORN, steps=10)
    trainer.stop = lambda: bool(pids(tmp_path))
    with pytest.raises(Interrupted):
        list(trainer.train(TRIALS))
    assert len(pids(tmp_path)) == 2
    assert all(map(gone, pids(tmp_path)))


def test_a_script_that_takes_too_long_has_failed(script):
    trainer = script(f"{LEAN}answer(asked=10)\nwhile True: pass\n", steps=10, timeout=0.5)
    ((_, outcome),) = trainer.train(TRIALS[:1])
    assert outcome.failure == "train: the script took longer than the timeout of 0.5 s and was ended."
    with pytest.raises(TaskError, match=r"did not call surefoot.trial"):
        script("while True: pass\n", timeout=0.5).describe()


def test_children_that_a_script_leaves_behind_are_ended(script, tmp_path):
    leaving = "import subprocess, sys\nown = subprocess.Popen([sys.executable, '-c', 'while True: pass'])\n"
    told = f"open({str(tmp_path / 'pid')!r}, 'w').write(str(own.pid))\n"
    text = f"{LEAN}{leaving}{told}answer(asked=10)\nanswer(report=[0.5, None, None, None])\n"
    ((_, outcome),) = script(text, steps=10).train(TRIALS[:1])
    assert outcome.loss == 0.5
    assert gone(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("command", [["./no-such-program"], [__file__]])
def test_a_command_that_cannot_be_run_is_one_line(command):
    with pytest.raises(TaskError, match=r"cannot run .*Hint: write the command as in a terminal"):
        list(ScriptTrainer(command, steps=10).train(TRIALS[:1]))


@pytest.mark.parametrize("command", [[], "python train.py"])
def test_a_command_is_a_list_of_words(command):
    with pytest.raises(TaskError, match="a command is a list of its words"):
        ScriptTrainer(command)
