"""What ``diagnose`` and the peers that judge logs say of the labelled trainings of the test tasks.

    python -m benchmarks.diagnosis.log_verdicts [--quick]

All are given the same: every step's training loss and learning rate, twenty validation losses, the momentum.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

from benchmarks import records
from benchmarks.diagnosis import peers, tasks
from benchmarks.diagnosis.cases import cases_of, grids_of
from benchmarks.diagnosis.curves import curve_of
from benchmarks.scale import DATA
from surefoot.log_diagnosis.diagnose import diagnose
from surefoot.logs.training_log import TrainingLog

EACH = 32
SUREFOOT, GUESSED = "surefoot", "surefoot, guessing where it says unknown"


def judges() -> dict[str, Callable[[TrainingLog], str]]:
    """Return every judge by its name; a peer that is not installed is left out, and said to be missing."""
    found: dict[str, Callable[[TrainingLog], str]] = {
        SUREFOOT: lambda curve: diagnose(curve).verdict,
        GUESSED: likeliest,
    }
    for name, judge in peers.PEERS.items():
        if peers.installed(name):
            found[name] = judge
        else:
            print(f"{name} is not installed: left out", flush=True)
    return found


def likeliest(curve: TrainingLog) -> str:
    """Return surefoot's likeliest verdict where it says that it does not know."""
    found = diagnose(curve)
    if found.verdict != "unknown" or not found.probabilities:
        return found.verdict
    return max(found.probabilities, key=lambda verdict: found.probabilities[verdict])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one task; kept in data/quick")
    quick = parser.parse_args().quick
    asked, rows = judges(), list[dict[str, Any]]()
    seconds: dict[str, float] = {}
    for make in tasks.TEST[:1] if quick else tasks.TEST:
        task = make().name
        grids = grids_of(task)
        for case in cases_of(task, grids, each=EACH):
            curve = curve_of(grids[case.optimizer, case.schedule], case)
            said = {}
            for name, judge in asked.items():
                begin = time.perf_counter()
                said[name] = judge(curve)
                seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - begin
            rows.append({"task": task, "recipe": str(case.recipe), "verdicts": said})
        print(f"{task}: {len(rows)} logs so far", flush=True)
    each = {name: round(total / len(rows), 5) for name, total in seconds.items()}
    data = {"machine": records.surroundings(), "seconds_each": each, "logs": rows}
    records.write((DATA / "quick" if quick else DATA) / "log_verdicts.json", data)


if __name__ == "__main__":
    main()
