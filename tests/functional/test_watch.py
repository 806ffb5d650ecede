"""The example of a watched loop, run as a user runs it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def example(*arguments):
    command = [sys.executable, str(ROOT / "examples/watch.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout.splitlines()


def test_a_rate_that_is_too_low_is_found_and_its_advice_is_healthy():
    low, *after = example()
    assert low.startswith("surefoot, step ")
    assert "lr too low" in low
    assert "Advice: lr=" in low
    assert after
    assert "healthy" in after[-1]


def test_a_good_rate_is_healthy():
    (line,) = example("--lr", "0.4")
    assert "healthy" in line
