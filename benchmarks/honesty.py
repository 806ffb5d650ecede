"""Does a tune keep what it promises? Many tunes, and what they recommend trained on seeds that nobody has seen.

    python -m benchmarks.honesty [--quick]       # goes on where it stopped; delete data/honesty.json to begin anew

For every tune, at the default budget: whether its 90 % interval holds the dense grid's best learning rate, and how wide
it is; whether what it recommends beats the default recipe (SGD at 0.01 and momentum 0.9, constant), is good, and
diverges on a fresh seed. An interval is that of the rate at the recommended momentum, so it is held against the grid's
best rate there: the best lr / (1 - momentum) of the nearest momentum's column.
"""

from __future__ import annotations

from typing import Any

from benchmarks import grid, records
from benchmarks.entries import ENTRIES
from benchmarks.judging import Judge
from benchmarks.scale import scale_of
from surefoot.fleet import Plan, calibrate
from surefoot.recipe import DEFAULT_RECIPE
from surefoot.search.result import TuneResult
from surefoot.search.tune import tune
from surefoot.tasks.task import Task


def row_of(name: str, seed: int, result: TuneResult) -> dict[str, Any]:
    """Return what is kept of a tune."""
    return {
        "task": name,
        "seed": seed,
        "recipe": None if result.best is None else str(result.best.recipe),
        "lr": None if result.lr is None else [result.lr.low, result.lr.high],
        "search_trainings": round(result.search_config_steps / result.steps, 2),
        "confirmation_trainings": round((result.config_steps - result.search_config_steps) / result.steps, 2),
        "seconds": round(result.seconds, 2),
    }


def judged(name: str, rows: list[dict[str, Any]], task: Task, plan: Plan) -> None:
    """Train what a task's tunes recommend on all fresh seeds, the default recipe beside it."""
    default, judge = str(DEFAULT_RECIPE), Judge(task, plan, grid.load(name).best.fresh)
    waiting = [row for row in rows if row["recipe"] is not None and "fresh" not in row]
    judge.judge([default, *(row["recipe"] for row in waiting)], screens=())
    for row in waiting:
        row["fresh"] = records.numbers(judge.known[row["recipe"]])
        row["default"] = records.numbers(judge.known[default])


def main() -> None:
    scale = scale_of(__doc__)
    path = scale.folder / "honesty.json"
    data = records.read(path, {"tunes": []}) | {"machine": records.surroundings()}
    for name in scale.tasks:
        rows = [row for row in data["tunes"] if row["task"] == name]
        missing = [seed for seed in range(scale.tunes[name]) if seed not in {row["seed"] for row in rows}]
        if not missing and all("fresh" in row for row in rows if row["recipe"]):
            continue
        task = ENTRIES[name].load()
        plan = calibrate(task, members=32)
        for seed in missing:
            rows.append(row_of(name, seed, tune(task, seed=seed, plan=plan)))
            data["tunes"].append(rows[-1])
            records.write(path, data)
        judged(name, rows, task, plan)
        records.write(path, data)
        print(f"{name:18} {len(rows)} tunes", flush=True)


if __name__ == "__main__":
    main()
