"""What a command costs beside its search: a whole `surefoot tune wine --budget 3x` over an import of torch.

    python -m benchmarks.cold_start [--quick]

Both are whole processes, timed in turn; a round's ratio is that of its two times. After a first round that is not
counted, all files are in the page cache.
"""

from __future__ import annotations

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

FILE = "cold_start.json"
MOST = 3.0
IMPORT = (sys.executable, "-c", "import torch")
TUNE = (sys.executable, "-m", "surefoot", "tune", "wine", "--budget", "3x", "--no-report", "--quiet")


def seconds(command: Sequence[str]) -> float:
    """Return what a process takes from its start to its end."""
    begin = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def median_ratio(rows: Sequence[dict[str, Any]]) -> float:
    """Return the median over rounds of the ratio of both times.

    Example:
        >>> median_ratio([{"import": 1.0, "tune": 2.0}, {"import": 2.0, "tune": 3.0}, {"import": 1.0, "tune": 9.0}])
        2.0
    """
    return statistics.median(row["tune"] / row["import"] for row in rows)


def targets(data: dict[str, Any] | None) -> list[list[str]]:
    """Return the row of the table of targets."""
    found = DASH if data is None else f"{median_ratio(data['rounds']):.1f}x"
    met = None if data is None else median_ratio(data["rounds"]) <= MOST
    return [target(f"`surefoot tune wine`, whole process: at most {MOST:g}x `import torch`", found, met=met)]


def section(data: dict[str, Any] | None) -> str:
    """Return the median times of whole processes."""
    if data is None:
        return ""
    medians = [statistics.median(row[key] for row in data["rounds"]) for key in ("import", "tune")]
    row = [str(len(data["rounds"])), *(f"{value:.2f}" for value in (*medians, median_ratio(data["rounds"])))]
    head = ["rounds", "import torch, s", "tune wine, s", "median ratio"]
    return f"\n## Cold start\n\nWhole processes in turn, medians.\n\n{table(head, [row])}"


def main() -> None:
    scale, rows = scale_of(__doc__), []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(scale.cold_starts + 1):
            study = ("--study", str(Path(folder) / f"{number}.db"))
            row = {"import": round(seconds(IMPORT), 3), "tune": round(seconds([*TUNE, *study]), 3)}
            print(f"import torch {row['import']:.2f} s, tune wine {row['tune']:.2f} s", flush=True)
            if number:
                rows.append(row)
    records.write(scale.folder / FILE, {"machine": records.surroundings(), "rounds": rows})


if __name__ == "__main__":
    main()
