"""Measurements as rows, and rows as measurements."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, inspect, select

from surefoot.recipe import Recipe
from surefoot.studies.measurement import Curve, Look, Measurement
from surefoot.studies.schema import curves, looks, measurements, stages, trials


def insert_measurements(connection: Connection, found: Sequence[Measurement], *, study: int, stage: int) -> None:
    """Write the measurements of a stage, and the trials that are new to the study."""
    ids = _trial_ids(connection, [measurement.recipe for measurement in found], study=study)
    for measurement in found:
        row = {
            "stage_id": stage,
            "trial_id": ids[str(measurement.recipe)],
            "seed": measurement.seed,
            "total": measurement.total,
            "steps": measurement.steps,
            "valid_loss": measurement.valid_loss if math.isfinite(measurement.valid_loss) else None,
            "metric": measurement.metric,
            "test_loss": measurement.test_loss,
            "diverged_at": measurement.diverged_at,
        }
        key = insert_row(connection, measurements, row)
        losses = [loss if math.isfinite(loss) else None for loss in measurement.curve.losses]
        curve = {"measurement_id": key, "steps": list(measurement.curve.steps), "losses": losses}
        connection.execute(insert(curves).values(curve))
        seen = [{"measurement_id": key, **_look_row(look)} for look in measurement.looks]
        if seen:
            connection.execute(insert(looks), seen)


def select_measurements(study: int) -> Select[Any]:
    """Return the query whose rows :func:`measurement_of` reads, in the order they were recorded."""
    return (
        select(measurements, stages.c.name, trials.c.recipe_json, curves.c.steps.label("curve_steps"), curves.c.losses)
        .select_from(measurements.join(stages).join(trials).outerjoin(curves))
        .where(stages.c.study_id == study)
        .order_by(measurements.c.id)
    )


def looks_of(connection: Connection, study: int) -> dict[int, tuple[Look, ...]]:
    """Return what was seen of a study's trainings on their way, by their measurements' numbers.

    A database that was never written since it is of an older version has none.
    """
    if not inspect(connection).has_table(looks.name):
        return {}
    query = select(looks).select_from(looks.join(measurements).join(stages)).where(stages.c.study_id == study)
    found: dict[int, tuple[Look, ...]] = {}
    for row in connection.execute(query.order_by(looks.c.step)):
        look = Look(row.step, row.grad_norm, row.sharpness, row.edge)
        found[row.measurement_id] = (*found.get(row.measurement_id, ()), look)
    return found


def measurement_of(row: Row[Any], seen: Mapping[int, tuple[Look, ...]]) -> Measurement:
    """Return the measurement of a row.

    Args:
        row: Of :func:`select_measurements`.
        seen: Of :func:`looks_of`.
    """
    losses = tuple(math.inf if loss is None else loss for loss in row.losses or ())
    return Measurement(
        recipe=Recipe.from_json(row.recipe_json),
        stage=row.name,
        seed=row.seed,
        total=row.total,
        steps=row.steps,
        valid_loss=math.inf if row.valid_loss is None else row.valid_loss,
        metric=row.metric,
        test_loss=row.test_loss,
        diverged_at=row.diverged_at,
        curve=Curve(tuple(row.curve_steps or ()), losses),
        looks=seen.get(row.id, ()),
    )


def _look_row(look: Look) -> dict[str, float | None]:
    return {"step": look.step, "grad_norm": look.grad_norm, "sharpness": look.sharpness, "edge": look.limit}


def insert_row(connection: Connection, table: Any, row: dict[str, Any]) -> int:
    """Insert a row and return its number."""
    key = connection.execute(insert(table).values(row)).inserted_primary_key
    assert key is not None  # noqa: S101  (an insert of one row has a key)
    return int(key[0])


def _trial_ids(connection: Connection, recipes: Sequence[Recipe], *, study: int) -> dict[str, int]:
    """Return the row of each recipe's trial by the recipe's text; new trials are numbered on."""
    query = select(trials.c.recipe, trials.c.id).where(trials.c.study_id == study)
    ids = {str(name): int(key) for name, key in connection.execute(query)}
    for recipe in recipes:
        if str(recipe) not in ids:
            row = {"study_id": study, "number": len(ids), "recipe": str(recipe), "recipe_json": recipe.to_json()}
            ids[str(recipe)] = insert_row(connection, trials, row)
    return ids
