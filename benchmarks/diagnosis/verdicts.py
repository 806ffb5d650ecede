"""What ``check`` says of the labelled trainings of the test tasks, on seeds that the labels have not seen.

    python -m benchmarks.diagnosis.verdicts [--quick]    # goes on where it stopped

Every case is checked at the default budget (``auto``, 2x for 220 steps); a part of them at half of it and at more.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from typing import Any

from benchmarks import records
from benchmarks.diagnosis import tasks
from benchmarks.diagnosis.cases import Case, cases_of, grids_of
from benchmarks.scale import DATA
from surefoot.checking.check import check
from surefoot.fleet.plan import Plan
from surefoot.tasks.task import Task

# Cases of a grid that are checked at each budget; the cases of a smaller number are among those of a larger one.
BUDGETS = {"auto": 32, "5x": 6, "1x": 6}
# Far from the labels' seeds.
FIRST_SEED = 900_001
# The same for all, so that nothing hangs on what calibration measures on a busy machine; a process a core beside it.
PLAN = Plan("serial", 1, threads=1)


@dataclass(frozen=True, slots=True)
class Question:
    """One case put to ``check``: its place among the task's cases is its seed."""

    task: str
    place: int
    each: int
    recipe: str
    budget: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from all others."""
        return self.task, self.recipe, self.budget


def questions(*, quick: bool) -> Iterator[Question]:
    """Yield what is to be asked."""
    for make in tasks.TEST[:1] if quick else tasks.TEST:
        task = task_of(make.__name__).name
        for budget, each in BUDGETS.items():
            for place, case in enumerate(drawn(task, 2 if quick else each)):
                yield Question(task, place, 2 if quick else each, str(case.recipe), budget)


def answer(question: Question) -> dict[str, Any]:
    """Check one case."""
    task = next(found for make in tasks.TEST if (found := task_of(make.__name__)).name == question.task)
    found = check(task, question.recipe, budget=question.budget, seed=FIRST_SEED + 2 * question.place, plan=PLAN)
    return {
        "task": question.task,
        "recipe": question.recipe,
        "budget": question.budget,
        "verdict": found.verdict,
        "confidence": round(found.confidence, 3),
        "advice": [found.advice.lr.highest, found.advice.momentum.highest],
        "trainings": round(found.config_steps / found.steps, 2),
        "seconds": round(found.seconds, 2),
    }


@cache
def task_of(maker: str) -> Task:
    """Return a test task by the name of its function."""
    made: Task = getattr(tasks, maker)()
    return made


@cache
def drawn(task: str, each: int) -> tuple[Case, ...]:
    """Return a task's cases."""
    return tuple(cases_of(task, grids_of(task), each=each))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one task, a few cases; kept in data/quick")
    quick = parser.parse_args().quick
    path = (DATA / "quick" if quick else DATA) / "verdicts.json"
    data = records.read(path, {"checks": []}) | {"machine": records.surroundings()}
    known = {(row["task"], row["recipe"], row["budget"]) for row in data["checks"]}
    waiting = [question for question in questions(quick=quick) if question.key not in known]
    waiting.sort(key=lambda question: [*BUDGETS].index(question.budget))
    print(f"{len(waiting)} checks to do, {len(known)} done", flush=True)
    with ProcessPoolExecutor(os.cpu_count(), mp_context=multiprocessing.get_context("spawn")) as pool:
        for count, done in enumerate(as_completed([pool.submit(answer, question) for question in waiting]), start=1):
            data["checks"].append(done.result())
            if count % 20 == 0 or count == len(waiting):
                data["checks"].sort(key=lambda row: (row["budget"], row["task"], row["recipe"]))
                records.write(path, data)
                print(f"{count} of {len(waiting)}", flush=True)


if __name__ == "__main__":
    main()
