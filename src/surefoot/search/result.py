"""The result of a search: plain data, the same for find and tune."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from surefoot.core.errors import StudyError
from surefoot.core.formatting import format_duration, format_interval, format_number, format_score
from surefoot.core.result_summary import Summarised, Summary
from surefoot.core.value_types import Interval, Json, finite_or_none
from surefoot.recipe.recipe import Recipe
from surefoot.search.criterion import Criterion
from surefoot.search.full_training_scores import TrainedRecipe, score_json
from surefoot.search.rate_transfer_result import Transfer
from surefoot.search.request import Command
from surefoot.studies.recorded_trials import Measurement

if TYPE_CHECKING:
    from torch import nn

# Version of the JSON object; 1 is that of surefoot 0.1.
SCHEMA = 2
# How names of stages begin in a study: short trials at the lowest rung, trials at longer rungs, and trainings of the
# recommended length on fresh seeds.
LOWEST_RUNG, LONGER_RUNGS, FULL_TRAINING = "map", "climb", "full"
# The same with the names of databases before schema 2, "search" and "confirm".
SEARCH_STAGES, FULL_STAGES = (LOWEST_RUNG, LONGER_RUNGS, "search"), (FULL_TRAINING, "confirm")


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """The best recipe for a length of training, and the loss to expect of it.

    Attributes:
        steps: Length of the training, in steps.
        recipe: The recipe that is expected to be best.
        loss: Expected validation loss, the mean over seeds.
        low, high: 90 % interval of the loss of a single training.
        trials: Number of trials of that length; with 0, the loss is extrapolated.
    """

    steps: int
    recipe: Recipe
    loss: float
    low: float
    high: float
    trials: int

    def to_json(self) -> dict[str, Json]:
        """Return the point as JSON data; numbers that are not finite are null."""
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
    """Learning rates and momenta that lose little over the best.

    Attributes:
        lr: Learning rates, at the recommended momentum, whose loss is expected within the tolerance of the best.
        momentum: Momenta that lose as little, each at its own best learning rate; ``None`` if momentum was fixed.
        tolerance: Largest loss over the best, as a share of the best.
    """

    lr: Interval
    momentum: Interval | None
    tolerance: float

    def to_json(self) -> dict[str, Json]:
        """Return the range as JSON data: each interval as ``[low, high]``."""
        return {"lr": _pair(self.lr), "momentum": _pair(self.momentum), "tolerance": self.tolerance}


@dataclass(frozen=True, slots=True)
class MomentumRow:
    """The best and the good learning rates at one momentum.

    Attributes:
        momentum: The momentum.
        lr: Learning rate that is expected to be best at this momentum.
        good: Learning rates within the tolerance of the best at this momentum; ``None`` if the trials show none.
        loss: Expected validation loss at ``lr``.
        limit: Largest usable learning rate; ``None`` if no rate that was tried was too high.
    """

    momentum: float
    lr: float
    good: Interval | None
    loss: float
    limit: float | None

    def to_json(self) -> dict[str, Json]:
        """Return the row as JSON data; numbers that are not finite are null."""
        return {
            "momentum": self.momentum,
            "lr": self.lr,
            "good": _pair(self.good),
            "loss": finite_or_none(self.loss),
            "limit": finite_or_none(self.limit),
        }


@dataclass(frozen=True, slots=True, repr=False)
class SearchResult(Summarised):
    """The result of :func:`surefoot.find` or :func:`surefoot.tune`.

    Attributes:
        command: ``find`` or ``tune``.
        task: Name of the task, function or script that was trained.
        full_steps: Length of a full training, in steps.
        steps: Recommended length of training, in steps; less than the full length where longer trainings overfit.
        recipe: The recommended recipe; ``None`` where none can be recommended.
        reason: Why no recipe can be recommended, in one line; ``None`` where one is.
        expected_loss: Expected validation loss of the recommended recipe; ``None`` if it is not known.
        trained_recipes: Recipes trained at the recommended length, the recommended one first; empty after ``find``, and
            if the budget did not suffice for it.
        good_range: Learning rates and momenta within the tolerance of the best; ``None`` if they are not known.
        limit: Largest usable learning rate at the recommended momentum; ``None`` if no rate tried was too high.
        by_momentum: The best and the good learning rates at several momenta, ascending.
        frontier: The best recipe and its expected loss at each length, the shortest first.
        overfits_after: Steps after which longer trainings end worse; ``None`` if they do not.
        boundary: Hyperparameters whose recommended value lies on a bound of the search space: ``lr``, ``momentum``.
        notes: Restrictions and warnings, one line each.
        measurements: All trials with their outcomes.
        search_config_steps, config_steps: Config-steps of the short trials, and of everything.
        seconds: Wall-clock seconds.
        budget: The budget, with ``auto`` replaced by what it came to.
        criterion: What made one training better than another.
        plan: How the fleet ran its trials, as JSON data; ``None`` for functions and scripts.
        study: Text that opens the study again, ``PATH#id``; ``None`` if none was kept.
        transfer: How the best learning rate changes with the batch size; ``None`` if that was not measured.
        trained_model: Function that returns the model with the weights of the recommended training; ``None`` if they
            were not kept.
    """

    command: Command
    task: str
    full_steps: int
    steps: int
    recipe: Recipe | None
    reason: str | None
    expected_loss: float | None
    trained_recipes: tuple[TrainedRecipe, ...]
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
    criterion: Criterion
    plan: dict[str, Json] | None
    study: str | None
    transfer: Transfer | None = None
    trained_model: Callable[[], nn.Module] | None = field(default=None, compare=False, repr=False)

    @property
    def best(self) -> TrainedRecipe | None:
        """The recommended recipe with the scores of its full trainings; ``None`` if there were none."""
        return next((each for each in self.trained_recipes if each.role == "recommended"), None)

    @property
    def default(self) -> TrainedRecipe | None:
        """The default recipe with the scores of its full trainings; ``None`` if there were none."""
        return next((each for each in self.trained_recipes if each.role == "default"), None)

    @property
    def trials(self) -> int:
        """Number of trials."""
        return len({row.trial for row in self.measurements})

    @property
    def trainings(self) -> float:
        """Cost of everything, in full trainings."""
        return self.config_steps / self.full_steps

    @property
    def lr_range(self) -> Interval | None:
        """The good learning rates at the recommended momentum; ``None`` if they are not known."""
        return None if self.good_range is None else self.good_range.lr

    @property
    def momentum_range(self) -> Interval | None:
        """The good momenta, each at its own best learning rate; ``None`` if they are not known."""
        return None if self.good_range is None else self.good_range.momentum

    def summary(self) -> Summary:
        """Return the recommendation, the loss to expect, the good range and the cost."""
        lr, momentum, best = self.lr_range, self.momentum_range, self.best
        shorter = f" of {self.full_steps:,}" if self.steps < self.full_steps else ""
        return Summary.of(
            f"{self.command} of {self.task}",
            [
                ("recipe", "none" if self.recipe is None else str(self.recipe)),
                ("why none", self.reason),
                ("steps", f"{self.steps:,}{shorter}"),
                ("validation loss", None if best is None else format_score(best.valid)),
                ("expected loss", None if self.expected_loss is None else format_number(self.expected_loss)),
                ("good learning rates", None if lr is None else format_interval(lr)),
                ("good momenta", None if momentum is None else format_interval(momentum)),
                ("largest usable learning rate", None if self.limit is None else format_number(self.limit)),
                ("cost", f"{format_number(self.trainings)} full trainings, {format_duration(self.seconds)}"),
                ("study", self.study),
            ],
        )

    def model(self) -> nn.Module:
        """Return the model with the weights of the recommended training.

        Raises:
            StudyError: If it was not trained, or its weights were not kept.
        """
        if self.trained_model is None:
            raise StudyError(
                "there are no trained weights: only tune on a Task keeps them, once it has trained the recipe in full.",
                hint="give a larger budget, such as 3x.",
            )
        return self.trained_model()

    def improvement(self, over: TrainedRecipe) -> float | None:
        """Return a recipe's loss over that of the recommended one; ``None`` where a loss is not finite and positive."""
        if self.best is None or not 0 < self.best.valid.mean < math.inf or not over.valid.mean > 0:
            return None
        return over.valid.mean / self.best.valid.mean

    def momentum_rows(self) -> list[MomentumRow]:
        """Return the rows of all momenta, ascending, with one for the recommended recipe."""
        recipe, good = self.recipe, self.good_range
        if recipe is None or good is None:
            return [*self.by_momentum]
        expected = self.expected_loss
        if expected is None:  # the goal is a metric
            expected = next((point.loss for point in self.frontier if point.steps == self.steps), math.inf)
        good_rates = None if good.lr.low == good.lr.high else good.lr
        rows = [row for row in self.by_momentum if not self.is_recommended(row)]
        rows.append(MomentumRow(recipe.momentum.highest, recipe.lr.highest, good_rates, expected, self.limit))
        return sorted(rows, key=lambda row: row.momentum)

    def is_recommended(self, row: MomentumRow) -> bool:
        """Return whether a row has the momentum of the recommended recipe."""
        return self.recipe is not None and math.isclose(row.momentum, self.recipe.momentum.highest)

    def to_json(self) -> dict[str, Json]:
        """Return the result as the JSON object that the commands print with ``--json``."""
        best, default = self.best, self.default
        return {
            "schema": SCHEMA,
            "command": self.command,
            "task": self.task,
            **self.criterion.to_json(),
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
            "trained_recipes": [each.to_json() for each in self.trained_recipes],
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


def _pair(interval: Interval | None) -> Json:
    return None if interval is None else [interval.low, interval.high]
