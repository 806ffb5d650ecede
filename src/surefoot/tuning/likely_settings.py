"""Which learning rates and momenta are likely to be the best ones: 90 % intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from surefoot.recipe import Recipe
from surefoot.tuning.conveyor import Conveyor
from surefoot.tuning.evidence import Surface
from surefoot.tuning.space import Coordinates
from surefoot.tuning.space.coordinates import without_warmup
from surefoot.tuning.statistics import CONFIDENCE
from surefoot.values import Interval

DRAWS = 400
LATTICE = 256
# A surface through fewer judgements says nothing.
FEWEST_JUDGED = 6


def likely_settings(
    best: Recipe, tied: Sequence[Recipe], conveyor: Conveyor, coordinates: Coordinates, *, generator: Generator
) -> tuple[Interval, Interval]:
    """Return the intervals of learning rate and momentum that hold the best setting with 90 % probability.

    Surfaces that the search's judgements allow are drawn at random; each has its own lowest point. The intervals hold
    the middle 90 % of these points' peak learning rates and momenta, and the recipes that the confirmation could not
    tell apart from the best. Points of another optimizer or schedule than the best one's do not count: a peak of a
    cosine and a constant are two different things.

    Args:
        best: The recommended recipe.
        tied: Recipes that cannot be told apart from it, itself among them.
        conveyor: The search as it stood at its end.
        coordinates: Of the search.
        generator: Draws the surfaces.
    """
    alike = [recipe for recipe in tied if _kind(recipe) == _kind(best)]
    lowest = [recipe for recipe in _lowest_points(conveyor, coordinates, generator) if _kind(recipe) == _kind(best)]
    known = [recipe.lr.highest for recipe in alike], [recipe.momentum.highest for recipe in alike]
    drawn = [recipe.lr.highest for recipe in lowest], [recipe.momentum.highest for recipe in lowest]
    lr, momentum = (_interval(own, others) for own, others in zip(known, drawn, strict=True))
    return lr, momentum


def _interval(known: list[float], drawn: list[float]) -> Interval:
    tail = 100 * (1 - CONFIDENCE) / 2
    ends = [float(value) for value in np.percentile(drawn, [tail, 100 - tail])] if drawn else []
    return Interval(min([*known, *ends]), max([*known, *ends]))


def _lowest_points(conveyor: Conveyor, coordinates: Coordinates, generator: Generator) -> list[Recipe]:
    """Return the recipes at the lowest points of surfaces drawn at random."""
    finite = sum(bool(np.isfinite(verdict.loss)) for rung in conveyor.verdicts for verdict in rung)
    if finite < FEWEST_JUDGED:
        return []
    surface = Surface(conveyor.verdicts)
    points = surface.lattice(conveyor.box, count=LATTICE, generator=generator)
    lowest = surface.draws(points, DRAWS, generator=generator).argmin(axis=1)
    return [coordinates.recipe(points[place]) for place in lowest]


def _kind(recipe: Recipe) -> tuple[str, type]:
    return recipe.optimizer, type(without_warmup(recipe.lr))
