"""Which learning rates and momenta are likely to be the best ones: 90 % intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from surefoot.recipe import Recipe
from surefoot.tuning.evidence import Surface
from surefoot.tuning.space import Box, Coordinates, Point
from surefoot.tuning.space.coordinates import without_warmup
from surefoot.tuning.statistics import CONFIDENCE
from surefoot.values import Interval

DRAWS = 400
LATTICE = 256
# Points along the axis of the rate, a few per cent apart.
RATES = 129
# Momenta whose memories differ by less than this factor are one momentum.
SAME_MEMORY = 1.1


def likely_settings(
    best: Recipe,
    tied: Sequence[Recipe],
    surface: Surface | None,
    coordinates: Coordinates,
    box: Box,
    *,
    generator: Generator,
) -> tuple[Interval, Interval]:
    """Return the intervals of learning rate and momentum that hold the best setting with 90 % probability.

    Losses that trainings may show are drawn at random, from the surface through the search's judgements; each draw has
    its own lowest point. The interval of the learning rate is that of the best setting's own momentum and other
    settings: along the valley of equal lr / (1 - momentum), every rate is as good as another with a momentum to match,
    and that would say nothing to one who has chosen a momentum. The interval of the momentum leaves everything else
    free. Both hold the middle 90 % of the lowest points, and the recipes that the confirmation could not tell apart
    from the best. Those of another optimizer or schedule than the best one's do not count: a peak of a cosine and a
    constant are two different things.

    Args:
        best: The recommended recipe.
        tied: Recipes that cannot be told apart from it, itself among them.
        surface: Through the search's judgements; ``None`` where there are too few, and the tied alone count.
        coordinates: Of the search.
        box: Where points were drawn.
        generator: Draws the losses.
    """
    alike = [recipe for recipe in tied if _kind(recipe) == _kind(best)]
    rates = [recipe.lr.highest for recipe in alike if _same_momentum(recipe, best)]
    momenta = [recipe.momentum.highest for recipe in alike]
    if surface is None:
        return _interval(rates, []), _interval(momenta, [])
    own = _lowest(surface, rates_at(coordinates.point(best), coordinates, box), coordinates, generator)
    free = _lowest(surface, surface.lattice(box, count=LATTICE, generator=generator), coordinates, generator)
    return (
        _interval(rates, [recipe.lr.highest for recipe in own if _kind(recipe) == _kind(best)]),
        _interval(momenta, [recipe.momentum.highest for recipe in free if _kind(recipe) == _kind(best)]),
    )


def rates_at(point: Point, coordinates: Coordinates, box: Box) -> list[Point]:
    """Return points that differ from one in the learning rate alone; only itself where that is fixed."""
    if coordinates.axes[0].name != "rate":
        return [point]
    low, high = box[0]
    return [(float(unit), *point[1:]) for unit in np.linspace(min(low, point[0]), max(high, point[0]), RATES)]


def _lowest(surface: Surface, points: list[Point], coordinates: Coordinates, generator: Generator) -> list[Recipe]:
    """Return the recipes at the lowest points of losses drawn at random."""
    lowest = surface.draws(points, DRAWS, generator=generator).argmin(axis=1)
    return [coordinates.recipe(points[place]) for place in lowest]


def _interval(known: list[float], drawn: list[float]) -> Interval:
    tail = 100 * (1 - CONFIDENCE) / 2
    ends = [float(value) for value in np.percentile(drawn, [tail, 100 - tail])] if drawn else []
    return Interval(min([*known, *ends]), max([*known, *ends]))


def _same_momentum(one: Recipe, other: Recipe) -> bool:
    memories = [1.0 - recipe.momentum.highest for recipe in (one, other)]
    return max(memories) < SAME_MEMORY * min(memories)


def _kind(recipe: Recipe) -> tuple[str, type]:
    return recipe.optimizer, type(without_warmup(recipe.lr))
