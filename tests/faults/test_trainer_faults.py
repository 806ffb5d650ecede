"""A study that is killed leaves no training behind."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest

DRIVER = """\
import sys
from pathlib import Path
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.loader import load_task_or_function
from surefoot.trainers.trial import Trial
from surefoot.trainers.function_trainer import FunctionTrainer
from surefoot.trainers.script_trainer import ScriptTrainer

if sys.argv[1] == "workers":
    trainer = FunctionTrainer(load_task_or_function("training.py:train"), steps=10, workers=1)
else:
    trainer = ScriptTrainer([sys.executable, "training.py"], steps=10)
list(trainer.train([Trial(Recipe(), 10, 0)]))
"""
TRAINING = """\
import os, sys
import surefoot

def train(trial):
    os.write(os.open("pid", os.O_CREAT | os.O_WRONLY), b"%d\\n" % os.getpid())
    while True:
        pass

if __name__ == "__main__":
    train(surefoot.trial())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals a script whose parent ends")
@pytest.mark.parametrize("kind", ["workers", "script"])
def test_the_trainings_of_a_killed_study_end(tmp_path, kind):
    (tmp_path / "training.py").write_text(TRAINING)
    with subprocess.Popen([sys.executable, "-c", DRIVER, kind], cwd=tmp_path) as driver:
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().endswith("\n"):
            assert driver.poll() is None
        training = psutil.Process(int((tmp_path / "pid").read_text()))
        driver.kill()
    ended = False
    with suppress(psutil.NoSuchProcess):
        while training.status() != psutil.STATUS_ZOMBIE:  # nothing may be left to reap it
            time.sleep(0.02)
        ended = True
    assert ended or not training.is_running()
