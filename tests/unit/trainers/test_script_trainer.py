"""What a script may do and do wrong. Most scripts here import no torch, so that they start fast."""

from __future__ import annotations

import math
import sys

import psutil
import pytest

from surefoot.core.errors import TaskError
from surefoot.core.progress import Interrupted, SilentProgress
from surefoot.recipe.recipe import Recipe
from surefoot.trainers.script_trainer import ScriptTrainer
from surefoot.trainers.trial import Curve, Trial

TRIALS = [Trial(Recipe(), 10, seed) for seed in range(8)]


# The work of surefoot.trial(), without the import of torch.
WITHOUT_TORCH = """\
import json, os
assignment = json.load(open(os.environ["SUREFOOT_TRIAL"]))
def send(**content):
    with open(assignment["answers"], "a") as file:
        file.write(json.dumps(content) + "\\n")
seed = assignment.get("trial", {}).get("seed")
"""


@pytest.fixture
def script(tmp_path):
    """Return a function that makes the trainer of a script from its text."""

    def trainer(text, **settings):
        path = tmp_path / "train.py"
        path.write_text(text)
        return ScriptTrainer([sys.executable, str(path)], **({"grace": 0.2} | settings))

    return trainer


POINTS = Curve((10, 20), (0.1, 0.05))


def test_reports_are_kept_after_divergence_and_crashes(script):
    reports = "for step in (10, 20): send(report=[1 / step, step, None, None])\n"
    ends = 'os.kill(os.getpid(), 11) if seed else send(report=[float("nan"), 30, None, None])\n'
    outcomes = dict(script(f"{WITHOUT_TORCH}send(asked=60)\n{reports}{ends}", steps=60).train(TRIALS[:2]))
    diverged, killed = (outcomes[trial] for trial in TRIALS[:2])
    assert (diverged.loss, diverged.diverged_at, diverged.failure) == (math.inf, 30, None)
    assert killed.failure == "train: the script was killed by SIGSEGV."
    assert killed.valid == POINTS


def test_a_script_that_never_calls_trial_gets_the_lines_it_needs(script):
    trainer = script("print('training...')\n")
    with pytest.raises(TaskError, match=r"train: the script never called surefoot.trial\(\). Hint: it needs") as caught:
        trainer.steps  # noqa: B018
    for line in ("surefoot.trial(steps=", "trial.recipe.build(model)", "trial.report(valid_loss)"):
        assert line in caught.value.hint
    trainer = script("print('training...')\n", steps=10)
    ((_, outcome),) = trainer.train(TRIALS[:1])
    assert outcome.failure == "train: the script never called surefoot.trial()."


def test_a_script_that_states_no_steps_needs_them_from_the_user(script):
    text = f"{WITHOUT_TORCH}send(asked=None)\nif seed is not None: send(report=[0.5, None, None, None])\n"
    with pytest.raises(TaskError, match=r"without steps. Hint: write surefoot.trial\(steps=...\)"):
        script(text).describe()
    ((_, outcome),) = script(text, steps=10).train(TRIALS[:1])
    assert outcome.loss == 0.5


def test_a_script_that_fails_before_its_trial_is_reported_in_one_line(script):
    with pytest.raises(TaskError, match=r"train: the script ended with exit code 3: out of memory."):
        script("import sys\nprint('out of memory', file=sys.stderr)\nsys.exit(3)\n").describe()


def test_a_script_that_runs_on_after_stating_its_length_is_ended(script):
    trainer = script(f"{WITHOUT_TORCH}send(asked=60)\nwhile True: pass\n")
    assert trainer.describe()["steps"] == 60


def test_a_failure_has_the_exit_code_and_the_last_line(script):
    text = (
        f"{WITHOUT_TORCH}import sys\nsend(asked=10)\nprint('first\\n out of memory\\n', file=sys.stderr)\nsys.exit(3)\n"
    )
    ((_, outcome),) = script(text, steps=10).train(TRIALS[:1])
    assert outcome.failure == "train: the script ended with exit code 3: out of memory."


def test_a_script_without_a_loss_has_failed(script):
    ((_, outcome),) = script(f"{WITHOUT_TORCH}send(asked=10)\n", steps=10).train(TRIALS[:1])
    assert "called surefoot.trial() and reported no loss" in outcome.failure


