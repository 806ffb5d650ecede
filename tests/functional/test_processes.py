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

import pytest

COMMAND = [sys.executable, "-m", "surefoot"]
LONG = ["tune", "mnist1d", "--budget", "12x", "--seed", "7", "--plan", "plan.json", "--no-report", "--json"]
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
        "from surefoot.tasks.names import BUILTINS; list(BUILTINS)",
    ):
        loaded = (
            f"{code}; import sys; print([name for name in ('torch', 'numpy', 'pandas', 'rich') if name in sys.modules])"
        )
        assert (
            subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout == "[]\n"
        )


@pytest.mark.parametrize("command", [[], ["tune"], ["find"], ["report"], ["schedule"], ["export"], ["completion"]])
def test_every_command_has_help_with_an_example(command):
    shown = surefoot(*command, "--help")
    assert shown.returncode == 0
    assert "surefoot " in shown.stdout.partition("\n")[2]


def test_ctrl_c_keeps_what_was_done_and_the_printed_command_goes_on():
    process = started(*LONG)
    wait_for("search", process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130
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


def test_a_killed_tune_goes_on_as_well():
    process = started(*LONG)
    wait_for("search", process)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=DEADLINE)
    resumed = surefoot("tune", "--resume", "surefoot.db", "--no-report", "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["study"] == "surefoot.db#1"


def test_a_terminal_sees_a_live_bar_and_a_pipe_sees_lines():
    piped = surefoot("tune", "wine", "--budget", "12x", "--plan", "plan.json", "--no-report")
    assert "search" in piped.stderr
    assert "\x1b" not in piped.stderr + piped.stdout
    seen = in_terminal("tune", "wine", "--budget", "12x", "--plan", "plan.json", "--no-report", columns=100)
    assert "━" in seen
    assert "recommended" in seen


def test_no_color_and_a_narrow_terminal_are_respected():
    seen = in_terminal(
        "tune", "wine", "--budget", "12x", "--plan", "plan.json", "--no-report", "--quiet", columns=60, NO_COLOR="1"
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
