"""Peak memory of one large study on digits, the whole process: `surefoot tune digits` with many recipes to compare.

python -m benchmarks.memory [--quick]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import records
from benchmarks.driver import compared
from benchmarks.scale import ROOT, scale_of


def peak_megabytes(trials: int, folder: Path) -> tuple[int, float]:
    """Return how many trials a study had, so many at least, and the peak of resident memory of the process."""
    program = [sys.executable, "-m", "surefoot", "tune", "digits", "--budget", f"{3 * trials}x"]
    options = ["--json", "--no-report", "--quiet", "--study", str(folder / "study.db")]
    others = [part for recipe in compared(trials) for part in ("--compare", str(recipe))]
    printed = folder / "result.json"
    with printed.open("w") as output:
        process = subprocess.Popen([*program, *options, *others], cwd=ROOT, stdout=output)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"surefoot tune ended with status {status}")
    return int(json.loads(printed.read_text())["trials"]), usage.ru_maxrss / 1024


def main() -> None:
    scale = scale_of(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        trials, peak = peak_megabytes(scale.trials, Path(folder))
    print(f"digits: {trials} trials, peak {peak:.0f} MB", flush=True)
    row = {"trials": trials, "peak_megabytes": round(peak, 1)}
    records.write(scale.folder / "memory.json", row | {"machine": records.surroundings()})


if __name__ == "__main__":
    main()
