"""The settings that a search tried, and how good each was."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from surefoot.plots.axes import finite
from surefoot.recipe import Recipe
from surefoot.studies import Measurement
from surefoot.tuning.journal import SEARCH

EIGHTHS = 8


@dataclass(frozen=True, slots=True)
class Spot:
    """A setting that the search tried, as far as it trained it.

    Attributes:
        lr, momentum: At the first step.
        badness: Loss over the lowest of those trained as long, at least 1; ``inf`` where it diverged.
        found: The measurement itself.
    """

    lr: float
    momentum: float
    badness: float
    found: Measurement

    @property
    def trained(self) -> str:
        """How much of the full training it had, to an eighth."""
        return "full" if self.share == 1 else str(self.share)

    @property
    def share(self) -> Fraction:
        """The same as a number."""
        return min(Fraction(1), Fraction(max(1, round(EIGHTHS * self.found.taken / self.found.trial.steps)), EIGHTHS))


def spots_of(measurements: Sequence[Measurement]) -> list[Spot]:
    """Return every setting of the search once, as far as it was trained."""
    furthest: dict[Recipe, Measurement] = {}
    for found in measurements:
        known = furthest.get(found.trial.recipe)
        if found.stage.startswith(SEARCH) and (known is None or found.taken > known.taken):
            furthest[found.trial.recipe] = found
    searched = [found for found in measurements if found.stage.startswith(SEARCH)]
    best = {steps: _lowest(searched, steps) for steps in {found.taken for found in searched}}
    positive = all(loss > 0 for loss in finite(found.outcome.loss for found in searched))
    return [
        Spot(
            recipe.lr.highest,
            recipe.momentum.highest,
            badness_of(found.outcome.loss, best[found.taken], positive=positive),
            found,
        )
        for recipe, found in furthest.items()
    ]


def _lowest(searched: Sequence[Measurement], steps: int) -> float:
    return min(found.outcome.loss for found in searched if found.taken == steps)


def badness_of(loss: float, best: float, *, positive: bool) -> float:
    """Return loss / best; where losses may be negative, 1 + their difference, which orders them as well."""
    if not math.isfinite(loss):
        return math.inf
    return loss / best if positive else 1.0 + loss - best
