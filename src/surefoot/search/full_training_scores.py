"""Recipes trained in full: their scores over seeds, and which of them the seeds cannot rank."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from surefoot.core.statistics import log_if_positive, mean_score, paired_noise, student_t_quantile
from surefoot.core.value_types import Json, Score, finite_or_none
from surefoot.recipe.recipe import Recipe
from surefoot.search.criterion import Criterion
from surefoot.studies.recorded_trials import Measurement

RecipeRole: TypeAlias = Literal["recommended", "runner-up", "default", "compared"]


@dataclass(frozen=True, slots=True)
class TrainedRecipe:
    """A recipe that was trained at the recommended length, on seeds that the short trials did not use.

    Attributes:
        recipe: The recipe.
        role: ``recommended``; ``runner-up``, the next best of the search; ``default``, the optimizer's default; or
            ``compared``, one of the user's own.
        steps: Length of its trainings.
        valid: Validation loss over the seeds.
        test: Test loss over the seeds; ``None`` without test data.
        metric: Mean of the metric over the seeds; ``None`` without a metric.
        runs: Its trainings, one for each seed.
        tied: Whether the seeds show no difference to the recommended recipe at 90 % confidence.
    """

    recipe: Recipe
    role: RecipeRole
    steps: int
    valid: Score
    test: Score | None
    metric: float | None
    runs: tuple[Measurement, ...]
    tied: bool = False

    @classmethod
    def of(
        cls, recipe: Recipe, role: RecipeRole, *, runs: Sequence[Measurement], criterion: Criterion, tied: bool
    ) -> TrainedRecipe:
        """Return a recipe with the scores of its trainings, all of one length."""
        losses = [row.outcome.loss_at(criterion.score_at) for row in runs]
        return cls(
            recipe=recipe,
            role=role,
            steps=runs[0].trial.steps,
            valid=mean_score(losses),
            test=_test_score(runs),
            metric=_mean_metric(runs),
            runs=tuple(runs),
            tied=tied,
        )

    def to_json(self) -> dict[str, Json]:
        """Return the scores as JSON data; the trainings are in the study."""
        return {
            "recipe": str(self.recipe),
            "role": self.role,
            "steps": self.steps,
            "valid_loss": score_json(self.valid),
            "test_loss": None if self.test is None else score_json(self.test),
            "metric": self.metric,
            "tied": self.tied,
        }


def tied_with(best: Recipe, costs: Mapping[Recipe, Sequence[float]]) -> set[Recipe]:
    """Return the recipes that the seeds cannot distinguish from the best one at 90 % confidence.

    Their mean excess over the best, on the scale on which noise is even, is at most

        t(0.95, (recipes - 1)(seeds - 1)) * noise / sqrt(seeds)

    where the noise of a difference on one seed is pooled over all recipes.

    Args:
        best: The best recipe, one of the keys.
        costs: Costs of every recipe on the same seeds; ``inf`` where a training diverged.

    Example:
        >>> one, other, worse = (Recipe.of("sgd", lr=lr) for lr in (0.1, 0.2, 0.3))
        >>> tied = tied_with(one, {one: [1.0, 1.1, 1.2], other: [1.1, 1.0, 1.2], worse: [9.0, 9.9, 9.5]})
        >>> tied == {other}
        True
    """
    finite = [recipe for recipe, each in costs.items() if np.isfinite(each).all()]
    if best not in finite or len({len(costs[recipe]) for recipe in finite}) != 1:
        return set()
    values = log_if_positive([list(costs[recipe]) for recipe in finite])
    freedom = (values.shape[0] - 1) * (values.shape[1] - 1)
    if freedom < 1:
        return set()
    excesses = (values - values[finite.index(best)]).mean(axis=1)
    allowed = student_t_quantile(freedom) * paired_noise(values) / math.sqrt(values.shape[1])
    return {recipe for recipe, excess in zip(finite, excesses, strict=True) if excess <= allowed and recipe != best}


def score_json(value: Score) -> dict[str, Json]:
    """Return a score as JSON data; a bound that is not known and a loss that diverged are null."""
    return {
        "mean": finite_or_none(value.mean),
        "low": finite_or_none(value.low),
        "high": finite_or_none(value.high),
        "seeds": value.seeds,
    }


def _test_score(runs: Sequence[Measurement]) -> Score | None:
    """Return the test loss over the seeds, ``None`` without test data."""
    losses = [row.outcome.test_loss for row in runs]
    if all(loss is None for loss in losses):
        return None
    return mean_score([math.inf if loss is None else loss for loss in losses])


def _mean_metric(runs: Sequence[Measurement]) -> float | None:
    """Return the mean metric over the seeds, ``None`` where a training has none."""
    metrics = [row.outcome.metric for row in runs if row.outcome.metric is not None]
    return float(np.mean(metrics)) if len(metrics) == len(runs) else None
