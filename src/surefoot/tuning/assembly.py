"""Measurements -> the result of a tune; the same for one just done and one read from a study years later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from surefoot.errors import StudyError
from surefoot.fleet import Plan
from surefoot.recipe import DEFAULT_RECIPE, Recipe
from surefoot.studies import Measurement, Study
from surefoot.tuning.comparison import compare, contestant, settings_tied
from surefoot.tuning.range_test import Ramp, effective_limit, read_ramp
from surefoot.tuning.result import TuneResult
from surefoot.tuning.space import Space, scheduled

RANGE, SEARCH, CONFIRM = "range", "search", "confirm"
DEFAULT_SCHEDULED = DEFAULT_RECIPE.with_(lr=scheduled(DEFAULT_RECIPE.lr.value(0, 1)))
# The search looks this many decades below the largest rate that trained at all.
DECADES = 3.0


def assemble(
    task: str,
    measurements: Sequence[Measurement],
    *,
    costs: Mapping[str, int],
    seconds: float,
    plan: Plan,
    study: str | None,
) -> TuneResult:
    """Return the result that measurements amount to.

    Args:
        task: The task's name.
        measurements: Those of all stages.
        costs: Config-steps of each stage.
        seconds: Wall clock.
        plan: How fleets were run.
        study: Text that opens the study again.
    """
    of_stage = {name: [row for row in measurements if row.stage.startswith(name)] for name in (RANGE, SEARCH, CONFIRM)}
    ramps = ramps_of(of_stage[RANGE])
    by_recipe: dict[Recipe, list[Measurement]] = {}
    for row in of_stage[CONFIRM]:
        by_recipe.setdefault(row.recipe, []).append(row)
    confirmed = {recipe: contestant(recipe, rows) for recipe, rows in by_recipe.items()}
    ranked = compare(list(confirmed.values()))
    steps = of_stage[CONFIRM][0].total
    lr, momentum = settings_tied(ranked, of_stage[SEARCH])
    return TuneResult(
        task=task,
        steps=steps,
        contestants=tuple(ranked),
        default=confirmed[DEFAULT_RECIPE],
        default_scheduled=confirmed[DEFAULT_SCHEDULED],
        lr=lr,
        momentum=momentum,
        boundary=_edges(space_of(ramps, steps=steps), ranked[0].recipe) if ranked else (),
        ramps=tuple(ramps),
        measurements=tuple(measurements),
        search_config_steps=sum(cost for stage, cost in costs.items() if not stage.startswith(CONFIRM)),
        config_steps=sum(costs.values()),
        seconds=seconds,
        trials=len({row.recipe for row in measurements if not row.stage.startswith(RANGE)}),
        plan=plan,
        study=study,
    )


def read_result(study: Study) -> TuneResult:
    """Return the result of a finished study.

    Raises:
        StudyError: If it is not finished.
    """
    info = study.info()
    if info.status != "done" or info.plan is None or info.result is None:
        raise StudyError(
            f"study {study.name} is {info.status}, not done.", hint=f"go on with: surefoot tune --resume {study.name}"
        )
    return assemble(
        info.task,
        study.measurements(),
        costs=study.costs(),
        seconds=float(info.result["seconds"]),
        plan=Plan.from_json(info.plan),
        study=study.name,
    )


def ramps_of(measurements: Sequence[Measurement]) -> list[Ramp]:
    """Return the range test's ramps; their curves have a point for every step."""
    return [
        read_ramp(row.recipe.momentum.value(0, row.total), np.array(row.curve.losses)[:, None]) for row in measurements
    ]


def space_of(ramps: Sequence[Ramp], *, steps: int) -> Space:
    """Return the space that is searched after a range test."""
    return Space.below(effective_limit(ramps), decades=DECADES, steps=steps)


def _edges(space: Space, recipe: Recipe) -> tuple[str, ...]:
    """Return where a recommended recipe sits on the edge of the space; the default recipe was not searched for."""
    if recipe in (DEFAULT_RECIPE, DEFAULT_SCHEDULED):
        return ()
    return space.edges(recipe.lr.value(0, 1), recipe.momentum.value(0, 1))
