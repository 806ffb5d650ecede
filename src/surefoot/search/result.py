"""What a search found: plain data, the same for find and tune."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from surefoot.core.errors import StudyError
from surefoot.core.values import Interval, Json, Score
from surefoot.recipe.recipe import Recipe
from surefoot.search.goal import Aim
from surefoot.search.scaling import Transfer
from surefoot.studies.measurements import Measurement

if TYPE_CHECKING:
    from torch import nn

Role: TypeAlias = Literal["recommended", "runner-up", "default", "compared"]
Command: TypeAlias = Literal["find", "tune"]
SCHEMA = 2


@dataclass(frozen=True, slots=True)
class Contestant:
    """A recipe that was trained at the recommended length, on seeds that the search had not used.

    Attributes:
        recipe: The recipe.
        role: The recommended one, the next best of the search, the default, or one that the user asked to compare.
        steps: Length of its trainings.
        valid: Validation loss over the seeds.
        test: Test loss over the seeds, where there are test data.
        metric: Mean of the metric over the seeds.
        runs: Its measurements, one a seed.
        tied: Whether the seeds cannot tell it from the recommended one.
    """

    recipe: Recipe
    role: Role
    steps: int
    valid: Score
    test: Score | None
    metric: float | None
    runs: tuple[Measurement, ...]
    tied: bool = False


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """The best that can be had with so many steps.

    Attributes:
        steps: Length of the training.
        recipe: The recipe that gives it.
        loss: Expected validation loss (of one training, averaged over seeds).
        low, high: 90 % interval of the loss of one training.
        trials: Trials of that length behind it; with none, it is extrapolated.
    """

    steps: int
    recipe: Recipe
    loss: float
    low: float
    high: float
    trials: int


@dataclass(frozen=True, slots=True)
class GoodRange:
    """Settings that lose little.

    Attributes:
        lr: Learning rates, at the recommended momentum, whose loss is expected within the tolerance of the best.
        momentum: Momenta of which the same holds, each with a learning rate of its own; ``None`` where there is none.
        tolerance: Largest loss over the best, as a share of it.
    """

    lr: Interval
    momentum: Interval | None
    tolerance: float


@dataclass(frozen=True, slots=True)
class MomentumRow:
    """What the search says of the learning rate at one momentum.

    Attributes:
        momentum: The momentum.
        lr: Learning rate expected to be best there.
        good: Rates within the tolerance of the best at this momentum; ``None`` where not even the best is.
        loss: Expected validation loss at ``lr``.
        limit: Largest usable rate; ``None`` where no rate tried was too large.
    """

    momentum: float
    lr: float
    good: Interval | None
    loss: float
    limit: float | None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What :func:`surefoot.find` or :func:`surefoot.tune` found.

    Attributes:
        command: Which of the two.
        task: Name of what was trained.
        full_steps: Length of a full training.
        steps: Recommended length: shorter where longer trainings overfit.
        recipe: The recommended recipe; ``None`` where nothing can be recommended.
        reason: Why there is none, in one line.
        expected_loss: Validation loss that the search expects of it; ``None`` where there is no recipe.
        contestants: Recipes trained at the recommended length, the recommended one first; none where the budget had no
            room for it.
        good_range: Settings within the tolerance of the best; ``None`` where that is not known.
        limit: Largest usable learning rate at the recommended momentum; ``None`` where no rate tried was too large.
        by_momentum: The same for several momenta.
        frontier: What can be had for how many steps, the fewest first.
        overfits_after: Steps after which the best loss rises with more of them, ``None`` where it does not.
        boundary: Hyperparameters whose best value lies on the edge of the space.
        notes: What else is to be known, a line each.
        measurements: Everything that was measured.
        search_config_steps, config_steps: What the search cost, and everything.
        seconds: Wall clock.
        budget: The budget as resolved.
        aim: What was made as good as possible.
        plan: How trials were run, where that was measured.
        study: Text that opens the study again, or ``None`` where none was kept.
        transfer: How the answer changes with the batch size, where that was asked for.
        trained: Returns the model with the weights of the recommended training.
    """

    command: Command
    task: str
    full_steps: int
    steps: int
    recipe: Recipe | None
    reason: str | None
    expected_loss: float | None
    contestants: tuple[Contestant, ...]
    good_range: GoodRange | None
    limit: float | None
    by_momentum: tuple[MomentumRow, ...]
    frontier: tuple[FrontierPoint, ...]
    overfits_after: int | None
    boundary: tuple[str, ...]
    notes: tuple[str, ...]
    measurements: tuple[Measurement, ...]
    search_config_steps: int
    config_steps: int
    seconds: float
    budget: str
    aim: Aim
    plan: dict[str, Json] | None
    study: str | None
    transfer: Transfer | None = None
    trained: Callable[[], nn.Module] | None = field(default=None, compare=False, repr=False)

    @property
    def best(self) -> Contestant | None:
        """The recommended recipe as it was trained; ``None`` where it was not."""
        return next((found for found in self.contestants if found.role == "recommended"), None)

    @property
    def default(self) -> Contestant | None:
        """The default recipe as it was trained; ``None`` where it was not."""
        return next((found for found in self.contestants if found.role == "default"), None)

    @property
    def trials(self) -> int:
        """How many trials were run."""
        return len({row.trial for row in self.measurements})

    @property
    def trainings(self) -> float:
        """What everything cost, in full trainings."""
        return self.config_steps / self.full_steps

    def model(self) -> nn.Module:
        """Return the model with the weights of the recommended training.

        Raises:
            StudyError: If it was not trained, or its weights were not kept.
        """
        if self.trained is None:
            raise StudyError(
                "there are no trained weights: the recommended recipe was not trained, or not by a Task.",
                hint="give a larger budget, as 3x.",
            )
        return self.trained()

    def improvement(self, over: Contestant) -> float | None:
        """Return how many times lower the recommended recipe's loss is, ``None`` where that says nothing."""
        if self.best is None or not 0 < self.best.valid.mean < math.inf or not over.valid.mean > 0:
            return None
        return over.valid.mean / self.best.valid.mean

    def to_json(self) -> dict[str, Json]:
        """Return the result as the JSON object that the commands print."""
        best, default, good = self.best, self.default, self.good_range
        return {
            "schema": SCHEMA,
            "command": self.command,
            "task": self.task,
            "goal": self.aim.goal,
            "judge": self.aim.judge,
            "recipe": None if self.recipe is None else str(self.recipe),
            "recipe_json": None if self.recipe is None else self.recipe.to_json(),
            "reason": self.reason,
            "steps": self.steps,
            "full_steps": self.full_steps,
            "valid_loss": None if best is None else _score(best.valid),
            "expected_loss": _number(self.expected_loss),
            "default_valid_loss": None if default is None else _score(default.valid),
            "test_loss": None if best is None or best.test is None else _score(best.test),
            "metric": None if best is None else best.metric,
            "good_range": None
            if good is None
            else {"lr": _pair(good.lr), "momentum": _pair(good.momentum), "tolerance": good.tolerance},
            "limit": _number(self.limit),
            "by_momentum": [
                {
                    "momentum": row.momentum,
                    "lr": row.lr,
                    "good": _pair(row.good),
                    "loss": _number(row.loss),
                    "limit": _number(row.limit),
                }
                for row in self.by_momentum
            ],
            "frontier": [
                {
                    "steps": point.steps,
                    "recipe": str(point.recipe),
                    "loss": _number(point.loss),
                    "low": _number(point.low),
                    "high": _number(point.high),
                    "trials": point.trials,
                }
                for point in self.frontier
            ],
            "contestants": [
                {
                    "recipe": str(found.recipe),
                    "role": found.role,
                    "steps": found.steps,
                    "valid_loss": _score(found.valid),
                    "test_loss": None if found.test is None else _score(found.test),
                    "metric": found.metric,
                    "tied": found.tied,
                }
                for found in self.contestants
            ],
            "boundary": list(self.boundary),
            "overfits_after": self.overfits_after,
            "notes": list(self.notes),
            "search_config_steps": self.search_config_steps,
            "config_steps": self.config_steps,
            "seconds": self.seconds,
            "trials": self.trials,
            "budget": self.budget,
            "plan": self.plan,
            "study": self.study,
            "transfer": None if self.transfer is None else self.transfer.to_json(),
        }


