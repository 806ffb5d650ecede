"""The studies and checks in a database: what the play page shows of them. Nothing is written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse

from surefoot.core.errors import QueryError, SurefootError
from surefoot.core.statistics import mean_score
from surefoot.core.value_types import finite_or_none
from surefoot.recipe.recipe import Recipe
from surefoot.search.read_stored_result import result_of
from surefoot.search.result import FULL_STAGES, SearchResult
from surefoot.studies.database import Database
from surefoot.studies.recorded_trials import Measurement
from surefoot.studies.stored_checks import check_summaries, stored_check
from surefoot.studies.study import Study
from surefoot.web.query_parameters import Query
from surefoot.wording.search import good_range_text, search_headline

Data: TypeAlias = dict[str, Any]

# A page waits no longer than this for a database that another program has locked.
DATABASE_WAIT_SECONDS = 2.0
# Larger numbers of studies, checks and trials are refused; chosen.
MAX_ID = 10**9
# How often a running study is read; after this many polls without a change a comment keeps the connection alive.
POLL_SECONDS, POLLS_BEFORE_KEEPALIVE = 1.0, 15
# What a study does in each stage, by the first part of the stage's name.
STAGE_DESCRIPTIONS = {
    "map": "trying short trainings",
    "climb": "trying longer trainings where the loss is low",
    "full": "training in full",
    "search": "trying settings",
    "confirm": "comparing the best settings",
}
# Range tests of version 0.1 have no learning curves worth drawing.
RANGE_TEST_STAGE = "range"
# Only the longest trainings of a recipe are drawn, at most this many.
MAX_CURVES = 40


def list_studies(path: Path) -> Data:
    """Return all studies in a database, the newest first."""
    database = open_database(path)
    infos = [Study(database, number).info() for number in reversed(database.study_ids())]
    infos = [info for info in infos if info.settings.get("command") != "check"]  # the page lists checks apart
    return {
        "schema": 1,
        "path": path.name,
        "studies": [
            {"id": info.id, "task": info.task, "created": info.created, "status": info.status} for info in infos
        ],
    }


def study_data(path: Path, query: Query) -> Data:
    """Return one study: its trials, the recipes trained in full and, once it is done, its result."""
    from surefoot.plots.trial_point_data import trial_points  # noqa: PLC0415  (a second)

    study = _requested_study(path, query)
    info, rows, numbers = study.info(), study.measurements(unfinished=True), study.trials()
    if info.settings.get("command") == "check":
        raise QueryError(f"study {info.id} belongs to surefoot check: its report is among the checks.")
    result = None if info.status != "done" or info.result is None else result_of(info, rows)
    score_at = "end" if result is None else result.criterion.score_at
    last_stage = _stage_kind(rows[-1]) if rows else ""
    return {
        "schema": 2,
        "id": info.id,
        "task": info.task,
        "status": info.status,
        "stage": STAGE_DESCRIPTIONS.get(last_stage, "") if info.status == "running" else "",
        "version": study_version(path, info.id),
        "config_steps": sum(study.costs(unfinished=True).values()),
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
            for point in trial_points(rows, score_at=score_at)
        ],
        "trained_recipes": _trained_recipes(result, rows, numbers=numbers),
        "headline": None if result is None else search_headline(result),
        "good_range": None if result is None else good_range_text(result),
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


def study_learning_curves(path: Path, query: Query) -> Data:
    """Return the learning curves of one recipe, the longest trainings last."""
    study = _requested_study(path, query)
    trial = query.integer("trial", 0, low=0, high=MAX_ID)
    query.raise_if_invalid()
    recipe = next((recipe for recipe, number in study.trials().items() if number == trial), None)
    if recipe is None:
        raise QueryError(f"study {study.id} has no trial {trial}.")
    rows = study.measurements(unfinished=True)
    runs = [row for row in rows if row.trial.recipe == recipe and _stage_kind(row) != RANGE_TEST_STAGE]
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
            for row in runs[-MAX_CURVES:]
            if row.outcome.train.steps
        ],
    }


def study_version(path: Path, number: int | None) -> str:
    """Return a text that changes whenever the study does or a study is added.

    Args:
        path: Path of the database.
        number: Number of the study; ``None`` for the list of studies alone.
    """
    database = open_database(path)
    count = len(database.study_ids())
    if number is None:
        return f"{count} studies"
    study = Study(database, number)
    return f"{study.info().status} {sum(study.costs(unfinished=True).values())} of {count}"


async def version_events(
    path: Path,
    number: int | None,
    *,
    disconnected: Callable[[], Awaitable[bool]],
    sleep: Callable[[float], Awaitable[None]],
) -> AsyncIterator[str]:
    """Yield a server-sent event with the study's version whenever it changes, until the client disconnects.

    Args:
        path: Path of the database.
        number: Number of the study; ``None`` for the list of studies.
        disconnected: Whether the client has disconnected.
        sleep: Waits for a number of seconds.
    """
    previous, polls = None, 0
    while not await disconnected():
        try:
            version = await run_in_threadpool(study_version, path, number)
        except SurefootError as error:
            version = f"error {error}"
        if version != previous:
            yield f"data: {version}\n\n"
            previous, polls = version, 0
        elif polls >= POLLS_BEFORE_KEEPALIVE:
            yield ": keep-alive\n\n"
            polls = 0
        polls += 1
        await sleep(POLL_SECONDS)


def open_database(path: Path) -> Database:
    """Return an existing database.

    Raises:
        StudyError: If it does not exist or cannot be read.
    """
    return Database(path, create=False, wait_seconds=DATABASE_WAIT_SECONDS)


def requested_number(query: Query) -> int:
    """Return the number of the study or check that a query asks for; 1 if it names none."""
    return query.integer("id", 1, low=1, high=MAX_ID)


def _requested_study(path: Path, query: Query) -> Study:
    number = requested_number(query)
    query.raise_if_invalid()
    return Study(open_database(path), number)


def _stage_kind(row: Measurement) -> str:
    """Return the first part of the stage's name: ``map`` of ``map/spread/000``."""
    return row.stage.split("/")[0]