def test_another_length_than_the_studys_is_reported_once(script):
    lines = []

    class Listening(SilentProgress):
        def message(self, line):
            lines.append(line)

    trainer = script(f"{WITHOUT_TORCH}send(asked=70)\nsend(report=[0.5, None, None, None])\n", steps=60)
    trainer.progress = Listening()
    assert [outcome.loss for _, outcome in trainer.train(TRIALS[:2])] == [0.5, 0.5]
    assert lines == ["train states that its full training takes 70 steps; this study takes 60."]


def test_output_goes_to_a_file_of_bounded_size(script, tmp_path, capfd):
    printing = "import sys\nprint('first')\nfor _ in range(40): print('x' * 99_999)\nprint('last', file=sys.stderr)\n"
    trainer = script(WITHOUT_TORCH + printing + "send(asked=10)\nsend(report=[0.5, 9, None, None])\n", steps=10)
    trainer.output = tmp_path
    ((_, outcome),) = trainer.train(TRIALS[:1])
    assert outcome.loss == 0.5
    (path,) = tmp_path.glob("*.log")
    text = path.read_text()
    assert text.startswith("first\nxxx")
    assert "last" in text  # its line break is written separately, and may come after text of the other pipe
    assert "bytes are left out here" in text
    assert len(text) < 2_100_000
    assert capfd.readouterr() == ("", "")


# Script and child ignore SIGTERM, the child in a new session; each writes its process id once it does.
IGNORES_SIGTERM = """\
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "child" not in sys.argv:
    child = subprocess.Popen([sys.executable, __file__, "child"], start_new_session=True)
folder = os.path.dirname(__file__)
with open(os.path.join(folder, "child" if "child" in sys.argv else "parent"), "w") as file:
    file.write(str(os.getpid()))
while True:
    time.sleep(0.01)
"""


def pids(folder):
    """Return the process ids of script and child, once both have written them."""
    paths = [folder / "parent", folder / "child"]
    texts = [path.read_text() if path.exists() else "" for path in paths]
    return [int(text) for text in texts] if all(texts) else []


def has_ended(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_script_and_child_that_ignore_sigterm_are_killed_when_the_study_stops(script, tmp_path):
    trainer = script(IGNORES_SIGTERM, steps=10)
    trainer.stop = lambda: bool(pids(tmp_path))
    with pytest.raises(Interrupted):
        list(trainer.train(TRIALS))
    assert len(pids(tmp_path)) == 2
    assert all(map(has_ended, pids(tmp_path)))


def test_a_script_that_exceeds_the_timeout_has_failed(script):
    trainer = script(f"{WITHOUT_TORCH}send(asked=10)\nwhile True: pass\n", steps=10, timeout=0.5)
    ((_, outcome),) = trainer.train(TRIALS[:1])
    assert outcome.failure == "train: the script took longer than the timeout of 0.5 s and was ended."
    with pytest.raises(TaskError, match=r"did not call surefoot.trial"):
        script("while True: pass\n", timeout=0.5).describe()


def test_children_that_a_script_leaves_running_are_ended(script, tmp_path):
    start_child = "import subprocess, sys\nchild = subprocess.Popen([sys.executable, '-c', 'while True: pass'])\n"
    write_pid = f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n"
    text = f"{WITHOUT_TORCH}{start_child}{write_pid}send(asked=10)\nsend(report=[0.5, None, None, None])\n"
    ((_, outcome),) = script(text, steps=10).train(TRIALS[:1])
    assert outcome.loss == 0.5
    assert has_ended(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("command", [["./no-such-program"], [__file__]])
def test_a_command_that_cannot_be_run_is_rejected_in_one_line(command):
    with pytest.raises(TaskError, match=r"cannot run .*Hint: write the command as in a terminal"):
        list(ScriptTrainer(command, steps=10).train(TRIALS[:1]))


@pytest.mark.parametrize("command", [[], "python train.py"])
def test_a_command_that_is_not_a_list_of_words_is_rejected(command):
    with pytest.raises(TaskError, match="a command must be a list of words"):
        ScriptTrainer(command)
