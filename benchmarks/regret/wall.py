"""Wall time of whole processes, imports included: the other cost of a search.

    python -m benchmarks.regret.wall [--cost 3] [--tasks a,b] [--contestants a,b]

Every contestant is a fresh process, one after another; a rival trains in a plain loop, as its users do. The times mean
something on an idle machine only.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import records
from benchmarks.regret.contestants import CONTESTANTS, SUREFOOT, TPE
from benchmarks.regret.grid import FOLDER
from benchmarks.regret.searches import SEARCHES
from benchmarks.regret.tasks import ENTRIES
from benchmarks.scale import ROOT

COST = 3.0
TASKS = ("digits-conv", "breast-cancer", "mnist1d-batchnorm", "teacher")


def wall_path(folder: Path = FOLDER) -> Path:
    return folder / "wall.json"


def one(contestant: str, task_name: str, cost: float) -> None:
    """Run one contestant in this process."""
    task = ENTRIES[task_name].make()
    if contestant in SEARCHES:
        from benchmarks.regret.lockstep import drive_plainly  # noqa: PLC0415  (loaded by none of the others)

        drive_plainly(task, SEARCHES[contestant](0), seed=0, most=cost)
    elif contestant == SUREFOOT.name:
        import surefoot  # noqa: PLC0415

        surefoot.tune(task, budget=f"{cost:g}x", seed=0)
    else:
        once = next(each.once for each in CONTESTANTS if each.name == contestant)
        if once is not None:
            once(task, 0, cost)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cost", type=float, default=COST, help="trainings that each may spend")
    parser.add_argument("--tasks", default=",".join(TASKS), help="their names, joined by commas")
    parser.add_argument("--contestants", default=f"{SUREFOOT.name},{TPE.name}", help="their names, joined by commas")
    parser.add_argument("--one", nargs=2, metavar=("CONTESTANT", "TASK"), help="run one in this process")
    asked = parser.parse_args()
    if asked.one:
        one(*asked.one, asked.cost)
        return
    data = records.read(wall_path(), {"rows": []})
    for task in asked.tasks.split(","):
        for contestant in asked.contestants.split(","):
            program = [sys.executable, "-m", "benchmarks.regret.wall", "--cost", str(asked.cost)]
            begin = time.perf_counter()
            subprocess.run([*program, "--one", contestant, task], cwd=ROOT, check=True)
            seconds = round(time.perf_counter() - begin, 2)
            new = {"task": task, "contestant": contestant, "cost": asked.cost, "seconds": seconds}
            same = ("task", "contestant", "cost")
            data["rows"] = [row for row in data["rows"] if any(row[key] != new[key] for key in same)] + [new]
            records.write(wall_path(), {**records.surroundings(), "rows": data["rows"]})
            print(f"{task:18} {contestant:18} {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()