def _trained_recipes(
    result: SearchResult | None, rows: Sequence[Measurement], *, numbers: dict[Recipe, int]
) -> list[Data]:
    """Return the recipes trained in full: those of the result, or of a running study those so far."""
    if result is not None:
        trained = [
            (each.recipe, f"{each.role}{', tied' if each.tied else ''}", each.valid) for each in result.trained_recipes
        ]
    else:
        runs: dict[Recipe, list[float]] = {}
        for row in rows:
            if row.stage.startswith(FULL_STAGES):
                runs.setdefault(row.trial.recipe, []).append(row.outcome.loss)
        trained = [(recipe, "in training", mean_score(losses)) for recipe, losses in runs.items()]
        trained.sort(key=lambda each: each[2].mean)
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
        for recipe, role, valid in trained
    ]


# A report contains its scripts and styles. It may load nothing, and only the play page may frame it.
REPORT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


def list_checks(path: Path) -> dict[str, Any]:
    """Return all checks in a database, the newest first."""
    from surefoot.wording.verdicts import VERDICT_TITLES  # noqa: PLC0415  (a second)

    summaries = check_summaries(open_database(path))
    return {
        "schema": 1,
        "path": path.name,
        "checks": [
            {
                "id": summary.id,
                "created": summary.created,
                "task": summary.task,
                "recipe": summary.recipe,
                # A newer version may have written a verdict that this one does not know.
                "verdict": VERDICT_TITLES.get(summary.verdict, summary.verdict),  # type: ignore[call-overload]
            }
            for summary in summaries
        ],
    }


def report_page(path: Path, query: Query) -> HTMLResponse:
    """Return the report of one check, as ``surefoot check`` writes it."""
    from surefoot.checking.result import from_record  # noqa: PLC0415  (seconds)
    from surefoot.reports.check_page import check_html  # noqa: PLC0415

    number = requested_number(query)
    query.raise_if_invalid()
    check = stored_check(open_database(path), number)
    page = check_html(from_record(check.result), environment=check.environment, command=check.command)
    return HTMLResponse(page, headers={"Content-Security-Policy": REPORT_SECURITY_POLICY})
