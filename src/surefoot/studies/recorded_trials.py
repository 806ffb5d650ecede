"""Measurements: trials with their outcomes, and their rows in a study database."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, Table, insert, select

from surefoot.core.value_types import finite_or_none
from surefoot.recipe.recipe import Recipe
from surefoot.studies.schema import curves, measurements, sharpness_probes, stages, trials, valid_curves
from surefoot.trainers.trial import Curve, Outcome, SharpnessProbe, Trial

# Value of ``taken`` for all steps of the trial.
ALL_STEPS: Final = -1


@dataclass(frozen=True, slots=True)
class Measurement:
    """A trial with its outcome, in a stage of a study.

    Attributes:
        stage: Name of the stage.
        trial: The trial.
        outcome: Its outcome.
        taken: Steps after which it was measured: all of the trial's, unless given. Version 0.1 measured long trainings
            on the way; their trial is the whole training.

    Example:
        >>> from surefoot.recipe.recipe import Recipe
        >>> Measurement("search", Trial(Recipe(), steps=100, seed=0), Outcome(0.5)).taken
        100
    """

    stage: str
    trial: Trial
    outcome: Outcome
    taken: int = ALL_STEPS

    def __post_init__(self) -> None:
        if self.taken == ALL_STEPS:
            object.__setattr__(self, "taken", self.trial.steps)


def insert_measurements(connection: Connection, rows: Sequence[Measurement], *, study: int, stage: int) -> None:
    """Write measurements of a stage, and the recipes that are new to the study.

    Args:
        connection: Connection of a transaction that writes.
        rows: The measurements.
        study: Number of the study.
        stage: Number of the stage's row.
    """
    ids = _recipe_ids(connection, [measurement.trial.recipe for measurement in rows], study=study)
    for measurement in rows:
        trial, outcome = measurement.trial, measurement.outcome
        row = {
            "stage_id": stage,
            "trial_id": ids[str(trial.recipe)],
            "seed": trial.seed,
            "total": trial.steps,
            "steps": measurement.taken,
            "valid_loss": finite_or_none(outcome.loss),
            "metric": outcome.metric,
            "test_loss": outcome.test_loss,
            "diverged_at": outcome.diverged_at,
            "seconds": outcome.seconds,
            "failure": outcome.failure,
        }
        key = insert_row(connection, measurements, row)
        _insert_curve(connection, curves, key, outcome.train)
        _insert_curve(connection, valid_curves, key, outcome.valid)
        probes = [{"measurement_id": key, **_probe_row(probe)} for probe in outcome.probes]
        if probes:
            connection.execute(insert(sharpness_probes), probes)


def select_measurements(study: int) -> Select[Any]:
    """Return the query for the rows that :func:`measurement_of` reads, in the order in which they were recorded."""
    return (
        select(
            measurements,
            stages.c.name,
            trials.c.recipe_json,
            curves.c.steps.label("train_steps"),
            curves.c.losses.label("train_losses"),
            valid_curves.c.steps.label("valid_steps"),
            valid_curves.c.losses.label("valid_losses"),
        )
        .select_from(measurements.join(stages).join(trials).outerjoin(curves).outerjoin(valid_curves))
        .where(stages.c.study_id == study)
        .order_by(measurements.c.id)
    )


def probes_of(connection: Connection, study: int) -> dict[int, tuple[SharpnessProbe, ...]]:
    """Return the sharpness probes of a study, by the number of the measurement."""
    joined = sharpness_probes.join(measurements).join(stages)
    query = select(sharpness_probes).select_from(joined).where(stages.c.study_id == study)
    by_measurement: dict[int, list[SharpnessProbe]] = {}
    for row in connection.execute(query.order_by(sharpness_probes.c.step)):
        probe = SharpnessProbe(row.step, row.grad_norm, row.sharpness, row.edge)
        by_measurement.setdefault(row.measurement_id, []).append(probe)
    return {key: tuple(probes) for key, probes in by_measurement.items()}


def measurement_of(row: Row[Any], probes: Mapping[int, tuple[SharpnessProbe, ...]]) -> Measurement:
    """Return the measurement in a row.

    Args:
        row: Row of the query of :func:`select_measurements`.
        probes: Sharpness probes, as :func:`probes_of` returns them.
    """
    outcome = Outcome(
        loss=math.inf if row.valid_loss is None else row.valid_loss,
        metric=row.metric,
        test_loss=row.test_loss,
        diverged_at=row.diverged_at,
        failure=row.failure,
        seconds=row.seconds or 0.0,
        train=_curve(row.train_steps, row.train_losses),
        valid=_curve(row.valid_steps, row.valid_losses),
        probes=probes.get(row.id, ()),
    )
    trial = Trial(Recipe.from_json(row.recipe_json), steps=row.total, seed=row.seed)
    return Measurement(row.name, trial, outcome, taken=row.steps)


def insert_row(connection: Connection, table: Any, row: dict[str, Any]) -> int:
    """Insert a row and return its number."""
    key = connection.execute(insert(table).values(row)).inserted_primary_key
    assert key is not None  # noqa: S101  (an insert of one row has a key)
    return int(key[0])


def _insert_curve(connection: Connection, table: Table, key: int, curve: Curve) -> None:
    if curve.steps:
        row = {
            "measurement_id": key,
            "steps": list(curve.steps),
            "losses": [finite_or_none(loss) for loss in curve.losses],
        }
        connection.execute(insert(table).values(row))


def _curve(steps: list[int] | None, losses: list[float | None] | None) -> Curve:
    return Curve(tuple(steps or ()), tuple(math.inf if loss is None else loss for loss in losses or ()))


def _probe_row(probe: SharpnessProbe) -> dict[str, float | None]:
    return {"step": probe.step, "grad_norm": probe.grad_norm, "sharpness": probe.sharpness, "edge": probe.limit}


def _recipe_ids(connection: Connection, recipes: Sequence[Recipe], *, study: int) -> dict[str, int]:
    """Return the row number of each recipe by its text; new recipes get the next numbers."""
    query = select(trials.c.recipe, trials.c.id).where(trials.c.study_id == study)
    ids = {str(name): int(key) for name, key in connection.execute(query)}
    for recipe in recipes:
        if str(recipe) not in ids:
            row = {"study_id": study, "number": len(ids), "recipe": str(recipe), "recipe_json": recipe.to_json()}
            ids[str(recipe)] = insert_row(connection, trials, row)
    return ids
