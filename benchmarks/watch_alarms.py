"""How often a watch cries at trainings that are well set.

    python -m benchmarks.watch_alarms [--quick]

Trained are the recipes that tunes of the honesty benchmark recommended, AdamW and SGD at usual settings on the tables,
and the default recipe, under a watch that looks at every step. Every fault that it tells on the way counts, also one
that it takes back. The default recipe is not well set everywhere, so it is counted apart.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks import records
from benchmarks.entries import ENTRIES
from benchmarks.markdown import DASH, table
from benchmarks.scale import DATA
from surefoot import Watch
from surefoot.recipe.recipe import DEFAULT_RECIPE, Recipe
from surefoot.tasks.batch_order_and_trees import BatchOrder
from surefoot.tasks.loader import load_task
from surefoot.tasks.task import Task
from surefoot.watch.hysteresis_and_reaction import FAULTS

TABLES = ("wine", "breast-cancer")
USUAL = ("sgd(lr=cosine(0.1), momentum=0.9)", "sgd(lr=0.05, momentum=0.9)", "adamw(lr=cosine(3e-3))", "adamw(lr=1e-3)")
# Recommendations of a task that are trained, and seeds of each other recipe.
RECOMMENDED, SEEDS = 8, 2
DEFAULT, ALL = str(DEFAULT_RECIPE), "all"
INTRODUCTION = """Trainings in which a watch told a fault, also one that it took back. The default recipe is not well
set everywhere.
"""


def trainings(*, quick: bool) -> Iterator[tuple[str, Task, str, int]]:
    """Yield the name of each task, the task, a recipe for it and a seed."""
    tunes = records.read(DATA / "honesty.json", {"tunes": []})["tunes"]
    seeds, most = (1, 1) if quick else (SEEDS, RECOMMENDED)
    for name in (*TABLES, *ENTRIES):
        task = load_task(name) if name in TABLES else ENTRIES[name].load()
        found = [tune["recipe"] for tune in tunes if tune["task"] == name][:most]
        for seed, recipe in enumerate(found):
            yield name, task, recipe, seed
        for recipe in (*(USUAL if name in TABLES else ()), DEFAULT):
            for seed in range(seeds):
                yield name, task, recipe, seed


def alarms(task: Task, recipe: str, seed: int) -> dict[str, Any]:
    """Train; return the faults that were told on the way, and the verdict at the end."""
    torch.manual_seed(seed)
    model = task.new_model()
    optimizer, scheduler = Recipe.parse(recipe).build(model, steps=task.total_steps)
    watch = Watch(model, optimizer, task.batch_loss, print_fn=None, overhead=None)
    order = BatchOrder(len(task.train), task.batch_size, seed=seed)
    told = []
    for number in range(task.total_steps):
        batch = task.batch("train", order.indices(number))
        optimizer.zero_grad()
        loss = task.batch_loss(model, batch)
        loss.backward()
        optimizer.step()
        scheduler.step()
        found = watch.step(loss, batch)
        if found is not None and found.verdict in FAULTS:
            told.append(f"{found.verdict} at {number}: {found.why}")
    return {"told": told, "verdict": watch.finding.verdict}


def section(data: dict[str, Any] | None) -> str:
    """Return how many well set trainings were called faulty on the way, by task."""
    if data is None:
        return ""
    good, default = ([row for row in data["rows"] if (row["recipe"] == DEFAULT) is own] for own in (False, True))
    tasks = [*dict.fromkeys(row["task"] for row in data["rows"])]
    lines = [
        [name, *(_share([row for row in rows if name in (row["task"], ALL)]) for rows in (good, default))]
        for name in (*tasks, ALL)
    ]
    return f"\n## Alarms of a watch\n\n{INTRODUCTION}\n{table(['task', 'well set', 'default'], lines)}"


def _share(rows: list[dict[str, Any]]) -> str:
    return f"{sum(bool(row['told']) for row in rows)} of {len(rows)}" if rows else DASH


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one training of each kind; kept in data/quick")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    rows = []
    for name, task, recipe, seed in trainings(quick=quick):
        rows.append({"task": name, "recipe": recipe, "seed": seed, **alarms(task, recipe, seed)})
        print(*rows[-1].values(), flush=True)
    for label, chosen in (
        ("well set", [row for row in rows if row["recipe"] != DEFAULT]),
        ("default", [row for row in rows if row["recipe"] == DEFAULT]),
    ):
        print(f"{label}: {sum(bool(row['told']) for row in chosen)} of {len(chosen)} trainings called faulty")
    folder: Path = DATA / "quick" if quick else DATA
    folder.mkdir(parents=True, exist_ok=True)
    records.write(folder / "watch_alarms.json", {"machine": records.surroundings(), "rows": rows})


if __name__ == "__main__":
    main()
