"""What a search found: plain data, the same for find and tune."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from surefoot.core.errors import StudyError
from surefoot.core.values import Interval, Json, Score, finite_or_none
from surefoot.recipe.recipe import Recipe
from surefoot.search.request import Aim, Command
from surefoot.search.scaling import Transfer
from surefoot.studies.measurements import Measurement

if TYPE_CHECKING:
    from torch import nn

Role: TypeAlias = Literal["recommended", "runner-up", "default", "compared"]
SCHEMA = 2
# How the stages of a study begin: short trials of the search, and trainings of the recommended length on fresh seeds.
# "search" and "confirm" are what databases before schema 2 say.
SEARCH_STAGES, FULL_STAGES = ("map", "climb", "search"), ("full", "confirm")


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

    def to_json(self) -> dict[str, Json]:
        """Return the scores as JSON; the measurements are in the study."""
        return {
            "recipe": str(self.recipe),
            "role": self.role,
            "steps": self.steps,
            "valid_loss": score_json(self.valid),
            "test_loss": None if self.test is None else score_json(self.test),
            "metric": self.metric,
            "tied": self.tied,
        }


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

    def to_json(self) -> dict[str, Json]:
        """Return the point as JSON; what is not finite is null."""
        return {
            "steps": self.steps,
            "recipe": str(self.recipe),
            "loss": finite_or_none(self.loss),
            "low": finite_or_none(self.low),
            "high": finite_or_none(self.high),
            "trials": self.trials,
        }


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

    def to_json(self) -> dict[str, Json]:
        """Return the range as JSON: each interval as a pair."""
        return {"lr": _pair(self.lr), "momentum": _pair(self.momentum), "tolerance": self.tolerance}


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

    def to_json(self) -> dict[str, Json]:
        """Return the row as JSON; what is not finite is null."""
        return {
            "momentum": self.momentum,
            "lr": self.lr,
            "good": _pair(self.good),
            "loss": finite_or_none(self.loss),
            "limit": finite_or_none(self.limit),
        }


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

    def momentum_rows(self) -> list[MomentumRow]:
        """Return what is known of each momentum, ascending, the recommended recipe's own among them."""
        recipe, good = self.recipe, self.good_range
        if recipe is None or good is None:
            return [*self.by_momentum]
        expected = self.expected_loss
        if expected is None:  # the goal is a metric
            expected = next((point.loss for point in self.frontier if point.steps == self.steps), math.inf)
        own = None if good.lr.low == good.lr.high else good.lr
        rows = [row for row in self.by_momentum if not self.is_recommended(row)]
        rows.append(MomentumRow(recipe.momentum.highest, recipe.lr.highest, own, expected, self.limit))
        return sorted(rows, key=lambda row: row.momentum)

    def is_recommended(self, row: MomentumRow) -> bool:
        """Return whether a row is about the momentum of the recommended recipe."""
        return self.recipe is not None and math.isclose(row.momentum, self.recipe.momentum.highest)

    def to_json(self) -> dict[str, Json]:
        """Return the result as the JSON object that the commands print."""
        best, default = self.best, self.default
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
            "valid_loss": None if best is None else score_json(best.valid),
            "expected_loss": finite_or_none(self.expected_loss),
            "default_valid_loss": None if default is None else score_json(default.valid),
            "test_loss": None if best is None or best.test is None else score_json(best.test),
            "metric": None if best is None else best.metric,
            "good_range": None if self.good_range is None else self.good_range.to_json(),
            "limit": finite_or_none(self.limit),
            "by_momentum": [row.to_json() for row in self.by_momentum],
            "frontier": [point.to_json() for point in self.frontier],
            "contestants": [found.to_json() for found in self.contestants],
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


def score_json(score: Score) -> dict[str, Json]:
    """Return a score as JSON, where a bound that is not known, or a loss that diverged, is null."""
    return {
        "mean": finite_or_none(score.mean),
        "low": finite_or_none(score.low),
        "high": finite_or_none(score.high),
        "seeds": score.seeds,
    }


def _pair(interval: Interval | None) -> Json:
    return None if interval is None else [interval.low, interval.high]
