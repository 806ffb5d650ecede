"""The studies of a database, also those that are still running: what the page draws of them."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from starlette.concurrency import run_in_threadpool

from surefoot.errors import QueryError, SurefootError
from surefoot.recipe import DEFAULT_RECIPE, Recipe
from surefoot.studies import Measurement, Study, StudyInfo
from surefoot.tuning.assembly import ramps_of
from surefoot.tuning.comparison import contestant
from surefoot.tuning.journal import CONFIRM, RANGE
from surefoot.web.database import opened
from surefoot.web.query import Query

Data: TypeAlias = dict[str, Any]

# How often a running study is looked at, and how many looks without news are let pass before a sign of life.
LOOK_SECONDS, SILENT_LOOKS = 1.0, 15
# More measurements of one setting than this are not drawn.
MOST_RUNS = 40


def studies(path: Path) -> Data:
    """Return all studies of a database, the newest first."""
    database = opened(path)
    infos = [Study(database, number).info() for number in reversed(database.study_ids())]
    return {
        "schema": 1,
        "path": path.name,
        "studies": [
            {"id": info.id, "task": info.task, "created": info.created, "status": info.status} for info in infos
        ],
    }


def study(path: Path, query: Query) -> Data:
    """Return one study: every setting that was tried, its range test, and who was confirmed."""
    from surefoot.plots.spots import spots_of  # noqa: PLC0415  (a second)

    found = _study(path, query)
    info, rows, numbers = found.info(), found.measurements(), found.trials()
    return {
        "schema": 1,
        "id": info.id,
        "task": info.task,
        "status": info.status,
        "stamp": stamp(path, info.id),
        "config_steps": sum(found.costs().values()),
        "spots": [
            {
                "trial": numbers[spot.found.trial.recipe],
                "recipe": str(spot.found.trial.recipe),
                "lr": spot.lr,
                "momentum": spot.momentum,
                "badness": _finite(spot.badness),
                "loss": _finite(spot.found.outcome.loss),
                "steps": spot.found.taken,
                "total": spot.found.trial.steps,
            }
            for spot in spots_of(rows)
        ],
        "ramps": [
            {
                "name": f"{ramp.optimizer}, momentum {ramp.momentum:g}",
                "lr": list(ramp.rates),
                "losses": list(map(_finite, ramp.losses)),
                "limit": ramp.limit,
            }
            for ramp in ramps_of([row for row in rows if row.stage.startswith(RANGE)])
        ],
        "confirmed": _confirmed(info, rows, numbers),
    }


def curves(path: Path, query: Query) -> Data:
    """Return the learning curves of one setting, without those of the range test."""
    found = _study(path, query)
    trial = query.whole("trial", 0, low=0, high=10**9)
    query.settle()
    recipe = next((recipe for recipe, number in found.trials().items() if number == trial), None)
    if recipe is None:
        raise QueryError(f"study {found.id} has no trial {trial}.")
    runs = [row for row in found.measurements() if row.trial.recipe == recipe and not row.stage.startswith(RANGE)]
    return {
        "schema": 1,
        "trial": trial,
        "recipe": str(recipe),
        "runs": [
            {
                "stage": row.stage,
                "seed": row.trial.seed,
                "steps": list(row.outcome.train.steps),
                "losses": list(map(_finite, row.outcome.train.losses)),
            }
            for row in runs[-MOST_RUNS:]
            if row.outcome.train.steps
        ],
    }


def stamp(path: Path, number: int | None) -> str:
    """Return a text that is another one as soon as there is news of a study, or one more of them."""
    database = opened(path)
    known = len(database.study_ids())
    if number is None:
        return f"{known} studies"
    found = Study(database, number)
    return f"{found.info().status} {len(found.costs())} of {known}"


async def news(
    path: Path, number: int | None, *, gone: Callable[[], Awaitable[bool]], wait: Callable[[float], Awaitable[None]]
) -> AsyncIterator[str]:
    """Yield server-sent events: the stamp of a study, whenever it is another, until nobody listens any more.

    Args:
        path: Of the database.
        number: Of the study; ``None`` where any will do.
        gone: Whether whoever listened has left.
        wait: Lets so many seconds pass.
    """
    last, silent = None, 0
    while not await gone():
        try:
            now = await run_in_threadpool(stamp, path, number)
        except SurefootError as error:
            now = f"fault {error}"
        if now != last or silent >= SILENT_LOOKS:
            yield f"data: {now}\n\n" if now != last else ": still here\n\n"
            last, silent = now, 0
        silent += 1
        await wait(LOOK_SECONDS)


def _study(path: Path, query: Query) -> Study:
    number = query.whole("id", 1, low=1, high=10**9)
    query.settle()
    return Study(opened(path), number)


def _confirmed(info: StudyInfo, rows: Sequence[Measurement], numbers: dict[Recipe, int]) -> list[Data]:
    """Return the recipes of the confirmation with mean and interval, the lowest first."""
    runs: dict[Recipe, list[Measurement]] = {}
    for row in rows:
        if row.stage.startswith(CONFIRM):
            runs.setdefault(row.trial.recipe, []).append(row)
    result = info.result or {}
    roles = {
        str(DEFAULT_RECIPE): "default",
        result.get("default_scheduled_recipe"): "default, same schedule",
        result.get("recipe"): "recommended",
    }
    scores = [(recipe, contestant(recipe, own).valid) for recipe, own in runs.items()]
    return [
        {
            "trial": numbers[recipe],
            "recipe": str(recipe),
            "role": roles.get(str(recipe), "runner-up"),
            "mean": _finite(score.mean),
            "low": _finite(score.low),
            "high": _finite(score.high),
            "seeds": score.seeds,
        }
        for recipe, score in sorted(scores, key=lambda each: each[1].mean)
    ]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
