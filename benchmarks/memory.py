"""Peak memory of one large study on digits, the whole process: `surefoot tune digits` with a budget for its trials.

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
from benchmarks.scale import ROOT, scale_of

# Where the search for a budget that pays for so many trials begins; the first tried is twice that.
FIRST_BUDGET_PER_TRIAL = 0.3


def peak_megabytes(budget: int, folder: Path) -> tuple[int, float]:
    """Return how many trials a budget paid for, and the peak of resident memory of the process."""
    program = [sys.executable, "-m", "surefoot", "tune", "digits", "--budget", f"{budget}x"]
    options = ["--json", "--no-report", "--quiet", "--study", str(folder / f"{budget}.db")]
    printed = folder / "result.json"
    with printed.open("w") as output:
        process = subprocess.Popen([*program, *options], cwd=ROOT, stdout=output)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"surefoot tune ended with status {status}")
    return int(json.loads(printed.read_text())["trials"]), usage.ru_maxrss / 1024


def main() -> None:
    scale = scale_of(__doc__)
    budget, trials, peak = round(FIRST_BUDGET_PER_TRIAL * scale.trials), 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        while trials < scale.trials:
            budget *= 2
            trials, peak = peak_megabytes(budget, Path(folder))
            print(f"digits, {budget}x: {trials} trials, peak {peak:.0f} MB", flush=True)
    row = {"budget": f"{budget}x", "trials": trials, "peak_megabytes": round(peak, 1)}
    records.write(scale.folder / "memory.json", row | {"machine": records.surroundings()})


if __name__ == "__main__":
    main()
