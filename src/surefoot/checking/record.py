"""A check as JSON data from which it can be had again, whole: for databases."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any

from surefoot.checking.curvature_summary import CurvatureSummary
from surefoot.checking.evidence import CheckTrial
from surefoot.checking.neighbourhood import Setting
from surefoot.checking.result import CheckResult, OwnTraining
from surefoot.checking.stake import Stake
from surefoot.curvature.noise_scale import NoiseScale
from surefoot.curvature.sharpness import Sharpness
from surefoot.errors import StudyError
from surefoot.finding import Finding
from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.studies.check_log import add_check, check_row
from surefoot.studies.study import Study
from surefoot.trainers.outcome import Curve
from surefoot.values import Json

SCHEMA = 2
# JSON has no such numbers.
UNBOUNDED = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def recorded(result: CheckResult, study: Study) -> CheckResult:
    """Write a check to the database of its study, which is done with it; return it with where it is found there.

    Raises:
        StudyError: If the database cannot be written.
    """
    command = study.info().settings.get("line")
    number = add_check(
        study.database,
        to_record(result),
        task=result.task,
        recipe=str(result.recipe),
        verdict=result.verdict,
        command=command,
    )
    study.release(status="done", result={"check": number})
    return replace(result, study=f"{study.database.path}, check {number}")


def read_check(study: Study) -> CheckResult:
    """Return the check of a study that is done.

    Raises:
        StudyError: If it is not done, or is none of a check.
    """
    info = study.info()
    if info.status != "done" or info.result is None or "check" not in info.result:
        raise StudyError(f"study {study.name} has no check that is done.")
    number = info.result["check"]
    result = from_record(check_row(study.database, number).result)
    return replace(result, study=f"{study.database.path}, check {number}")


def to_record(result: CheckResult) -> dict[str, Json]:
    """Return a check as JSON data, with every trial."""
    plan = None if result.plan is None else result.plan.to_json()
    recipes = {"recipe": result.recipe.to_json(), "advice": result.advice.to_json(), "plan": plan}
    record: dict[str, Json] = _plain({**asdict(result), **recipes, "schema": SCHEMA})
    return record


def from_record(record: Json) -> CheckResult:
    """Return the check that :func:`to_record` made data of.

    Raises:
        StudyError: If it is none, or of another version.
    """
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        given = record.get("schema") if isinstance(record, dict) else type(record).__name__
        raise StudyError(f"the check was recorded in version {given!r}; known is {SCHEMA}.", hint="check it again.")
    try:
        return _check(_numbers(record))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StudyError(f"the record of the check is damaged ({error}).", hint="check it again.") from error


def _check(data: dict[str, Any]) -> CheckResult:
    curvature, plan = data["curvature"], data["plan"]
    return CheckResult(
        task=data["task"],
        recipe=Recipe.from_json(data["recipe"]),
        findings=tuple(Finding(**each) for each in data["findings"]),
        symptoms=tuple(data["symptoms"]),
        advice=Recipe.from_json(data["advice"]),
        stakes=tuple(Stake(**_with_setting(each)) for each in data["stakes"]),
        trials=tuple(CheckTrial(**_with_setting(each)) for each in data["trials"]),
        own_training=_own_training(data["own_training"]),
        curvature=None if curvature is None else _curvature(curvature),
        noise=data["noise"],
        steps=data["steps"],
        budget=data["budget"],
        config_steps=data["config_steps"],
        seconds=data["seconds"],
        plan=None if plan is None else Plan.from_json(plan),
    )


def _own_training(data: dict[str, Any]) -> OwnTraining:
    curves = {name: Curve(tuple(data[name]["steps"]), tuple(data[name]["losses"])) for name in ("train", "valid")}
    return OwnTraining(**{**data, **curves})


def _curvature(data: dict[str, Any]) -> CurvatureSummary:
    parts = {"sharpness": Sharpness(**data["sharpness"]), "noise": NoiseScale(**data["noise"])}
    return CurvatureSummary(**{**data, **parts})


def _with_setting(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "setting": Setting(**data["setting"])}


def _plain(value: Any) -> Any:
    """Return data as JSON has them."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _numbers(value: Any) -> Any:
    """Return data with the numbers back that JSON does not have."""
    if isinstance(value, dict):
        return {key: _numbers(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_numbers(each) for each in value]
    return UNBOUNDED.get(value, value) if isinstance(value, str) else value
