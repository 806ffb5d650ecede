"""Reads the result that a study has kept, also one that version 0.1 wrote."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from surefoot.core.errors import StudyError
from surefoot.core.formatting import format_number
from surefoot.core.value_types import Interval, Json, Score
from surefoot.recipe.recipe import DEFAULT_RECIPE, Recipe
from surefoot.search.criterion import Criterion
from surefoot.search.full_training_scores import RecipeRole, TrainedRecipe, tied_with
from surefoot.search.rate_transfer_result import Transfer
from surefoot.search.result import FULL_STAGES, SCHEMA, FrontierPoint, GoodRange, MomentumRow, SearchResult
from surefoot.studies.recorded_trials import Measurement
from surefoot.studies.study import Study, StudyInfo

# Commands whose studies have a result of this kind.
SEARCHES = ("tune", "find")
# Name that version 0.1 gave to the stage of the full trainings.
OLD_FULL_TRAINING = "confirm"


def read_result(study: Study) -> SearchResult:
    """Return the result of a study that is done, also of one from version 0.1.

    Raises:
        StudyError: If the study is not done, or belongs to ``surefoot check``.
    """
    info = study.info()
    if info.settings.get("command") == "check":
        raise StudyError(f"study {study.name} belongs to surefoot check.", hint=f"surefoot check --resume {study.name}")
    if info.status != "done" or info.result is None:
        command = info.settings.get("command", "tune")
        raise StudyError(
            f"study {study.name} is {info.status}, not done.",
            hint=f"resume it: surefoot {command} --resume {study.name}",
        )
    # The database may have been moved since the result was written.
    return replace(result_of(info, study.measurements()), study=study.name)


def result_of(info: StudyInfo, measurements: Sequence[Measurement]) -> SearchResult:
    """Return the result that a study has kept.

    Args:
        info: The study's settings and result.
        measurements: All measurements of the study.

    Raises:
        StudyError: If it has no result.
    """
    if info.result is not None and info.result.get("schema") == SCHEMA:
        # A search that was resumed with a larger budget may not have asked for all trials that were recorded before.
        order = {name: number for number, name in enumerate(info.result.get("stages", ()))}
        asked = [row for row in measurements if row.stage in order] if order else [*measurements]
        return from_json(info.result, tuple(sorted(asked, key=lambda row: order.get(row.stage, 0))))
    return old_result(info, measurements)


def from_json(data: dict[str, Any], measurements: tuple[Measurement, ...]) -> SearchResult:
    """Return the result that :meth:`SearchResult.to_json` wrote.

    Args:
        data: The JSON data.
        measurements: Measurements of the search, in the order in which it asked for them.
    """
    return SearchResult(
        command=data["command"],
        task=data["task"],
        full_steps=data["full_steps"],
        steps=data["steps"],
        recipe=None if data["recipe"] is None else Recipe.parse(data["recipe"]),
        reason=data["reason"],
        expected_loss=data["expected_loss"],
        trained_recipes=_trained_recipes(_stored_trained_recipes(data), measurements),
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
        criterion=Criterion.from_json(data),
        plan=data["plan"],
        study=data["study"],
        transfer=Transfer.from_json(data["transfer"]) if data["transfer"] else None,
    )


def _stored_trained_recipes(data: dict[str, Any]) -> Sequence[dict[str, Any]]:
    """Return the rows of the recipes that were trained in full, also of a study that an older version wrote."""
    rows: Sequence[dict[str, Any]] = data["trained_recipes"] if "trained_recipes" in data else data["contestants"]
    return rows


def _trained_recipes(rows: Sequence[dict[str, Any]], measurements: Sequence[Measurement]) -> tuple[TrainedRecipe, ...]:
    """Return the recipes that were trained in full, each with its trainings.

    An interrupted search may lack some recipes on its last seed: recipes that did not diverge have the trainings on the
    seeds that all of them share, as when the result was built.
    """
    trainings = [_full_trainings(row, measurements) for row in rows]
    ended = [row["valid_loss"]["mean"] is not None for row in rows]
    seeds = [{run.trial.seed for run in runs} for runs, sound in zip(trainings, ended, strict=True) if sound]
    shared = set.intersection(*seeds) if seeds else set()
    return tuple(
        TrainedRecipe(
            recipe=Recipe.parse(row["recipe"]),
            role=row["role"],
            steps=row["steps"],
            valid=_score(row["valid_loss"]),
            test=None if row["test_loss"] is None else _score(row["test_loss"]),
            metric=row["metric"],
            runs=tuple(run for run in runs if run.trial.seed in shared or not sound),
            tied=row["tied"],
        )
        for row, runs, sound in zip(rows, trainings, ended, strict=True)
    )


def _full_trainings(row: dict[str, Any], measurements: Sequence[Measurement]) -> list[Measurement]:
    return [
        each
        for each in measurements
        if each.stage.startswith(FULL_STAGES)
        and each.outcome.failure is None
        and (str(each.trial.recipe), each.trial.steps) == (row["recipe"], row["steps"])
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


def _score(data: dict[str, Any]) -> Score:
    mean = _loss(data["mean"])
    unknown = (-math.inf, math.inf) if math.isfinite(mean) else (math.inf, math.inf)
    low, high = data["low"], data["high"]
    return Score(mean, unknown[0] if low is None else low, unknown[1] if high is None else high, data["seeds"])


def _loss(value: float | None) -> float:
    return math.inf if value is None else value


def _interval(data: Json) -> Interval | None:
    return Interval(*data) if isinstance(data, list) else None  # type: ignore[arg-type]  # two numbers


def old_result(info: StudyInfo, measurements: Sequence[Measurement]) -> SearchResult:
    """Return the result of a study of version 0.1.

    It has no frontier and no good range: that version trained all recipes at one length, and compared the best of them
    on fresh seeds. The range of settings that it could not distinguish from the best becomes a note.

    Args:
        info: The study's settings and result.
        measurements: All measurements of the study.

    Raises:
        StudyError: If the study has no result.
    """
    stored = info.result
    if stored is None:
        raise StudyError(f"study {info.id} is {info.status}, not done.")
    criterion = Criterion.from_json(stored)
    recipe = None if stored["recipe"] is None else Recipe.parse(stored["recipe"])
    return SearchResult(
        command="tune",
        task=info.task,
        full_steps=stored["steps"],
        steps=stored["steps"],
        recipe=recipe,
        reason=stored.get("reason"),
        expected_loss=None,
        trained_recipes=_old_trained_recipes(
            measurements, recipe, criterion, scheduled_default=stored.get("default_scheduled_recipe")
        ),
        good_range=None,
        limit=None,
        by_momentum=(),
        frontier=(),
        overfits_after=None,
        boundary=tuple(stored["boundary"]),
        notes=tuple(_old_good_range_notes(stored.get("interval") or {})),
        measurements=tuple(measurements),
        search_config_steps=stored["search_config_steps"],
        config_steps=stored["config_steps"],
        seconds=float(stored["seconds"]),
        budget=str(info.settings.get("budget") or "not recorded"),
        criterion=criterion,
        plan=info.plan,
        study=stored.get("study"),
        transfer=Transfer.from_json(data) if (data := stored.get("transfer")) else None,
    )


def _old_trained_recipes(
    measurements: Sequence[Measurement], best: Recipe | None, criterion: Criterion, *, scheduled_default: str | None
) -> tuple[TrainedRecipe, ...]:
    """Return the recipes of the full trainings, the recommended one first, then by their mean cost."""
    runs: dict[Recipe, list[Measurement]] = {}
    for row in measurements:
        if row.stage.split("/")[0] == OLD_FULL_TRAINING:
            runs.setdefault(row.trial.recipe, []).append(row)
    costs = {recipe: [criterion.cost(row.outcome) for row in rows] for recipe, rows in runs.items()}
    order = sorted(runs, key=lambda recipe: (recipe != best, float(np.mean(costs[recipe]))))
    tied = set() if best is None else tied_with(best, costs)
    return tuple(
        TrainedRecipe.of(
            recipe,
            _old_role(recipe, best, scheduled_default),
            runs=runs[recipe],
            criterion=criterion,
            tied=recipe in tied,
        )
        for recipe in order
    )


def _old_role(recipe: Recipe, best: Recipe | None, scheduled_default: str | None) -> RecipeRole:
    if recipe == best:
        return "recommended"
    if recipe == DEFAULT_RECIPE:
        return "default"
    return "compared" if str(recipe) == scheduled_default else "runner-up"


def _old_good_range_notes(interval: dict[str, Json]) -> Iterator[str]:
    """Yield the ranges of settings that the seeds could not distinguish from the best."""
    names = {"lr": "learning rates", "momentum": "momenta, each at its own best learning rate,"}
    for key, name in names.items():
        ends = interval.get(key)
        if isinstance(ends, list) and ends[0] != ends[1]:
            low, high = (format_number(float(end)) for end in ends)  # type: ignore[arg-type]  # two numbers
            yield f"{name} from {low} to {high} could not be distinguished from the best (at 90 % confidence)."
