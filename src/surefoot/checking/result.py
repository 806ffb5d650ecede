"""What a check returns.

A check as JSON data from which it can be had again, whole: for databases.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from surefoot.checking.curvature_summary import CurvatureSummary
from surefoot.checking.evidence import CheckTrial
from surefoot.checking.neighbourhood import Neighbourhood, Setting
from surefoot.checking.stake import Stake
from surefoot.core.errors import StudyError
from surefoot.core.finding import Finding, Symptom, Verdict
from surefoot.core.values import Json, finite_or_none
from surefoot.curvature.sharpness import NoiseScale, Sharpness
from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.studies.check_log import add_check, check_row
from surefoot.studies.study import Study
from surefoot.trainers.trial import Curve


@dataclass(frozen=True, slots=True)
class OwnTraining:
    """The longest trial of the recipe itself.

    Attributes:
        steps: Its length.
        seed: Its seed.
        loss: Validation loss at its end; ``inf`` where it diverged.
        diverged_at: Step of the first loss that was not finite.
        train: Training losses, each averaged over the steps since the one before; empty where none were kept.
        valid: Validation losses on the way; that at the end is ``loss``.
    """

    steps: int
    seed: int
    loss: float
    diverged_at: int | None = None
    train: Curve = field(default_factory=Curve)
    valid: Curve = field(default_factory=Curve)

    @property
    def diverged(self) -> bool:
        """Whether it has no loss at its end."""
        return not math.isfinite(self.loss)

    @property
    def readings(self) -> list[tuple[int, float]]:
        """Steps and values of the validation loss, the end included."""
        on_the_way = [*zip(self.valid.steps, self.valid.losses, strict=True)]
        return [reading for reading in on_the_way if reading[0] < self.steps] + [(self.steps, self.loss)]

    @property
    def lowest(self) -> tuple[int, float]:
        """Step and value of the lowest validation loss."""
        return min(self.readings, key=lambda reading: reading[1])


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What :func:`check` found.

    Attributes:
        task: Name of what is trained.
        recipe: What was checked.
        findings: The verdict first, then what else there is to say.
        symptoms: What the curves of the recipe's longest trial show.
        advice: The recipe with the advice followed; the recipe itself where nothing should change.
        stakes: The best stake of each kind of change.
        trials: Every trial, in the order in which they were run.
        own_training: The longest trial of the recipe itself.
        curvature: Of the loss where that ended; ``None`` where it was not measured.
        noise: Standard deviation of a single training's log loss, as the surrogate has it.
        steps: Length of the full training.
        budget: Ceiling, in full trainings.
        config_steps: What everything cost, a Hessian-vector product counted as two.
        seconds: Wall-clock time.
        plan: How it was run; ``None`` where no fleet ran it.
        study: Where it is recorded, ``None`` where it is not.
    """

    task: str
    recipe: Recipe
    findings: tuple[Finding, ...]
    symptoms: tuple[Symptom, ...]
    advice: Recipe
    stakes: tuple[Stake, ...]
    trials: tuple[CheckTrial, ...]
    own_training: OwnTraining
    curvature: CurvatureSummary | None
    noise: float | None
    steps: int
    budget: float
    config_steps: int
    seconds: float
    plan: Plan | None
    study: str | None = None

    @property
    def verdict(self) -> Verdict:
        """The first finding's."""
        return self.findings[0].verdict

    @property
    def confidence(self) -> float:
        """The first finding's."""
        return self.findings[0].confidence

    @property
    def stake(self) -> float | None:
        """The first finding's."""
        return self.findings[0].stake

    @property
    def own(self) -> Setting:
        """The recipe's setting."""
        return Neighbourhood(self.recipe).own

    @property
    def advised(self) -> Setting:
        """The advice's setting: as it was tried, where it was, and not as its schedule rounds it."""
        advised = Neighbourhood(self.advice).own
        return next((trial.setting for trial in self.trials if trial.setting.is_close(advised)), advised)

    @property
    def first_seed(self) -> int:
        """The seed of the first trial."""
        return self.trials[0].seed

    def to_json(self) -> dict[str, Json]:
        """Return the result as the JSON object that the command prints."""
        return {
            "schema": 2,
            "task": self.task,
            "recipe": str(self.recipe),
            "verdict": self.verdict,
            "confidence": round(self.confidence, 3),
            "stake": self.findings[0].to_json()["stake"],
            "symptoms": [*self.symptoms],
            "findings": [finding.to_json() for finding in self.findings],
            "advice": str(self.advice),
            "stakes": [_stake(each) for each in self.stakes],
            "trials": [_trial(each) for each in self.trials],
            "valid": [
                [step, finite_or_none(loss)]
                for step, loss in zip(self.own_training.valid.steps, self.own_training.valid.losses, strict=True)
            ],
            "curvature": None if self.curvature is None else self.curvature.to_json(),
            "noise": self.noise,
            "steps": self.steps,
            "budget": self.budget,
            "config_steps": self.config_steps,
            "seconds": self.seconds,
            "plan": None if self.plan is None else self.plan.to_json(),
            "study": self.study,
        }


def _stake(each: Stake) -> Json:
    return {
        "change": each.change,
        "lr": each.setting.lr,
        "momentum": each.setting.momentum,
        "share": each.share,
        "low": each.low,
        "high": each.high,
        "probability": each.probability,
    }


def _trial(trial: CheckTrial) -> Json:
    return {
        "lr": trial.setting.lr,
        "momentum": trial.setting.momentum,
        "steps": trial.steps,
        "seed": trial.seed,
        "valid_loss": finite_or_none(trial.loss),
        "diverged_at": trial.diverged_at,
    }


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
