"""The database that the page reads and never writes.

The studies of a database, also those that are still running: what the page draws of them.

The checks of a database: a list, and of each the report that ``surefoot check`` writes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse

from surefoot.core.errors import QueryError, SurefootError
from surefoot.core.statistics import score
from surefoot.core.values import finite_or_none
from surefoot.recipe.recipe import Recipe
from surefoot.search.result import FULL_STAGES, SearchResult
from surefoot.search.stored_result import result_of
from surefoot.studies.check_log import check_heads, check_row
from surefoot.studies.database import Database
from surefoot.studies.measurements import Measurement
from surefoot.studies.study import Study
from surefoot.web.server import Query
from surefoot.wording.search import good_range_text, headline

# Nobody waits longer before a page for a database that another program holds.
WAIT_SECONDS = 2.0


def opened(path: Path) -> Database:
    """Return a database that is there.

    Raises:
        StudyError: If it is not, or cannot be read.
    """
    return Database(path, create=False, wait_seconds=WAIT_SECONDS)


Data: TypeAlias = dict[str, Any]

# How often a running study is read, and how many times without news before a sign of life.
LOOK_SECONDS, SILENT_LOOKS = 1.0, 15
# What the stages of a search do; range tests of version 0.1 have no learning curves worth drawing.
STAGES = {
    "map": "trying short trainings",
    "climb": "trying longer trainings where the loss is low",
    "full": "training in full",
    "search": "trying settings",
    "confirm": "comparing the best settings",
}
RANGE = "range"
# More measurements of one setting than this are not drawn.
MOST_RUNS = 40


def studies(path: Path) -> Data:
    """Return all studies of a database, the newest first."""
    database = opened(path)
    infos = [Study(database, number).info() for number in reversed(database.study_ids())]
    infos = [info for info in infos if info.settings.get("command") != "check"]  # checks have a list of their own
    return {
        "schema": 1,
        "path": path.name,
        "studies": [
            {"id": info.id, "task": info.task, "created": info.created, "status": info.status} for info in infos
        ],
    }


def study(path: Path, query: Query) -> Data:
    """Return one study: every trial, who was trained in full and, once it is done, what was found."""
    from surefoot.plots.trial_points import trial_points  # noqa: PLC0415  (a second)

    found = _study(path, query)
    info, rows, numbers = found.info(), found.measurements(unfinished=True), found.trials()
    result = None if info.status != "done" or info.result is None else result_of(info, rows)
    judge = "final" if result is None else result.aim.judge
    last = rows[-1].stage.split("/")[0] if rows else ""
    return {
        "schema": 2,
        "id": info.id,
        "task": info.task,
        "status": info.status,
        "stage": STAGES.get(last, "") if info.status == "running" else "",
        "stamp": stamp(path, info.id),
        "config_steps": sum(found.costs(unfinished=True).values()),
        "points": [
            {
                "trial": numbers[point.recipe],
                "recipe": str(point.recipe),
                "lr": point.lr,
                "momentum": point.momentum,
                "relative": finite_or_none(point.relative),
                "loss": finite_or_none(point.loss),
                "steps": point.steps,
                "seeds": point.seeds,
            }
            for point in trial_points(rows, judge=judge)
        ],
        "contestants": _contestants(result, rows, numbers),
        "headline": None if result is None else headline(result),
        "good_range": None if result is None else good_range_text(result),
        "recommended_steps": None if result is None else result.steps,
        "frontier": [
            {
                "steps": point.steps,
                "lr": point.recipe.lr.highest,
                "loss": finite_or_none(point.loss),
                "low": finite_or_none(point.low),
                "high": finite_or_none(point.high),
                "trials": point.trials,
            }
            for point in (() if result is None else result.frontier)
        ],
    }


def curves(path: Path, query: Query) -> Data:
    """Return the learning curves of one setting, the longest trainings last."""
    found = _study(path, query)
    trial = query.whole("trial", 0, low=0, high=10**9)
    query.settle()
    recipe = next((recipe for recipe, number in found.trials().items() if number == trial), None)
    if recipe is None:
        raise QueryError(f"study {found.id} has no trial {trial}.")
    rows = found.measurements(unfinished=True)
    runs = [row for row in rows if row.trial.recipe == recipe and row.stage.split("/")[0] != RANGE]
    runs.sort(key=lambda row: row.taken)
    return {
        "schema": 1,
        "trial": trial,
        "recipe": str(recipe),
        "runs": [
            {
                "stage": row.stage,
                "seed": row.trial.seed,
                "steps": list(row.outcome.train.steps),
                "losses": list(map(finite_or_none, row.outcome.train.losses)),
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
    return f"{found.info().status} {sum(found.costs(unfinished=True).values())} of {known}"


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


def _contestants(result: SearchResult | None, rows: Sequence[Measurement], numbers: dict[Recipe, int]) -> list[Data]:
    """Return the recipes that were trained in full: as the result has them, or as far as a running study has come."""
    if result is not None:
        known = [
            (found.recipe, f"{found.role}{', tied' if found.tied else ''}", found.valid) for found in result.contestants
        ]
    else:
        runs: dict[Recipe, list[float]] = {}
        for row in rows:
            if row.stage.startswith(FULL_STAGES):
                runs.setdefault(row.trial.recipe, []).append(row.outcome.loss)
        known = [(recipe, "in training", score(losses)) for recipe, losses in runs.items()]
        known.sort(key=lambda each: each[2].mean)
    return [
        {
            "trial": numbers[recipe],
            "recipe": str(recipe),
            "role": role,
            "mean": finite_or_none(valid.mean),
            "low": finite_or_none(valid.low),
            "high": finite_or_none(valid.high),
            "seeds": valid.seeds,
        }
        for recipe, role, valid in known
    ]


# The report is one page whose scripts and styles lie within it. It may fetch nothing, and only our own page frames it.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


def checks(path: Path) -> dict[str, Any]:
    """Return all checks of a database, the newest first."""
    from surefoot.wording.verdicts import TITLES  # noqa: PLC0415  (a second)

    heads = check_heads(opened(path))
    return {
        "schema": 1,
        "path": path.name,
        "checks": [
            {
                "id": head.id,
                "created": head.created,
                "task": head.task,
                "recipe": head.recipe,
                "verdict": TITLES.get(head.verdict, head.verdict),  # type: ignore[call-overload]  # a newer one is none
            }
            for head in heads
        ],
    }


def report(path: Path, query: Query) -> HTMLResponse:
    """Return the report of one check."""
    from surefoot.checking.result import from_record  # noqa: PLC0415  (seconds)
    from surefoot.reports.check_page import check_html  # noqa: PLC0415

    number = query.whole("id", 1, low=1, high=10**9)
    query.settle()
    row = check_row(opened(path), number)
    page = check_html(from_record(row.result), environment=row.environment, command=row.command)
    return HTMLResponse(page, headers={"Content-Security-Policy": POLICY})
