"""The plane of learning rate and momentum, and what lies where on it.

The trials of a search as points: learning rate, momentum, length, and how good each was for its length.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np

from surefoot.plots.axes import finite, log_axis, momentum_ticks
from surefoot.recipe.recipe import Recipe
from surefoot.search.result import FULL_STAGES, SEARCH_STAGES
from surefoot.studies.measurements import Measurement
from surefoot.trainers.trial import Judge, Outcome

ROOM = 1.5


@dataclass(frozen=True, slots=True)
class Frame:
    """The part of the plane that is drawn: learning rate, and 1 - momentum, both logarithmic."""

    lr: tuple[float, float]
    gap: tuple[float, float]

    @classmethod
    def around(cls, settings: Sequence[tuple[float, float]]) -> Frame:
        """Return the part that holds some learning rates with their momenta."""
        rates = [lr for lr, _ in settings]
        gaps = [1.0 - momentum for _, momentum in settings]
        return cls((min(rates) / ROOM, max(rates) * ROOM), (min(gaps) / 1.15, 1.15))

    def x(self) -> alt.X:
        """Return the axis of the learning rate."""
        low, high = self.lr
        scale = alt.Scale(type="log", domain=[low, high], nice=False)
        return alt.X("lr:Q", scale=scale, axis=log_axis(low, high, grid=False), title="learning rate (peak)")

    def y(self) -> alt.Y:
        """Return the axis of the momentum, by the field ``gap``, 1 - momentum."""
        low, high = self.gap
        scale = alt.Scale(type="log", domain=[low, high], nice=False, reverse=True)
        axis = alt.Axis(
            grid=False, zindex=1, values=momentum_ticks(1.0 - low), labelExpr="format(1 - datum.value, '.3~f')"
        )
        return alt.Y("gap:Q", scale=scale, axis=axis, title="momentum")

    def place(self, lr: float, gap: float) -> tuple[float, float]:
        """Return where a setting lies, as shares of the axes."""
        return (
            math.log(lr / self.lr[0]) / math.log(self.lr[1] / self.lr[0]),
            math.log(gap / self.gap[0]) / math.log(self.gap[1] / self.gap[0]),
        )


# Stages of the search and of the trainings in full; ``search`` and ``confirm`` are those of databases of version 0.1.


@dataclass(frozen=True, slots=True)
class TrialPoint:
    """A recipe at one length, over all seeds that it was trained on.

    Attributes:
        recipe: The recipe; ``lr`` and ``momentum`` are its peaks.
        steps: Length of its trainings.
        loss: Mean validation loss over the seeds; ``inf`` where one of them diverged.
        metric: Mean of the metric, ``None`` where there is none or a seed diverged.
        relative: The loss over the lowest of that length, at least 1; where losses may be negative, 1 + the difference.
        seeds: How many seeds.
    """

    recipe: Recipe
    steps: int
    loss: float
    metric: float | None
    relative: float
    seeds: int

    @property
    def lr(self) -> float:
        """The highest learning rate."""
        return self.recipe.lr.highest

    @property
    def momentum(self) -> float:
        """The highest momentum."""
        return self.recipe.momentum.highest


def trial_points(measurements: Iterable[Measurement], *, judge: Judge = "final") -> list[TrialPoint]:
    """Return every recipe at every length once, the trainings in full included.

    Trainings that a search measured on their way, as version 0.1 did, are there as far as they were trained.
    """
    rows = [row for row in measurements if row.stage.startswith((*SEARCH_STAGES, *FULL_STAGES))]
    furthest: dict[tuple[Recipe, int, int], Measurement] = {}
    for row in rows:
        key = (row.trial.recipe, row.trial.seed, row.trial.steps)
        if key not in furthest or row.taken >= furthest[key].taken:
            furthest[key] = row
    outcomes: dict[tuple[Recipe, int], list[Outcome]] = {}
    for row in furthest.values():
        outcomes.setdefault((row.trial.recipe, row.taken), []).append(row.outcome)
    means = {key: float(np.mean([each.judged(judge) for each in found])) for key, found in outcomes.items()}
    lowest: dict[int, float] = {}
    for (_, steps), loss in means.items():
        lowest[steps] = min(loss, lowest.get(steps, math.inf))
    positive = all(loss > 0 for loss in finite(means.values()))
    return [
        TrialPoint(
            recipe,
            steps,
            loss,
            _mean_metric(outcomes[recipe, steps]),
            relative_loss(loss, lowest[steps], positive=positive),
            len(outcomes[recipe, steps]),
        )
        for (recipe, steps), loss in means.items()
    ]


def _mean_metric(outcomes: Sequence[Outcome]) -> float | None:
    found = [each.metric for each in outcomes if each.metric is not None and each.ok]
    return float(np.mean(found)) if len(found) == len(outcomes) else None


def relative_loss(loss: float, best: float, *, positive: bool) -> float:
    """Return loss / best; where losses may not be positive, 1 + their difference, which orders them as well."""
    if not math.isfinite(loss):
        return math.inf
    return loss / best if positive else 1.0 + loss - best


def lengths(points: Sequence[TrialPoint]) -> list[int]:
    """Return the lengths of training that there are, ascending."""
    return sorted({point.steps for point in points})
