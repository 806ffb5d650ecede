"""The result of a check: as the command prints it, and as a study's database stores it, from which it is read again."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from surefoot.checking.curvature_summary import CurvatureSummary
from surefoot.checking.expected_loss_saving import ExpectedSaving
from surefoot.checking.neighbourhood import LrAndMomentum, Neighbourhood
from surefoot.checking.trial_history import CheckTrial
from surefoot.core.errors import StudyError
from surefoot.core.finding_and_symptoms import Finding, Symptom, Verdict
from surefoot.core.formatting import format_duration, format_number, format_percent
from surefoot.core.result_summary import Summarised, Summary
from surefoot.core.value_types import Json, finite_or_none
from surefoot.curvature.sharpness import NoiseScale, Sharpness
from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.studies.stored_checks import add_check, stored_check
from surefoot.studies.study import Study
from surefoot.trainers.trial import Curve

# Version of the stored record; a record of another version is refused.
RECORD_SCHEMA = 2
# JSON has no number for these.
NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
# Attributes whose key in stored records is another word: databases that exist must stay readable.
STORED_KEYS = {
    "savings": "stakes",
    "expected_saving": "stake",
    "recipe_training": "own_training",
    "hyperparameters": "setting",
    "ended_above_initial_loss": "went_up",
    "train_to_valid_ratio": "train_share",
}


@dataclass(frozen=True, slots=True)
class RecipeTraining:
    """The longest trial of the recipe itself.

    Attributes:
        steps: Length of the trial, in optimizer steps.
        seed: Seed of the trial.
        loss: Validation loss at the end; ``inf`` where the trial diverged.
        diverged_at: Step of the first loss that was NaN or inf; ``None`` where there was none.
        train: Training losses, each the mean over the steps since the one before; empty where none were kept.
        valid: Validation losses during the trial; the one at the end is ``loss``.
    """

    steps: int
    seed: int
    loss: float
    diverged_at: int | None = None
    train: Curve = field(default_factory=Curve)
    valid: Curve = field(default_factory=Curve)

    @property
    def diverged(self) -> bool:
        """Whether the trial has no finite loss at its end."""
        return not math.isfinite(self.loss)

    @property
    def valid_curve(self) -> list[tuple[int, float]]:
        """Steps and validation losses, the end included."""
        during = [*zip(self.valid.steps, self.valid.losses, strict=True)]
        return [(step, loss) for step, loss in during if step < self.steps] + [(self.steps, self.loss)]

    @property
    def lowest_valid(self) -> tuple[int, float]:
        """Step and value of the lowest validation loss."""
        return min(self.valid_curve, key=lambda point: point[1])


@dataclass(frozen=True, slots=True, repr=False)
class CheckResult(Summarised):
    """What :func:`surefoot.check` returns.

    Attributes:
        task: Name of the task, function or script that was trained.
        recipe: The recipe to use: the one that was checked, with the advice applied; the same where nothing should
            change.
        checked_recipe: The recipe that was checked.
        findings: The verdict first, then what else there is to say.
        symptoms: What the curves of the recipe's longest trial show.
        savings: Expected saving of the best change of each kind.
        trials: Every trial, in the order in which they were run.
        recipe_training: The longest trial of the recipe itself.
        curvature: Curvature of the loss where that trial ended; ``None`` where it was not measured.
        noise: Standard deviation of a single training's log loss, as estimated by the surrogate.
        steps: Length of the full training, in optimizer steps.
        budget: Ceiling on the work, in full trainings.
        config_steps: Cost of all work; a Hessian-vector product counts as two.
        seconds: Wall-clock duration, in seconds.
        plan: How the fleets were run; ``None`` where no fleet ran.
        study: Database and number of the stored check; ``None`` where it is not stored.
    """

    task: str
    recipe: Recipe
    checked_recipe: Recipe
    findings: tuple[Finding, ...]
    symptoms: tuple[Symptom, ...]
    savings: tuple[ExpectedSaving, ...]
    trials: tuple[CheckTrial, ...]
    recipe_training: RecipeTraining
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
        """Verdict of the first finding."""
        return self.findings[0].verdict

    @property
    def confidence(self) -> float:
        """Probability that the verdict is right."""
        return self.findings[0].confidence

    @property
    def expected_saving(self) -> float | None:
        """Share of the final loss that following the advice is expected to save."""
        return self.findings[0].expected_saving

    @property
    def current(self) -> LrAndMomentum:
        """Learning rate and momentum of the recipe."""
        return Neighbourhood(self.checked_recipe).current

    @property
    def advised(self) -> LrAndMomentum:
        """Learning rate and momentum of the advice, unrounded: as they were tried, where they were."""
        advised = Neighbourhood(self.recipe).current
        return next(
            (trial.hyperparameters for trial in self.trials if trial.hyperparameters.is_close(advised)), advised
        )

    def summary(self) -> Summary:
        """Return the verdict, what to use instead, and the cost."""
        saving, cost = self.expected_saving, self.config_steps / self.steps
        return Summary.of(
            f"check of {self.checked_recipe} on {self.task}",
            [
                ("verdict", f"{self.verdict} ({format_percent(self.confidence)} sure)"),
                ("why", self.findings[0].why),
                ("recipe", str(self.recipe)),
                ("expected saving", None if saving is None else f"{format_percent(saving)} of the final loss"),
                ("cost", f"{format_number(cost)} full trainings, {format_duration(self.seconds)}"),
                ("study", self.study),
            ],
        )

    @property
    def first_seed(self) -> int:
        """Seed of the first trial."""
        return self.trials[0].seed

    def to_json(self) -> dict[str, Json]:
        """Return the result as the JSON object that the command prints."""
        valid = self.recipe_training.valid
        return {
            "schema": 2,
            "task": self.task,
            "recipe": str(self.recipe),
            "recipe_json": self.recipe.to_json(),
            "checked_recipe": str(self.checked_recipe),
            "verdict": self.verdict,
            "confidence": round(self.confidence, 3),
            "stake": self.findings[0].to_json()["stake"],
            "symptoms": [*self.symptoms],
            "findings": [finding.to_json() for finding in self.findings],
            "stakes": [_saving_json(each) for each in self.savings],
            "trials": [_trial_json(each) for each in self.trials],
            "valid": [[step, finite_or_none(loss)] for step, loss in zip(valid.steps, valid.losses, strict=True)],
            "curvature": None if self.curvature is None else self.curvature.to_json(),
            "noise": self.noise,
            "steps": self.steps,
            "budget": self.budget,
            "config_steps": self.config_steps,
            "seconds": self.seconds,
            "plan": None if self.plan is None else self.plan.to_json(),
            "study": self.study,
        }


def _saving_json(each: ExpectedSaving) -> Json:
    return {
        "change": each.change,
        "lr": each.hyperparameters.lr,
        "momentum": each.hyperparameters.momentum,
        "share": each.share,
        "low": each.low,
        "high": each.high,
        "probability": each.probability,
    }


def _trial_json(trial: CheckTrial) -> Json:
    return {
        "lr": trial.hyperparameters.lr,
        "momentum": trial.hyperparameters.momentum,
        "steps": trial.steps,
        "seed": trial.seed,
        "valid_loss": finite_or_none(trial.loss),
        "diverged_at": trial.diverged_at,
    }


def record_check(result: CheckResult, study: Study) -> CheckResult:
    """Store a check in the database of its study and mark the study as done.

    Returns:
        The result, with the database and the number under which it is stored.

    Raises:
        StudyError: If the database cannot be written.
    """
    command = study.info().settings.get("line")
    number = add_check(
        study.database,
        to_record(result),
        task=result.task,
        recipe=str(result.checked_recipe),
        verdict=result.verdict,
        command=command,
    )
    study.release(status="done", result={"check": number})
    return replace(result, study=f"{study.database.path}, check {number}")


def read_check(study: Study) -> CheckResult:
    """Return the check of a study that is done.

    Raises:
        StudyError: If the study is not done, or is not of a check.
    """
    info = study.info()
    if info.status != "done" or info.result is None or "check" not in info.result:
        raise StudyError(f"study {study.name} has no check that is done.")
    number = info.result["check"]
    result = from_record(stored_check(study.database, number).result)
    return replace(result, study=f"{study.database.path}, check {number}")


def to_record(result: CheckResult) -> dict[str, Json]:
    """Return a check as JSON data with every trial, from which :func:`from_record` returns it again."""
    plan = None if result.plan is None else result.plan.to_json()
    record: dict[str, Json] = _to_plain({**asdict(result), "schema": RECORD_SCHEMA, "plan": plan})
    # The keys of databases that exist: ``recipe`` is what was checked.
    record["recipe"], record["advice"] = result.checked_recipe.to_json(), result.recipe.to_json()
    del record["checked_recipe"]
    return record


def from_record(record: Json) -> CheckResult:
    """Return the check that :func:`to_record` returned the data of.

    Raises:
        StudyError: If the data is not a check, is damaged, or is of another version.
    """
    if not isinstance(record, dict) or record.get("schema") != RECORD_SCHEMA:
        given = record.get("schema") if isinstance(record, dict) else type(record).__name__
        raise StudyError(
            f"the check was stored in version {given!r}; this version of surefoot reads {RECORD_SCHEMA}.",
            hint="check it again.",
        )
    try:
        return _check(_with_non_finite(record))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StudyError(f"the stored check is damaged ({error}).", hint="check it again.") from error


def _check(data: dict[str, Any]) -> CheckResult:
    curvature, plan = data["curvature"], data["plan"]
    return CheckResult(
        task=data["task"],
        recipe=Recipe.from_json(data["advice"]),
        checked_recipe=Recipe.from_json(data["recipe"]),
        findings=tuple(Finding(**_renamed(each, "expected_saving")) for each in data["findings"]),
        symptoms=tuple(data["symptoms"]),
        savings=tuple(ExpectedSaving(**_with_hyperparameters(each)) for each in data["stakes"]),
        trials=tuple(
            CheckTrial(**_renamed(_with_hyperparameters(each), "ended_above_initial_loss", "train_to_valid_ratio"))
            for each in data["trials"]
        ),
        recipe_training=_recipe_training(data["own_training"]),
        curvature=None if curvature is None else _curvature(curvature),
        noise=data["noise"],
        steps=data["steps"],
        budget=data["budget"],
        config_steps=data["config_steps"],
        seconds=data["seconds"],
        plan=None if plan is None else Plan.from_json(plan),
    )


def _recipe_training(data: dict[str, Any]) -> RecipeTraining:
    curves = {name: Curve(tuple(data[name]["steps"]), tuple(data[name]["losses"])) for name in ("train", "valid")}
    return RecipeTraining(**{**data, **curves})


def _curvature(data: dict[str, Any]) -> CurvatureSummary:
    parts = {"sharpness": Sharpness(**data["sharpness"]), "noise": NoiseScale(**data["noise"])}
    return CurvatureSummary(**{**data, **parts})


def _with_hyperparameters(data: dict[str, Any]) -> dict[str, Any]:
    renamed = _renamed(data, "hyperparameters")
    return {**renamed, "hyperparameters": LrAndMomentum(**renamed["hyperparameters"])}


def _renamed(data: dict[str, Any], *attributes: str) -> dict[str, Any]:
    """Return stored data with the names of these attributes in place of their stored keys."""
    names = {STORED_KEYS[attribute]: attribute for attribute in attributes}
    return {names.get(key, key): value for key, value in data.items()}


def _to_plain(value: Any) -> Any:
    """Return data as JSON can hold it, under the stored keys."""
    if isinstance(value, dict):
        return {STORED_KEYS.get(key, key): _to_plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_plain(each) for each in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _with_non_finite(value: Any) -> Any:
    """Return data with NaN and inf in place of their words."""
    if isinstance(value, dict):
        return {key: _with_non_finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_non_finite(each) for each in value]
    return NON_FINITE.get(value, value) if isinstance(value, str) else value
