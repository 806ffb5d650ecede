"""Training functions with faults of all kinds; ``by_seed`` calls the one that a trial's seed selects."""

from __future__ import annotations

import math
import os
import signal
import sys
import time
from pathlib import Path

import torch

STARTED = Path(os.environ.get("BAD_FUNCTIONS_FOLDER", ".")) / "started"


def good(trial):
    trial.report(0.75, step=1)
    return torch.rand(())


def raises(trial):
    trial.report(0.75, step=1)
    raise ValueError("no such layer")


def exits(trial):
    sys.exit("enough")


def returns_text(trial):
    return "0.5"


def returns_list(trial):
    return [0.5]


def returns_two(trial):
    return torch.zeros(2)


def returns_true(trial):
    return True


def returns_none(trial):
    trial.report(0.75, step=1)


def returns_no_loss(trial):
    return {"metric": 0.5}


def reports_text(trial):
    trial.report("0.5")
    return 0.5


def reports_half_a_step(trial):
    trial.report(0.5, step=1.5)
    return 0.5


def diverges(trial):
    for step, loss in ((1, 0.75), (2, math.nan), (3, math.inf)):
        trial.report(loss, step=step)
    return math.nan


def killed(trial):
    os.kill(os.getpid(), signal.SIGKILL)


def hangs(trial):
    STARTED.touch()
    while True:
        time.sleep(0.01)


def hangs_until_stopped(trial):
    STARTED.touch()
    while not trial.should_stop:
        time.sleep(0.01)
    STARTED.with_name("ended").touch()
    return 0.5


def prints(trial):
    print("first line")  # noqa: T201
    for _ in range(40):
        print("x" * 99_999)  # noqa: T201
    os.system("echo from a shell")
    print("last line", file=sys.stderr)  # noqa: T201
    return 0.5


ALL = (good, raises, exits, returns_text, returns_list, returns_two, returns_true, returns_none, returns_no_loss)
ALL += (reports_text, reports_half_a_step, diverges, killed, hangs, hangs_until_stopped, prints)


def by_seed(trial):
    return ALL[trial.seed](trial)
