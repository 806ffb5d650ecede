"""A TensorBoard that runs for real."""

import re
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

DEADLINE_SECONDS = 60.0


@contextmanager
def tensorboard_of(folder):
    """Yield the address of a TensorBoard that shows a folder."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--host", "127.0.0.1", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--load_fast=false", "--reload_interval", "1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(DEADLINE_SECONDS, process.kill)
    watchdog.start()
    try:
        yield _address(process)
    finally:
        watchdog.cancel()
        process.kill()
        process.wait(timeout=10)
        process.stderr.close()


def _address(process):
    """Return where the server says it listens; its own choice of a free port."""
    said = []
    for line in process.stderr:
        said.append(line)
        if found := re.search(r"http://127\.0\.0\.1:\d+/", line):
            return found.group()
    pytest.fail("TensorBoard did not start:\n" + "".join(said))
