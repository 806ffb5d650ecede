"""A check as JSON data from which it can be had again, whole: for databases."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from surefoot.curvature.noise_scale import NoiseScale
from surefoot.curvature.sharpness import Sharpness
from surefoot.diagnosis.checked import CheckResult
from surefoot.diagnosis.course import Course
from surefoot.diagnosis.curved import Curved
from surefoot.diagnosis.finding import Finding
from surefoot.diagnosis.foresight import Judged
from surefoot.diagnosis.improvement import Improvement
from surefoot.diagnosis.settings import Setting
from surefoot.errors import StudyError
from surefoot.fleet import Plan
from surefoot.recipe import Recipe
from surefoot.values import Json

SCHEMA = 1
# JSON has no such numbers.
UNBOUNDED = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def to_record(result: CheckResult) -> dict[str, Json]:
    """Return a check as JSON data, with every loss of its own training."""
    recipes = {"recipe": result.recipe.to_json(), "advice": result.advice.to_json(), "plan": result.plan.to_json()}
    record: dict[str, Json] = _plain({**asdict(result), **recipes, "schema": SCHEMA})
    return record


def from_record(record: Json) -> CheckResult:
    """Return the check that :func:`to_record` made data of.

    Raises:
        StudyError: If it is none, or of another version.
    """
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        given = record.get("schema") if isinstance(record, dict) else type(record).__name__
        raise StudyError(f"the check was kept in version {given!r}; known is {SCHEMA}.", hint="check it again.")
    try:
        return _check(_numbers(record))
    except (KeyError, TypeError, ValueError) as error:
        raise StudyError(f"the check was kept in another way ({error}).", hint="check it again.") from error


def _check(data: dict[str, Any]) -> CheckResult:
    curved = data["curved"]
    return CheckResult(
        task=data["task"],
        recipe=Recipe.from_json(data["recipe"]),
        findings=tuple(Finding(**each) for each in data["findings"]),
        symptoms=tuple(data["symptoms"]),
        advice=Recipe.from_json(data["advice"]),
        improvements=tuple(Improvement(**_placed(each)) for each in data["improvements"]),
        forks=tuple(Judged(**_placed(each)) for each in data["forks"]),
        course=_course(data["course"]),
        curved=None if curved is None else _curved(curved),
        noise=data["noise"],
        steps=data["steps"],
        budget=data["budget"],
        config_steps=data["config_steps"],
        seconds=data["seconds"],
        plan=Plan.from_json(data["plan"]),
    )


def _course(data: dict[str, Any]) -> Course:
    valid = tuple((step, loss) for step, loss in data["valid"])
    return Course(tuple(data["train"]), valid, tuple(data["cosines"]), tuple(data["ratios"]))


def _curved(data: dict[str, Any]) -> Curved:
    return Curved(**{**data, "sharpness": Sharpness(**data["sharpness"]), "noise": NoiseScale(**data["noise"])})


def _placed(data: dict[str, Any]) -> dict[str, Any]:
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
