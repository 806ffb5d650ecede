"""A study that is done -> its result, also one that version 0.1 finished."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from surefoot.core.errors import StudyError
from surefoot.core.formatting import numeral
from surefoot.core.statistics import score
from surefoot.core.values import Interval, Json, Score
from surefoot.recipe.recipe import DEFAULT_RECIPE, Recipe
from surefoot.search.contestants import mean_metric, score_on_test, tied_with
from surefoot.search.request import Aim
from surefoot.search.result import (
    FULL_STAGES,
    SCHEMA,
    Contestant,
    FrontierPoint,
    GoodRange,
    MomentumRow,
    Role,
    SearchResult,
)
from surefoot.search.scaling import Transfer
from surefoot.studies.measurements import Measurement
from surefoot.studies.study import Study, StudyInfo

# The commands whose studies have a result to read.
SEARCHES = ("tune", "find")
# What version 0.1 called the stage of the full trainings.
CONFIRM = "confirm"


def read_result(study: Study) -> SearchResult:
    """Return the result of a study that is done, also of one that version 0.1 finished.

    Raises:
        StudyError: If it is not done.
    """
    info = study.info()
    if info.settings.get("command") == "check":
        raise StudyError(f"study {study.name} is one of surefoot check.", hint=f"surefoot check --resume {study.name}")
    if info.status != "done" or info.result is None:
        command = info.settings.get("command", "tune")
        raise StudyError(
            f"study {study.name} is {info.status}, not done.",
            hint=f"go on with: surefoot {command} --resume {study.name}",
        )
    # The database may have been moved since.
    return replace(result_of(info, study.measurements()), study=study.name)


def result_of(info: StudyInfo, measurements: Sequence[Measurement]) -> SearchResult:
    """Return the result that a study has kept.

    Raises:
        StudyError: If it has none.
    """
    if info.result is not None and info.result.get("schema") == SCHEMA:
        # A search that went on with a larger budget need not have asked for all that was recorded before.
        order = {name: number for number, name in enumerate(info.result.get("stages", ()))}
        mine = [row for row in measurements if row.stage in order] if order else [*measurements]
        return from_json(info.result, tuple(sorted(mine, key=lambda row: order.get(row.stage, 0))))
    return old_result(info, measurements)


def from_json(data: dict[str, Any], measurements: tuple[Measurement, ...]) -> SearchResult:
    """Return the result whose JSON a study has kept.

    Args:
        data: What :meth:`SearchResult.to_json` returned.
        measurements: Those of the study.
    """
    return SearchResult(
        command=data["command"],
        task=data["task"],
        full_steps=data["full_steps"],
        steps=data["steps"],
        recipe=None if data["recipe"] is None else Recipe.parse(data["recipe"]),
        reason=data["reason"],
        expected_loss=data["expected_loss"],
        contestants=_contestants_of(data["contestants"], measurements),
        good_range=_good_range(data["good_range"]),
        limit=data["limit"],
        by_momentum=tuple(
            MomentumRow(row["momentum"], row["lr"], _interval(row["good"]), _loss(row["loss"]), row["limit"])
            for row in data["by_momentum"]
        ),
        frontier=tuple(_frontier_point(row) for row in data["frontier"]),
        overfits_after=data["overfits_after"],
        boundary=tuple(data["boundary"]),
        notes=tuple(data["notes"]),
        measurements=measurements,
        search_config_steps=data["search_config_steps"],
        config_steps=data["config_steps"],
        seconds=data["seconds"],
        budget=data["budget"],
        aim=Aim(data["goal"], data["judge"]),
        plan=data["plan"],
        study=data["study"],
        transfer=Transfer.from_json(data["transfer"]) if data["transfer"] else None,
    )


def _contestants_of(rows: Sequence[dict[str, Any]], measurements: Sequence[Measurement]) -> tuple[Contestant, ...]:
    """Return the recipes that were trained in full, each with its measurements.

    Of a seed that was broken off half way only some recipes have a training: those that ended are shown without it.
    """
    trained = [_trainings_of(row, measurements) for row in rows]
    ended = [row["valid_loss"]["mean"] is not None for row in rows]
    seeds = [{run.trial.seed for run in runs} for runs, sound in zip(trained, ended, strict=True) if sound]
    shared = set.intersection(*seeds) if seeds else set()
    return tuple(
        Contestant(
            recipe=Recipe.parse(row["recipe"]),
            role=row["role"],
            steps=row["steps"],
            valid=_score_of(row["valid_loss"]),
            test=None if row["test_loss"] is None else _score_of(row["test_loss"]),
            metric=row["metric"],
            runs=tuple(run for run in runs if run.trial.seed in shared or not sound),
            tied=row["tied"],
        )
        for row, runs, sound in zip(rows, trained, ended, strict=True)
    )


def _trainings_of(row: dict[str, Any], measurements: Sequence[Measurement]) -> list[Measurement]:
    return [
        found
        for found in measurements
        if found.stage.startswith(FULL_STAGES)
        and found.outcome.failure is None
        and (str(found.trial.recipe), found.trial.steps) == (row["recipe"], row["steps"])
    ]


def _frontier_point(row: dict[str, Any]) -> FrontierPoint:
    return FrontierPoint(
        steps=row["steps"],
        recipe=Recipe.parse(row["recipe"]),
        loss=_loss(row["loss"]),
        low=_loss(row["low"]),
        high=_loss(row["high"]),
        trials=row["trials"],
    )


def _good_range(data: dict[str, Any] | None) -> GoodRange | None:
    if data is None:
        return None
    return GoodRange(Interval(*data["lr"]), _interval(data["momentum"]), data["tolerance"])


def _score_of(data: dict[str, Any]) -> Score:
    mean = _loss(data["mean"])
    unknown = (-math.inf, math.inf) if math.isfinite(mean) else (math.inf, math.inf)
    low, high = data["low"], data["high"]
    return Score(mean, unknown[0] if low is None else low, unknown[1] if high is None else high, data["seeds"])


def _loss(value: float | None) -> float:
    return math.inf if value is None else value


def _interval(data: Json) -> Interval | None:
    return Interval(*data) if isinstance(data, list) else None  # type: ignore[arg-type]  # two numbers


def old_result(info: StudyInfo, measurements: Sequence[Measurement]) -> SearchResult:
    """Return what a study of version 0.1 found.

    There is no frontier and no good range: that version trained all recipes at one length and compared what was left
    on fresh seeds. The settings that it could not tell apart from the best are a note.

    Args:
        info: The study, done.
        measurements: All that it measured.

    Raises:
        StudyError: If it has no result.
    """
    found = info.result
    if found is None:
        raise StudyError(f"study {info.id} is {info.status}, not done.")
    aim = Aim(found.get("goal", "loss"))
    recipe = None if found["recipe"] is None else Recipe.parse(found["recipe"])
    return SearchResult(
        command="tune",
        task=info.task,
        full_steps=found["steps"],
        steps=found["steps"],
        recipe=recipe,
        reason=found.get("reason"),
        expected_loss=None,
        contestants=_contestants(measurements, recipe, aim, scheduled=found.get("default_scheduled_recipe")),
        good_range=None,
        limit=None,
        by_momentum=(),
        frontier=(),
        overfits_after=None,
        boundary=tuple(found["boundary"]),
        notes=tuple(_as_good(found.get("interval") or {})),
        measurements=tuple(measurements),
        search_config_steps=found["search_config_steps"],
        config_steps=found["config_steps"],
        seconds=float(found["seconds"]),
        budget=str(info.settings.get("budget") or "not recorded"),
        aim=aim,
        plan=info.plan,
        study=found.get("study"),
        transfer=Transfer.from_json(data) if (data := found.get("transfer")) else None,
    )


def _contestants(
    measurements: Iterable[Measurement], best: Recipe | None, aim: Aim, *, scheduled: str | None
) -> tuple[Contestant, ...]:
    """Return the recipes of the confirmation, the recommended one first, then by their means."""
    runs: dict[Recipe, list[Measurement]] = {}
    for row in measurements:
        if row.stage.split("/")[0] == CONFIRM:
            runs.setdefault(row.trial.recipe, []).append(row)
    costs = {recipe: [aim.cost(row.outcome) for row in own] for recipe, own in runs.items()}
    order = sorted(runs, key=lambda recipe: (recipe != best, float(np.mean(costs[recipe]))))
    tied = set() if best is None else tied_with(best, costs)
    return tuple(
        Contestant(
            recipe=recipe,
            role=_role(recipe, best, scheduled),
            steps=runs[recipe][0].trial.steps,
            valid=score([row.outcome.loss for row in runs[recipe]]),
            test=score_on_test(runs[recipe]),
            metric=mean_metric(runs[recipe]),
            runs=tuple(runs[recipe]),
            tied=recipe in tied,
        )
        for recipe in order
    )


def _role(recipe: Recipe, best: Recipe | None, scheduled: str | None) -> Role:
    if recipe == best:
        return "recommended"
    if recipe == DEFAULT_RECIPE:
        return "default"
    return "compared" if str(recipe) == scheduled else "runner-up"


def _as_good(interval: dict[str, Json]) -> Iterable[str]:
    """Yield which settings the study could not tell apart from the best."""
    names = {"lr": "learning rates", "momentum": "momenta, each with a learning rate of its own,"}
    for key, name in names.items():
        ends = interval.get(key)
        if isinstance(ends, list) and ends[0] != ends[1]:
            low, high = (numeral(float(end)) for end in ends)  # type: ignore[arg-type]  # two numbers
            yield f"{name} from {low} to {high} could not be told apart from the best (at 90 % confidence)."
