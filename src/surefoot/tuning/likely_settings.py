"""Which learning rates and momenta are likely to be the best ones: 90 % intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from surefoot.recipe import Recipe
from surefoot.schedules import without_warmup
from surefoot.statistics import CONFIDENCE
from surefoot.tuning.evidence import Surface
from surefoot.tuning.space import Box, Coordinates, Point, Range
from surefoot.values import Interval

DRAWS = 400
LATTICE = 256
# Points along the axis of the rate, a few per cent apart.
RATES = 129
# By so much the best rate of full trainings lay beyond what the surface held possible, on either side: it knows full
# trainings mostly from short ones, and takes what changes from one to the other to be smooth (ADR 0009).
BEYOND = 1.5
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

    Surfaces that the search's judgements allow are drawn at random; each has its own lowest point. The interval of the
    learning rate is that of the best setting's own momentum and other settings: along the valley of equal
    lr / (1 - momentum), every rate is as good as another with a momentum to match, and that would say nothing to one
    who has chosen a momentum. It is wider by a factor on either side, by which such intervals were seen to miss. The
    interval of the momentum leaves everything else free. Both hold the middle 90 % of the lowest points, and the
    recipes that the confirmation could not tell apart from the best. Those of another optimizer or schedule than the
    best one's do not count: a peak of a cosine and a constant are two different things.

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
    along = rates_at(coordinates.point(best), coordinates, box)
    own = _lowest(surface, along, coordinates, noise=False, generator=generator)
    lattice = surface.lattice(box, count=LATTICE, generator=generator)
    free = _lowest(surface, lattice, coordinates, noise=True, generator=generator)
    lr = _interval(rates, [recipe.lr.highest for recipe in own if _kind(recipe) == _kind(best)])
    return (
        lr if len(along) == 1 else _widened(lr, coordinates.space.lr),
        _interval(momenta, [recipe.momentum.highest for recipe in free if _kind(recipe) == _kind(best)]),
    )


def rates_at(point: Point, coordinates: Coordinates, box: Box) -> list[Point]:
    """Return points that differ from one in the learning rate alone; only itself where that is fixed."""
    if coordinates.axes[0].name != "rate":
        return [point]
    low, high = box[0]
    return [(float(unit), *point[1:]) for unit in np.linspace(min(low, point[0]), max(high, point[0]), RATES)]


def _lowest(
    surface: Surface, points: list[Point], coordinates: Coordinates, *, noise: bool, generator: Generator
) -> list[Recipe]:
    """Return the recipes at the lowest points of surfaces drawn at random."""
    lowest = surface.draws(points, DRAWS, noise=noise, generator=generator).argmin(axis=1)
    return [coordinates.recipe(points[place]) for place in lowest]


def _interval(known: list[float], drawn: list[float]) -> Interval:
    tail = 100 * (1 - CONFIDENCE) / 2
    ends = [float(value) for value in np.percentile(drawn, [tail, 100 - tail])] if drawn else []
    return Interval(min([*known, *ends]), max([*known, *ends]))


def _widened(rates: Interval, allowed: Range | None) -> Interval:
    """Return an interval of rates by a factor wider on either side, within what the user allows."""
    low, high = rates.low / BEYOND, rates.high * BEYOND
    return Interval(low, high) if allowed is None else Interval(max(low, allowed.low), min(high, allowed.high))


def _same_momentum(one: Recipe, other: Recipe) -> bool:
    memories = [1.0 - recipe.momentum.highest for recipe in (one, other)]
    return max(memories) < SAME_MEMORY * min(memories)


def _kind(recipe: Recipe) -> tuple[str, type]:
    return recipe.optimizer, type(without_warmup(recipe.lr))
