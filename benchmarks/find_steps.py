"""Does `find` answer the same whatever the length of its ramp?

    python benchmarks/find_steps.py [--tasks digits wine ...] [--draws 3] [--json FILE]

Every task, momentum and draw of seeds is tested with ramps of 100, 300 and 1000 steps. Printed are, for each task, the
smallest and the largest ratio of `limit` and of `best` to those of the 100-step ramp over all momenta and draws, and
the ratios of the suggested learning rate, draw by draw. The promise is a factor of 2. `alike` says how often two draws
of seeds that share nothing have 90 % intervals of `limit`, or of `best`, that overlap.
"""

from __future__ import annotations

import argparse
import json
from itertools import combinations
from pathlib import Path
from typing import Any

from surefoot.fleet import Plan, calibrate
from surefoot.search.find import MOMENTA, find
from surefoot.tasks.loader import load

LENGTHS = (100, 300, 1000)
PROMISE = 2.0
CHARACTERS = str(Path(__file__).parent.parent / "examples" / "char_transformer.py") + ":task"
TASKS = ("digits", "mnist1d", "wine", "diabetes", "fashion-mnist", CHARACTERS)
# Convolutions and attention cost fifty times a table's step: fewer momenta, for the suggestion to have a choice.
SLOW = {"fashion-mnist", CHARACTERS}
SLOW_MOMENTA = (0.0, 0.9, 0.98)


def measure(name: str, draws: int) -> list[dict[str, Any]]:
    task, momenta = load(name), SLOW_MOMENTA if name in SLOW else MOMENTA
    plan: Plan = calibrate(task, members=4 * len(momenta))
    return [
        {"name": task.name, "draw": draw, "steps": steps}
        | find(task, momenta=momenta, steps=steps, seed=100 * draw, plan=plan).to_json()
        for draw in range(draws)
        for steps in LENGTHS
    ]


def ratios(runs: list[dict[str, Any]], *, steps: int, key: str) -> dict[tuple[int, float], float | None]:
    """Return draw, momentum -> value at this length by the value at the shortest; None where one of them is missing."""
    at = {(run["draw"], run["steps"], row["momentum"]): row["lr"][key] for run in runs for row in run["ranges"]}
    found = {}
    for (draw, length, momentum), value in at.items():
        first = at[draw, LENGTHS[0], momentum]
        if length == steps and (value, first) != (None, None):
            found[draw, momentum] = value / first if value and first else None
    return found


def suggestions(runs: list[dict[str, Any]], *, steps: int) -> list[float | None]:
    at = {(run["draw"], run["steps"]): run["suggestion"] for run in runs}
    pairs = [(at[draw, steps], at[draw, LENGTHS[0]]) for draw, length in at if length == steps]
    return [long["lr"] / short["lr"] if long and short else None for long, short in pairs if long or short]


def span(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    lost = f" ({len(values) - len(known)} missing)" if len(known) < len(values) else ""
    return (f"{min(known):6.2f} .. {max(known):<6.2f}" if known else f"{'-':^16}") + lost


def kept(values: list[float | None]) -> bool:
    return all(value is not None and 1 / PROMISE <= value <= PROMISE for value in values)


def alike(runs: list[dict[str, Any]], key: str) -> str:
    """Return of how many pairs of draws the intervals overlap."""
    rows = [
        (run["draw"], row["momentum"], row["intervals"][key])
        for run in runs
        if run["steps"] == LENGTHS[0]
        for row in run["ranges"]
        if row.get("intervals", {}).get(key)
    ]
    pairs = [
        max(one[2][0], two[2][0]) <= min(one[2][1], two[2][1])
        for one, two in combinations(rows, 2)
        if one[1] == two[1] and one[0] != two[0]
    ]
    return f"{sum(pairs)}/{len(pairs)}"


def report(name: str, runs: list[dict[str, Any]]) -> None:
    for steps in LENGTHS[1:]:
        columns = {key: list(ratios(runs, steps=steps, key=key).values()) for key in ("limit", "best", "low", "high")}
        chosen = suggestions(runs, steps=steps)
        fine = kept(columns["limit"]) and kept(chosen)
        shown = "   ".join(f"{key} {span(values)}" for key, values in columns.items())
        print(f"{name:17} {steps:5}/{LENGTHS[0]}:  {shown}   suggestion {span(chosen)}   {'ok' if fine else 'BROKEN'}")
    cost = {run["steps"]: run["config_steps"] for run in runs}
    shared = f"limit {alike(runs, 'limit')}, best {alike(runs, 'best')}"
    print(f"{'':17} intervals of two draws overlap: {shared}; config-steps {cost}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", default=TASKS)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--json", type=Path)
    settings = parser.parse_args()
    found = {}
    for name in settings.tasks:
        found[name] = measure(name, settings.draws)
        report(found[name][0]["name"], found[name])
        if settings.json:
            settings.json.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
