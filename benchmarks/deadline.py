"""A budget of seconds, asked and taken: `surefoot tune digits --budget 10s` and others, as whole processes.

    python -m benchmarks.deadline [--quick]      # goes on where it stopped; delete data/deadline.json to begin anew

Taken is what a user waits: from the start of the process to its end, imports and the calibration included. Each case
has its turn before the first has its second.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import records
from benchmarks.markdown import DASH, table, target
from benchmarks.scale import ROOT, scale_of

FILE = "deadline.json"
# A deadline is kept where it is exceeded by less than the larger of the two.
SLACK_SECONDS, SLACK_SHARE = 3.0, 0.05
# Task and seconds.
CASES = (("digits", 10), ("digits", 30), ("mnist1d", 20), ("fashion-mnist", 20))


def measure(task: str, asked: int, seed: int) -> dict[str, Any]:
    """Run one command; return what it took and what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        study = str(Path(folder) / "study.db")
        options = ["--budget", f"{asked}s", "--seed", str(seed), "--study", study, "--no-report", "--quiet", "--json"]
        begin = time.perf_counter()
        process = subprocess.run(
            [sys.executable, "-m", "surefoot", "tune", task, *options],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        taken = time.perf_counter() - begin
    found = json.loads(process.stdout) if process.returncode == 0 else {}
    return {
        "task": task,
        "seed": seed,
        "asked": asked,
        "taken": round(taken, 2),
        "status": process.returncode,
        "recommends": found.get("recipe") is not None,
        "trained": found.get("valid_loss") is not None,
    }


def overrun(rows: Sequence[dict[str, Any]]) -> float:
    """Return the largest ratio of taken to asked.

    Example:
        >>> overrun([{"asked": 10, "taken": 9.0}, {"asked": 20, "taken": 22.0}])
        1.1
    """
    return max(row["taken"] / row["asked"] for row in rows)


def latest(asked: float) -> float:
    """Return the seconds that a process may take with a budget of seconds.

    Example:
        >>> latest(10.0), latest(100.0)
        (13.0, 105.0)
    """
    return asked + max(SLACK_SECONDS, SLACK_SHARE * asked)


def targets(data: dict[str, Any] | None) -> list[list[str]]:
    """Return the row of the table of targets."""
    rows = [] if data is None else data["runs"]
    late = sum(row["taken"] > latest(row["asked"]) for row in rows)
    found = f"{len(rows) - late} of {len(rows)}, at most {overrun(rows):.2f} of what was asked" if rows else DASH
    return [
        target("a budget of seconds is kept, within 5 % or 3 s, whole process", found, met=not late if rows else None)
    ]


def section(data: dict[str, Any] | None) -> str:
    """Return asked and taken by case."""
    if data is None:
        return ""
    lines = []
    for task, asked in CASES:
        rows = [row for row in data["runs"] if (row["task"], row["asked"]) == (task, asked)]
        if rows:
            taken = [row["taken"] for row in rows]
            numbers = [f"{statistics.median(taken):.1f}", f"{max(taken):.1f}"]
            answers = [f"{sum(row[key] for row in rows)} of {len(rows)}" for key in ("recommends", "trained")]
            lines.append([task, str(asked), *numbers, *answers])
    head = ["task", "asked, s", "taken, median, s", "most, s", "recommends", "trained in full"]
    return f"\n## Deadlines\n\nFrom the start of the process to its end.\n\n{table(head, lines)}"


def main() -> None:
    scale = scale_of(__doc__)
    path = scale.folder / FILE
    rows = records.read(path, {"runs": []})["runs"]
    for number in range(len(rows), scale.deadline_runs):
        task, asked = CASES[number % len(CASES)]
        rows.append(measure(task, asked, number // len(CASES)))
        print(f"{task}, {asked} s asked: {rows[-1]['taken']:.1f} s taken", flush=True)
        records.write(path, {"machine": records.surroundings(), "runs": rows})


if __name__ == "__main__":
    main()
