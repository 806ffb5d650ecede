"""The trials of a search as points: learning rate, momentum, length, and how good each is for its length."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from surefoot.plots.axes_and_point_labels import finite_values
from surefoot.recipe.recipe import Recipe
from surefoot.search.result import FULL_STAGES, SEARCH_STAGES
from surefoot.studies.recorded_trials import Measurement
from surefoot.trainers.trial import Outcome, ScoreAt


@dataclass(frozen=True, slots=True)
class TrialPoint:
    """A recipe at one training length, averaged over the seeds that it was trained on.

    Attributes:
        recipe: The recipe that was trained.
        steps: Length of its trainings in steps.
        loss: Mean validation loss over the seeds; ``inf`` where one of them diverged.
        metric: Mean of the metric over the seeds; ``None`` where there is no metric or a seed diverged.
        relative: The loss divided by the lowest of that length, at least 1; where losses may be negative, 1 + their
            difference.
        seeds: Number of seeds.
    """

    recipe: Recipe
    steps: int
    loss: float
    metric: float | None
    relative: float
    seeds: int

    @property
    def lr(self) -> float:
        """The highest learning rate of the recipe's schedule."""
        return self.recipe.lr.highest

    @property
    def momentum(self) -> float:
        """The highest momentum of the recipe's schedule."""
        return self.recipe.momentum.highest


def trial_points(measurements: Iterable[Measurement], *, score_at: ScoreAt = "end") -> list[TrialPoint]:
    """Return one point for every recipe and training length, the trainings in full included.

    Databases of version 0.1 hold trainings that were measured several times on their way: the last measurement counts.

    Args:
        measurements: All measurements of a search.
        score_at: Whether the loss at the end of a training counts, or the best on its way.
    """
    last: dict[tuple[Recipe, int, int], Measurement] = {}
    for row in measurements:
        key = (row.trial.recipe, row.trial.seed, row.trial.steps)
        of_search = row.stage.startswith((*SEARCH_STAGES, *FULL_STAGES))
        if of_search and (key not in last or row.taken >= last[key].taken):
            last[key] = row
    outcomes: dict[tuple[Recipe, int], list[Outcome]] = {}
    for row in last.values():
        outcomes.setdefault((row.trial.recipe, row.taken), []).append(row.outcome)
    means = {key: float(np.mean([each.loss_at(score_at) for each in group])) for key, group in outcomes.items()}
    lowest: dict[int, float] = {}
    for (_, steps), loss in means.items():
        lowest[steps] = min(loss, lowest.get(steps, math.inf))
    positive = all(loss > 0 for loss in finite_values(means.values()))
    return [
        TrialPoint(
            recipe=recipe,
            steps=steps,
            loss=loss,
            metric=_mean_metric(outcomes[recipe, steps]),
            relative=relative_loss(loss, lowest[steps], positive=positive),
            seeds=len(outcomes[recipe, steps]),
        )
        for (recipe, steps), loss in means.items()
    ]


def relative_loss(loss: float, lowest: float, *, positive: bool) -> float:
    """Return how many times the lowest loss a loss is; ``inf`` where it is not finite.

    Args:
        loss: The loss of one point.
        lowest: The lowest loss of the same training length.
        positive: Whether all losses are positive. Otherwise 1 + the difference is returned, which has the same order.
    """
    if not math.isfinite(loss):
        return math.inf
    return loss / lowest if positive else 1.0 + loss - lowest


def training_lengths(points: Sequence[TrialPoint]) -> list[int]:
    """Return the different training lengths of some points in steps, ascending."""
    return sorted({point.steps for point in points})


def _mean_metric(outcomes: Sequence[Outcome]) -> float | None:
    metrics = [each.metric for each in outcomes if each.metric is not None and each.ok]
    return float(np.mean(metrics)) if len(metrics) == len(outcomes) else None
