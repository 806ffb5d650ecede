"""The result of a study that version 0.1 finished: its ``result`` has schema 1, its stages other names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from surefoot.core.errors import StudyError
from surefoot.core.formatting import numeral
from surefoot.core.statistics import score
from surefoot.core.values import Json
from surefoot.recipe.recipe import DEFAULT_RECIPE, Recipe
from surefoot.search.contestants import mean_metric, score_on_test, tied_with
from surefoot.search.goal import Aim
from surefoot.search.result import Contestant, Role, SearchResult
from surefoot.search.scaling import Transfer
from surefoot.studies.measurements import Measurement
from surefoot.studies.study import StudyInfo

CONFIRM = "confirm"


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
