"""Where the search looks: learning rate and momentum in the coordinates in which good settings lie in a row."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy.stats import qmc

from surefoot.recipe import Recipe
from surefoot.schedules import Cosine, Schedule

# A best value this near to a bound, as a share of the range, sits on the boundary.
EDGE = 0.04
LARGEST_MOMENTUM = 0.99
# Momentum remembers 1 / (1 - momentum) steps; a training shorter than a few such memories cannot use it.
MEMORIES_PER_TRAINING = 4.0


@dataclass(frozen=True, slots=True)
class Point:
    """A place in the unit square: effective rate, then momentum, both on logarithmic axes."""

    rate: float
    memory: float


@dataclass(frozen=True, slots=True)
class Space:
    """Bounds of the search, and the map from the unit square to recipes.

    The axes are log(lr / (1 - momentum)) and log(1 / (1 - momentum)): the valley of good settings runs along the
    effective rate lr / (1 - momentum).

    Attributes:
        lowest, highest: Bounds of the effective rate lr / (1 - momentum).
        longest_memory: Bound of 1 / (1 - momentum).
    """

    lowest: float
    highest: float
    longest_memory: float

    @classmethod
    def below(cls, limit: float, *, decades: float, steps: int) -> Space:
        """Return the space of effective rates below a limit, for trainings of so many steps."""
        longest = min(1.0 / (1.0 - LARGEST_MOMENTUM), max(2.0, steps / MEMORIES_PER_TRAINING))
        return cls(lowest=limit / 10**decades, highest=limit, longest_memory=longest)

    def setting(self, point: Point) -> tuple[float, float]:
        """Return (learning rate, momentum) of a point, to four digits.

        Example:
            >>> Space(lowest=0.01, highest=1.0, longest_memory=100.0).setting(Point(rate=1.0, memory=0.5))
            (0.1, 0.9)
        """
        memory = self.longest_memory**point.memory
        effective = self.lowest * (self.highest / self.lowest) ** point.rate
        return _digits(effective / memory), _digits(1.0 - 1.0 / memory)

    def recipe(self, point: Point) -> Recipe:
        """Return the point's recipe under the schedule that the search uses: cosine annealing to zero."""
        lr, momentum = self.setting(point)
        return Recipe.of("sgd", lr=scheduled(lr), momentum=momentum)

    def point(self, lr: float, momentum: float) -> Point:
        """Return the point of a setting; the inverse of :meth:`setting` but for its digits."""
        memory = 1.0 / (1.0 - momentum)
        return Point(
            rate=math.log(lr * memory / self.lowest) / math.log(self.highest / self.lowest),
            memory=math.log(memory) / math.log(self.longest_memory),
        )

    def edges(self, lr: float, momentum: float) -> tuple[str, ...]:
        """Return the hyperparameters whose value sits on the edge of the space; momentum 0 is none: it ends there."""
        point = self.point(lr, momentum)
        edges = {"lr": not EDGE < point.rate < 1 - EDGE, "momentum": point.memory > 1 - EDGE}
        return tuple(name for name, on_edge in edges.items() if on_edge)


def scheduled(lr: float) -> Schedule:
    """Return the learning rate schedule that the search uses."""
    return Cosine(lr)


def spread(count: int, *, generator: Generator) -> list[Point]:
    """Return points that cover the unit square evenly: a scrambled Sobol sequence."""
    power = max(0, math.ceil(math.log2(count)))
    drawn = qmc.Sobol(2, rng=generator).random_base2(power)[:count]
    return [Point(float(rate), float(memory)) for rate, memory in drawn]


def near(point: Point, *, width: float, generator: Generator) -> Point:
    """Return a point drawn around another, normally distributed, reflected at the bounds."""
    drawn = np.array([point.rate, point.memory]) + width * generator.standard_normal(2)
    folded = np.abs(drawn) % 2.0
    rate, memory = np.where(folded > 1.0, 2.0 - folded, folded)
    return Point(float(rate), float(memory))


def _digits(value: float) -> float:
    return float(f"{value:.4g}")
