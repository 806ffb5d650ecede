"""Tests that need a separate process: signals, terminals, imports."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SMALL = Path(__file__).with_name("small_training.py")
COMMAND = [sys.executable, "-m", "surefoot"]
LONG = [
    "tune",
    "digits",
    "--budget",
    "3x",
    "--seed",
    "7",
    "--plan",
    "plan.json",
    "--no-report",
    "--json",
]
DEADLINE = 120.0


def surefoot(*arguments: str, **settings) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=DEADLINE, check=False, **settings
    )


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(text: str, process: subprocess.Popen[str]) -> None:
    """Read stderr until a line with the text comes."""
    for line in process.stderr:
        if text in line:
            return
    pytest.fail(f"the process ended without printing {text!r}")


def test_neither_import_nor_help_imports_torch():
    for code in (
        "import surefoot",
        "import surefoot.cli.main",
        "from surefoot.tasks.builtin import BUILTINS; list(BUILTINS)",
    ):
        loaded = (
            f"{code}; import sys; print([name for name in ('torch', 'numpy', 'pandas', 'rich') if name in sys.modules])"
        )
        assert (
            subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout == "[]\n"
        )


def test_a_search_without_a_report_imports_no_plotting_library_and_no_optuna():
    arguments = ["find", "wine", "--budget", "0.5x", "--no-report", "--quiet", "--plan", "plan.json"]
    plotting = ("altair", "plotext", "pandas", "optuna")
    code = f"import sys; from surefoot.cli.main import run; run({arguments})"
    code += f"; print([name for name in {plotting} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", [[], ["tune"], ["find"], ["report"], ["schedule"], ["export"], ["completion"]])
def test_every_command_has_help_with_an_example(command):
    shown = surefoot(*command, "--help")
    assert shown.returncode == 0
    assert "surefoot " in shown.stdout.partition("\n")[2]


def test_ctrl_c_prints_the_best_so_far_and_a_command_that_resumes():
    process = start(*LONG)
    wait_for("short trials", process)
    wait_for("full training", process)
    process.send_signal(signal.SIGINT)
    shown, errors = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130
    assert json.loads(shown)["recipe"]
    command = re.search(r"surefoot (tune --resume '?surefoot.db#1'?)", errors)
    assert command, errors
    assert "Traceback" not in errors
    resumed = surefoot(*shlex.split(command[1]), "--no-report", "--json")
    assert resumed.returncode == 0, resumed.stderr
    fresh = surefoot(*LONG, "--study", "other.db")
    first, second = json.loads(resumed.stdout), json.loads(fresh.stdout)
    for result in (first, second):
        del result["seconds"], result["study"]
    assert first == second


SCRIPT = """
import os, signal, sys, time
from pathlib import Path
import surefoot

trial = surefoot.trial(steps=100)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
Path(f"running-{os.getpid()}").touch()
print("training", flush=True)
if "--hang" in sys.argv:
    time.sleep(600)
trial.report(1.0 / trial.steps + abs(trial.recipe.lr.highest - 0.01))
"""


def test_ctrl_c_ends_running_scripts():
    Path("script.py").write_text(SCRIPT)
    process = start(
        "tune", "--workers", "2", "--no-report", "--budget", "3x", "--", sys.executable, "script.py", "--hang"
    )
    begin = time.monotonic()
    while len(running := [*Path().glob("running-*")]) < 1:
        assert time.monotonic() - begin < DEADLINE
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    shown, errors = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130, errors
    assert "surefoot tune --resume" in errors
    assert "Traceback" not in errors + shown
    for path in running:
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.name.removeprefix("running-")), 0)


def test_an_interrupted_check_resumes_to_the_same_verdict():
    arguments = ["check", f"{SMALL}:train", "--steps", "600", "--recipe", "sgd(lr=0.001, momentum=0.9)"]
    process = start(*arguments, "--no-report", "--json")
    wait_for("trials of", process)
    process.send_signal(signal.SIGINT)
    shown, errors = process.communicate(timeout=DEADLINE)
    assert (process.returncode, shown) == (130, "")
    (command,) = re.findall(r"interrupted; all finished trials are stored. Resume with: (.*)", errors)
    resumed = json.loads(surefoot(*shlex.split(command)[1:], "--json", "--no-report").stdout)
    uninterrupted = json.loads(surefoot(*arguments, "--no-report", "--json", "--no-study").stdout)
    for result in (resumed, uninterrupted):
        del result["seconds"], result["study"]
    assert resumed == uninterrupted


def test_a_script_is_tuned_and_its_output_is_kept_next_to_the_study():
    Path("script.py").write_text(SCRIPT)
    arguments = ["--budget", "0.4x", "--workers", "2", "--no-report", "--json"]
    completed = surefoot("tune", *arguments, "--", sys.executable, "script.py")
    assert completed.returncode == 0, completed.stderr
    result = json.loads(completed.stdout)
    assert (result["task"], result["full_steps"]) == ("script", 100)
    outputs = [*Path("surefoot.db-1-output").iterdir()]
    assert len(outputs) == result["trials"]
    assert {path.read_text() for path in outputs} == {"training\n"}
    again = surefoot("tune", "--resume", "surefoot.db", "--no-report", "--json")
    assert json.loads(again.stdout)["recipe"] == result["recipe"]


def test_a_terminal_shows_a_progress_bar_and_a_pipe_gets_lines():
    piped = surefoot("tune", "wine", "--budget", "1x", "--plan", "plan.json", "--no-report")
    assert "short trials" in piped.stderr
    assert "\x1b" not in piped.stderr + piped.stdout
    output = in_terminal("tune", "wine", "--budget", "1x", "--plan", "plan.json", "--no-report", columns=100)
    assert "━" in output
    assert "Train with" in output


def test_no_color_and_narrow_terminals_are_respected():
    output = in_terminal(
        "tune", "wine", "--budget", "1x", "--plan", "plan.json", "--no-report", "--quiet", columns=60, NO_COLOR="1"
    )
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", output), "a colour was used"
    assert max(map(len, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output).splitlines())) <= 60


def in_terminal(*arguments: str, columns: int, **variables: str) -> str:
    """Run the command in a pseudo-terminal and return its output."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm-256color", **variables}
    process = subprocess.Popen([*COMMAND, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    shown = b""
    while chunk := read(ours):
        shown += chunk
    assert process.wait(timeout=DEADLINE) == 0
    os.close(ours)
    return shown.decode()


def read(handle: int) -> bytes:
    try:
        return os.read(handle, 65536)
    except OSError:  # the process has closed its side of the terminal
        return b""
