"""Run what is missing of the benchmark, and judge it.

    python -m benchmarks.regret [--development] [--quick] [--contestants a,b] [--draws N] [--tasks a,b] [--most 18]

It goes on where it was broken off: runs are kept in data/regret/runs.json, judgements in judged-TASK.json beside it.
Grids that are missing are computed first. python -m benchmarks.regret.report makes the figure and the tables.
"""

from __future__ import annotations

import argparse

from benchmarks import records
from benchmarks.regret import grid
from benchmarks.regret.contestants import CONTESTANTS, Contestant
from benchmarks.regret.runs import judge_task, missing, run_task, runs_path
from benchmarks.regret.searches import COSTS
from benchmarks.regret.tasks import DEVELOPMENT, ENTRIES, QUICK, TEST

DRAWS, QUICK_DRAWS = 5, 1


def contestants_of(names: str | None) -> list[Contestant]:
    """Return the contestants that are named; all where none is."""
    by_name = {each.name: each for each in CONTESTANTS}
    return [by_name[name] for name in names.split(",")] if names else [*CONTESTANTS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--development", action="store_true", help="the development tasks in place of the test tasks")
    parser.add_argument("--quick", action="store_true", help="two short tasks and one draw")
    parser.add_argument("--contestants", help="their names, joined by commas; all, if not given")
    parser.add_argument("--tasks", help="their names, joined by commas")
    parser.add_argument("--draws", type=int, help=f"draws of each contestant; {DRAWS}, if not given")
    parser.add_argument("--most", type=float, default=COSTS[-1], help="trainings that a search may spend")
    asked = parser.parse_args()
    names = QUICK if asked.quick else DEVELOPMENT if asked.development else TEST
    names = asked.tasks.split(",") if asked.tasks else [*names]
    draws = asked.draws or (QUICK_DRAWS if asked.quick else DRAWS)
    chosen = contestants_of(asked.contestants)
    for each in chosen:
        if not each.installed:
            print(f"{each.title}: {each.needs} is not installed; it is left out.", flush=True)
    chosen = [each for each in chosen if each.installed]
    for name in names:
        grid.run(name)
        task = ENTRIES[name].make()
        data = records.read(runs_path(), {"runs": []})
        waiting = missing(data["runs"], name, chosen, draws, most=asked.most)
        rows = run_task(name, task, waiting, most=asked.most)
        # Read again: another process may have run other tasks meanwhile.
        data = records.read(runs_path(), {"runs": []})
        new = {(row["task"], row["contestant"], row["draw"]) for row in rows}
        kept = [run for run in data["runs"] if (run["task"], run["contestant"], run["draw"]) not in new]
        records.write(runs_path(), {"machine": records.surroundings(), "runs": [*kept, *rows]})
        judge = judge_task(name, task, [*kept, *rows])
        print(f"{name:18} {len(rows)} runs, {len(judge.known)} recommendations judged", flush=True)


if __name__ == "__main__":
    main()