def from_json(data: dict[str, Any], measurements: tuple[Measurement, ...]) -> SearchResult:
    """Return the result whose JSON a study has kept.

    Args:
        data: What :meth:`SearchResult.to_json` returned.
        measurements: Those of the study.
    """
    good = data["good_range"]
    full = {(str(row.trial.recipe), row.trial.steps): [] for row in measurements}  # type: dict[tuple[str, int], list[Measurement]]
    for row in measurements:
        if row.stage.startswith(FULL_STAGES) and row.outcome.failure is None:
            full[str(row.trial.recipe), row.trial.steps].append(row)
    trained = [full.get((row["recipe"], row["steps"]), []) for row in data["contestants"]]
    ended = [row["valid_loss"]["mean"] is not None for row in data["contestants"]]
    # Of a seed that was broken off half way only some recipes have a training: those that ended are shown without it.
    seeds = [{run.trial.seed for run in runs} for runs, sound in zip(trained, ended, strict=True) if sound]
    shared = set.intersection(*seeds) if seeds else set()
    return SearchResult(
        command=data["command"],
        task=data["task"],
        full_steps=data["full_steps"],
        steps=data["steps"],
        recipe=None if data["recipe"] is None else Recipe.parse(data["recipe"]),
        reason=data["reason"],
        expected_loss=data["expected_loss"],
        contestants=tuple(
            Contestant(
                recipe=Recipe.parse(row["recipe"]),
                role=row["role"],
                steps=row["steps"],
                valid=_score_of(row["valid_loss"]),
                test=None if row["test_loss"] is None else _score_of(row["test_loss"]),
                metric=row["metric"],
                runs=tuple(run for run in runs if run.trial.seed in shared or not sound),
                tied=row["tied"],
            )
            for row, runs, sound in zip(data["contestants"], trained, ended, strict=True)
        ),
        good_range=None
        if good is None
        else GoodRange(Interval(*good["lr"]), _interval(good["momentum"]), good["tolerance"]),
        limit=data["limit"],
        by_momentum=tuple(
            MomentumRow(row["momentum"], row["lr"], _interval(row["good"]), _loss(row["loss"]), row["limit"])
            for row in data["by_momentum"]
        ),
        frontier=tuple(
            FrontierPoint(
                row["steps"],
                Recipe.parse(row["recipe"]),
                _loss(row["loss"]),
                _loss(row["low"]),
                _loss(row["high"]),
                row["trials"],
            )
            for row in data["frontier"]
        ),
        overfits_after=data["overfits_after"],
        boundary=tuple(data["boundary"]),
        notes=tuple(data["notes"]),
        measurements=measurements,
        search_config_steps=data["search_config_steps"],
        config_steps=data["config_steps"],
        seconds=data["seconds"],
        budget=data["budget"],
        aim=Aim(data["goal"], data["judge"]),
        plan=data["plan"],
        study=data["study"],
        transfer=Transfer.from_json(data["transfer"]) if data["transfer"] else None,
    )


# Stages whose trials are of the recommended length on fresh seeds; ``confirm`` is what databases before schema 2 say.
FULL_STAGES = ("full", "confirm")


def _score(score: Score) -> dict[str, Json]:
    """Return a score; JSON has no infinity: a bound that is not known, or a loss that diverged, is null."""
    return {
        "mean": _number(score.mean),
        "low": _number(score.low),
        "high": _number(score.high),
        "seeds": score.seeds,
    }


def _score_of(data: dict[str, Any]) -> Score:
    mean = _loss(data["mean"])
    unknown = (-math.inf, math.inf) if math.isfinite(mean) else (math.inf, math.inf)
    low, high = data["low"], data["high"]
    return Score(mean, unknown[0] if low is None else low, unknown[1] if high is None else high, data["seeds"])


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _loss(value: float | None) -> float:
    return math.inf if value is None else value


def _pair(interval: Interval | None) -> Json:
    return None if interval is None else [interval.low, interval.high]


def _interval(data: Json) -> Interval | None:
    return Interval(*data) if isinstance(data, list) else None  # type: ignore[arg-type]  # two numbers
