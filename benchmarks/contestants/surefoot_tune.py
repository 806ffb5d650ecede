"""surefoot: the real command, watched from outside.

While it runs, its study is read over and over: the incumbent is the setting that the search ranks first, of those
trained furthest the one with the lowest loss. The answer is what it prints. The budget is the default one.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from benchmarks.contestants.program import Call, say
from benchmarks.entries import ENTRIES

GLANCE_SECONDS = 0.05
FIRST = """
    SELECT trial.recipe FROM measurement JOIN trial ON trial.id = trial_id JOIN stage ON stage.id = stage_id
    WHERE stage.name LIKE 'search/%' AND valid_loss IS NOT NULL
    ORDER BY measurement.steps DESC, valid_loss LIMIT 1
"""


def incumbent(study: Path) -> str | None:
    """Return the recipe that a study in progress ranks first, if it has one yet."""
    try:
        with closing(sqlite3.connect(f"file:{study}?mode=ro", uri=True)) as connection:
            found = connection.execute(FIRST).fetchone()
    except sqlite3.OperationalError:  # it is not there yet, or being made
        return None
    return None if found is None else str(found[0])


def command(call: Call, study: Path) -> list[str]:
    entry = ENTRIES[call.task]
    asked = ["--steps", str(entry.steps), "--seed", str(call.seed)]
    program = [sys.executable, "-m", "surefoot", "tune", entry.text]
    return [*program, *asked, "--json", "--no-report", "--quiet", "--study", str(study)]


def main() -> None:
    call = Call.read()
    with tempfile.TemporaryDirectory() as folder:
        study, printed, shown = Path(folder) / "study.db", Path(folder) / "result.json", None
        with printed.open("w") as output:
            process = subprocess.Popen(command(call, study), stdout=output)
            while process.poll() is None:
                time.sleep(GLANCE_SECONDS)
                if (found := incumbent(study)) != shown:
                    shown = found
                    say(recipe=found)
        if process.returncode:
            sys.exit(process.returncode)
        result = json.loads(printed.read_text())
        say(answer=result["recipe"], **{key: result[key] for key in ("search_config_steps", "config_steps", "steps")})


if __name__ == "__main__":
    main()
