"""Measurements -> the result of a tune; the same for one just done and one read from a study years later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from surefoot.errors import StudyError
from surefoot.fleet import Plan
from surefoot.recipe import DEFAULT_RECIPE, Recipe
from surefoot.studies import Measurement, Study
from surefoot.tuning.comparison import compare, contestant, most_stable_first
from surefoot.tuning.goal import Goal
from surefoot.tuning.journal import CONFIRM, RANGE, SEARCH, TRANSFER
from surefoot.tuning.range_test import Ramp, read_ramp
from surefoot.tuning.result import Contestant, TuneResult
from surefoot.tuning.scaling import Transfer
from surefoot.values import Interval, Json


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the search says beside its measurements.

    Attributes:
        scheduled: The default recipe under the recommended schedule.
        lr, momentum: Where the best values are likely to be, or ``None``.
        boundary: Hyperparameters whose best value sits on the edge of the space.
        transfer: How the answer changes with the task, where that was measured.
    """

    scheduled: Recipe
    lr: Interval | None = None
    momentum: Interval | None = None
    boundary: tuple[str, ...] = ()
    transfer: Transfer | None = None


def confirmed(measurements: Sequence[Measurement], *, scheduled: Recipe) -> dict[Recipe, Contestant]:
    """Return the recipes of the confirmation with their scores.

    Args:
        measurements: Those of all stages.
        scheduled: The default recipe under the recommended schedule.
    """
    runs: dict[Recipe, list[Measurement]] = {}
    for row in measurements:
        if row.stage.startswith(CONFIRM):
            runs.setdefault(row.trial.recipe, []).append(row)
    defaults = (DEFAULT_RECIPE, scheduled)
    return {recipe: contestant(recipe, own, searched=recipe not in defaults) for recipe, own in runs.items()}


def standings(found: Iterable[Contestant], *, goal: Goal) -> list[Contestant]:
    """Return the recipes of the confirmation, the one to recommend first; those that diverged are left out."""
    return most_stable_first(compare([*found], goal=goal), goal=goal)


def assemble(
    task: str,
    measurements: Sequence[Measurement],
    *,
    goal: Goal,
    outlook: Outlook,
    costs: Mapping[str, int],
    seconds: float,
    plan: Plan,
    study: str | None,
) -> TuneResult:
    """Return the result that measurements amount to.

    Args:
        task: The task's name.
        measurements: Those of all stages.
        goal: What was made as good as possible.
        outlook: What the search says beside them.
        costs: Config-steps of each stage.
        seconds: Wall clock.
        plan: How fleets were run.
        study: Text that opens the study again.
    """
    found = confirmed(measurements, scheduled=outlook.scheduled)
    return TuneResult(
        task=task,
        steps=next(row.trial.steps for row in measurements if row.stage.startswith(CONFIRM)),
        contestants=tuple(standings(found.values(), goal=goal)),
        default=found[DEFAULT_RECIPE],
        default_scheduled=found[outlook.scheduled],
        lr=outlook.lr,
        momentum=outlook.momentum,
        boundary=outlook.boundary,
        ramps=tuple(ramps_of([row for row in measurements if row.stage.startswith(RANGE)])),
        measurements=tuple(measurements),
        search_config_steps=sum(cost for stage, cost in costs.items() if not stage.startswith((CONFIRM, TRANSFER))),
        config_steps=sum(costs.values()),
        seconds=seconds,
        trials=len({row.trial.recipe for row in measurements if row.stage.startswith((SEARCH, CONFIRM))}),
        plan=plan,
        study=study,
        goal=goal,
        transfer=outlook.transfer,
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
    found = info.result
    return assemble(
        info.task,
        study.measurements(),
        goal=found.get("goal", "loss"),
        outlook=Outlook(
            scheduled=Recipe.parse(found["default_scheduled_recipe"]),
            lr=_interval(found["interval"]["lr"]),
            momentum=_interval(found["interval"]["momentum"]),
            boundary=tuple(found["boundary"]),
            transfer=Transfer.from_json(data) if (data := found.get("transfer")) else None,
        ),
        costs=study.costs(),
        seconds=float(found["seconds"]),
        plan=Plan.from_json(info.plan),
        study=study.name,
    )


def ramps_of(measurements: Sequence[Measurement]) -> list[Ramp]:
    """Return the range test's ramps; their curves have a point for every step."""
    return [read_ramp(row.trial.recipe, np.array(row.outcome.train.losses)[:, None]) for row in measurements]


def _interval(data: Json) -> Interval | None:
    return Interval(*data) if isinstance(data, list) else None  # type: ignore[arg-type]  # two numbers
