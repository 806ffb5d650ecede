"""What a check found."""

from __future__ import annotations

import math
from dataclasses import dataclass

from surefoot.diagnosis.course import Course
from surefoot.diagnosis.curved import Curved
from surefoot.diagnosis.finding import Finding, Symptom, Verdict
from surefoot.diagnosis.foresight import Judged
from surefoot.diagnosis.improvement import Improvement
from surefoot.diagnosis.settings import Plane, Setting
from surefoot.fleet import Plan
from surefoot.recipe import Recipe
from surefoot.values import Json


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What :func:`check` found.

    Attributes:
        task: The task's name.
        recipe: What was checked.
        findings: The verdict first, then what else there is to say.
        symptoms: What the recipe's own curves show.
        advice: The recipe with the advice followed; the recipe itself where nothing should change.
        improvements: The best that each kind of change can do.
        forks: Every training that was judged.
        course: The recipe's own training.
        curved: How the loss bends where it ended, ``None`` where it diverged.
        noise: Standard deviation of a single training's log loss, as the forks show it.
        steps: Length of the full training.
        budget: Ceiling, in full trainings.
        config_steps, seconds: What it cost; curvature is counted in seconds alone.
        plan: How it was run.
    """

    task: str
    recipe: Recipe
    findings: tuple[Finding, ...]
    symptoms: tuple[Symptom, ...]
    advice: Recipe
    improvements: tuple[Improvement, ...]
    forks: tuple[Judged, ...]
    course: Course
    curved: Curved | None
    noise: float | None
    steps: int
    budget: float
    config_steps: int
    seconds: float
    plan: Plan

    @property
    def verdict(self) -> Verdict:
        """The first finding's."""
        return self.findings[0].code

    @property
    def confidence(self) -> float:
        """The first finding's."""
        return self.findings[0].confidence

    @property
    def own(self) -> Setting:
        """The recipe's setting."""
        return Plane(self.recipe).own

    @property
    def advised(self) -> Setting:
        """The advice's setting: as it was tried, where it was, and not as its schedule rounds it."""
        advised = Plane(self.advice).own
        return next((row.setting for row in self.forks if row.setting.is_close(advised)), advised)

    def to_json(self) -> dict[str, Json]:
        """Return the result as the JSON object that the command prints."""
        return {
            "schema": 1,
            "task": self.task,
            "recipe": str(self.recipe),
            "verdict": self.verdict,
            "confidence": round(self.confidence, 3),
            "symptoms": [*self.symptoms],
            "findings": [finding.to_json() for finding in self.findings],
            "advice": str(self.advice),
            "improvements": [_improvement(each) for each in self.improvements],
            "forks": [_fork(row) for row in self.forks],
            "valid": [[step, _finite(loss)] for step, loss in self.course.valid],
            "curvature": None if self.curved is None else self.curved.to_json(),
            "noise": self.noise,
            "steps": self.steps,
            "budget": self.budget,
            "config_steps": self.config_steps,
            "seconds": self.seconds,
            "plan": self.plan.to_json(),
        }


def _improvement(each: Improvement) -> Json:
    return {"change": each.change, "lr": each.setting.lr, "momentum": each.setting.momentum, "gain": each.gain}


def _fork(row: Judged) -> Json:
    return {
        "lr": row.setting.lr,
        "momentum": row.setting.momentum,
        "share": row.share,
        "seed": row.seed,
        "valid_loss": _finite(row.loss),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
