"""What needs a process of its own: signals, terminals, imports."""

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


def started(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(line: str, process: subprocess.Popen[str]) -> None:
    """Read stderr until a line is seen; the deadline of the test ends a process that never says it."""
    for read in process.stderr:
        if line in read:
            return
    pytest.fail(f"it ended without saying {line!r}")


def test_neither_import_nor_help_loads_torch():
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


def test_a_search_that_writes_no_report_loads_nothing_that_draws_and_no_other_sampler():
    asked = ["find", "wine", "--budget", "0.5x", "--no-report", "--quiet", "--plan", "plan.json"]
    drawing = ("altair", "plotext", "pandas", "optuna")
    code = f"import sys; from surefoot.cli.main import run; run({asked})"
    code += f"; print([name for name in {drawing} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", [[], ["tune"], ["find"], ["report"], ["schedule"], ["export"], ["completion"]])
def test_every_command_has_help_with_an_example(command):
    shown = surefoot(*command, "--help")
    assert shown.returncode == 0
    assert "surefoot " in shown.stdout.partition("\n")[2]


def test_ctrl_c_shows_the_best_so_far_and_the_printed_command_goes_on():
    process = started(*LONG)
    wait_for("map", process)
    wait_for("training", process)
    process.send_signal(signal.SIGINT)
    shown, said = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130
    assert json.loads(shown)["recipe"]
    command = re.search(r"surefoot (tune --resume '?surefoot.db#1'?)", said)
    assert command, said
    assert "Traceback" not in said
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


def test_ctrl_c_ends_the_scripts_that_run():
    Path("script.py").write_text(SCRIPT)
    process = started(
        "tune", "--workers", "2", "--no-report", "--budget", "3x", "--", sys.executable, "script.py", "--hang"
    )
    begin = time.monotonic()
    while len(running := [*Path().glob("running-*")]) < 1:
        assert time.monotonic() - begin < DEADLINE
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    shown, said = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130, said
    assert "surefoot tune --resume" in said
    assert "Traceback" not in said + shown
    for path in running:
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.name.removeprefix("running-")), 0)


def test_a_check_that_was_interrupted_goes_on_to_the_same_verdict():
    asked = ["check", f"{SMALL}:train", "--steps", "600", "--recipe", "sgd(lr=0.001, momentum=0.9)"]
    process = started(*asked, "--no-report", "--json")
    wait_for("trials of", process)
    process.send_signal(signal.SIGINT)
    shown, said = process.communicate(timeout=DEADLINE)
    assert (process.returncode, shown) == (130, "")
    (command,) = re.findall(r"interrupted; what was done is kept. Go on with: (.*)", said)
    gone_on = json.loads(surefoot(*shlex.split(command)[1:], "--json", "--no-report").stdout)
    whole = json.loads(surefoot(*asked, "--no-report", "--json", "--no-study").stdout)
    for found in (gone_on, whole):
        del found["seconds"], found["study"]
    assert gone_on == whole


def test_a_script_is_tuned_and_what_it_prints_is_kept_beside_the_study():
    Path("script.py").write_text(SCRIPT)
    asked = ["--budget", "0.4x", "--workers", "2", "--no-report", "--json"]
    found = surefoot("tune", *asked, "--", sys.executable, "script.py")
    assert found.returncode == 0, found.stderr
    result = json.loads(found.stdout)
    assert (result["task"], result["full_steps"]) == ("script", 100)
    outputs = [*Path("surefoot.db-1-output").iterdir()]
    assert len(outputs) == result["trials"]
    assert {path.read_text() for path in outputs} == {"training\n"}
    again = surefoot("tune", "--resume", "surefoot.db", "--no-report", "--json")
    assert json.loads(again.stdout)["recipe"] == result["recipe"]


def test_a_terminal_sees_a_live_bar_and_a_pipe_sees_lines():
    piped = surefoot("tune", "wine", "--budget", "1x", "--plan", "plan.json", "--no-report")
    assert "map" in piped.stderr
    assert "\x1b" not in piped.stderr + piped.stdout
    seen = in_terminal("tune", "wine", "--budget", "1x", "--plan", "plan.json", "--no-report", columns=100)
    assert "━" in seen
    assert "Train with" in seen


def test_no_color_and_a_narrow_terminal_are_respected():
    seen = in_terminal(
        "tune", "wine", "--budget", "1x", "--plan", "plan.json", "--no-report", "--quiet", columns=60, NO_COLOR="1"
    )
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", seen), "a colour was used"
    assert max(map(len, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen).splitlines())) <= 60


def in_terminal(*arguments: str, columns: int, **variables: str) -> str:
    """Run the command in a pseudo-terminal; return all that it showed."""
    here, there = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm-256color", **variables}
    process = subprocess.Popen([*COMMAND, *arguments], stdin=there, stdout=there, stderr=there, env=environment)
    os.close(there)
    shown = b""
    while chunk := read(here):
        shown += chunk
    assert process.wait(timeout=DEADLINE) == 0
    os.close(here)
    return shown.decode()


def read(handle: int) -> bytes:
    try:
        return os.read(handle, 65536)
    except OSError:  # the other side has closed: that is how a terminal ends
        return b""
