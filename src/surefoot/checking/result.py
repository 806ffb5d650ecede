"""What a check returns."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from surefoot.checking.curvature_summary import CurvatureSummary
from surefoot.checking.evidence import CheckTrial
from surefoot.checking.neighbourhood import Neighbourhood, Setting
from surefoot.checking.stake import Stake
from surefoot.finding import Finding, Symptom, Verdict
from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.trainers.outcome import Curve
from surefoot.values import Json


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
                [step, _finite(loss)]
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
        "valid_loss": _finite(trial.loss),
        "diverged_at": trial.diverged_at,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
