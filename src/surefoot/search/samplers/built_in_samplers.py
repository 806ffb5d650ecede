"""Samplers: the protocol, random search, grid search, surefoot's own sampler, and Optuna's."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
from numpy.random import Generator

from surefoot.search.space.coordinates import Box, UnitPoint, sobol_points

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler


@dataclass(frozen=True, slots=True)
class EvaluatedPoint:
    """A point that was tried, with its loss.

    Attributes:
        point: UnitPoint in the unit cube; outside it where the recipe is out of bounds.
        value: Loss on the scale on which noise is even; that of the worst point where the training diverged.
    """

    point: UnitPoint
    value: float


class Sampler(Protocol):
    """Chooses points of the unit cube: the first ones, and more of them given those that were tried.

    A sampler has no state: its points depend on its arguments alone, so that a search that is resumed tries the same
    points again.
    """

    @property
    def name(self) -> str:
        """Name of the sampler on the command line."""
        ...

    def first(self, count: int, *, dimensions: int, generator: Generator) -> list[UnitPoint]:
        """Return the first points.

        Args:
            count: Number of points.
            dimensions: Number of axes of the cube.
            generator: Random generator that draws the points.
        """
        ...

    def more(self, count: int, tried: Sequence[EvaluatedPoint], *, box: Box, generator: Generator) -> list[UnitPoint]:  # noqa: ARG002
        """Return further points; none if the sampler has no more.

        Args:
            count: Number of points.
            tried: Points tried so far, with their losses.
            box: Bounds of the points on each axis.
            generator: Random generator that draws the points.
        """
        return []


class RandomSearch(Sampler):
    """Random search: uniform points of the unit cube.

    Reference:
        Bergstra & Bengio (2012), "Random search for hyper-parameter optimization".
    """

    name: ClassVar[str] = "random"

    def first(self, count: int, *, dimensions: int, generator: Generator) -> list[UnitPoint]:
        """Return uniform points."""
        return [tuple(row) for row in generator.random((count, dimensions)).tolist()]

    def more(
        self,
        count: int,
        tried: Sequence[EvaluatedPoint],  # noqa: ARG002
        *,
        box: Box,
        generator: Generator,
    ) -> list[UnitPoint]:
        """Return uniform points of the box."""
        low, high = np.array(box).T
        return [tuple(row) for row in generator.uniform(low, high, size=(count, len(box))).tolist()]


class Grid(Sampler):
    """Grid search: at most so many points, evenly spaced; the first axis, the effective rate, has the most."""

    name: ClassVar[str] = "grid"

    def first(self, count: int, *, dimensions: int, generator: Generator) -> list[UnitPoint]:  # noqa: ARG002  (not random)
        """Return the points of the grid.

        Example:
            >>> Grid().first(4, dimensions=2, generator=np.random.default_rng(0))
            [(0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)]
        """
        counts = [1] * dimensions
        while (axis := _coarsest_axis(counts, count)) is not None:
            counts[axis] += 1
        return [*itertools.product(*(_middles(number) for number in counts))]


def _coarsest_axis(counts: list[int], count: int) -> int | None:
    """Return the axis with the fewest points that can have one more within a total; ``None`` if none can."""
    size = int(np.prod(counts))
    fits = [axis for axis, number in enumerate(counts) if size // number * (number + 1) <= count]
    return min(fits, key=lambda axis: (counts[axis], axis), default=None)


def _middles(number: int) -> list[float]:
    return [(index + 0.5) / number for index in range(number)]


class SurrogateSampler(Sampler):
    """surefoot's own sampler: a scrambled Sobol sequence, then points of the largest expected improvement.

    The later points come from the search, which has the surrogate (:mod:`surefoot.search.acquisition`).
    """

    name: ClassVar[str] = "surefoot"

    def first(self, count: int, *, dimensions: int, generator: Generator) -> list[UnitPoint]:
        """Return evenly spread points."""
        return sobol_points(count, dimensions=dimensions, generator=generator)


@dataclass(frozen=True, slots=True)
class OptunaSampler:
    """A sampler of Optuna: random points first, as Optuna's samplers begin, then points that it suggests.

    Every round makes a new Optuna study in memory from all points tried. Optuna's database is not used: it takes tens
    of milliseconds for each trial.

    Attributes:
        name: Name of the sampler on the command line.
        make: Returns Optuna's sampler for a seed; for a sampler that the user gave, a copy.
    """

    name: str
    make: Callable[[int], BaseSampler]

    def first(self, count: int, *, dimensions: int, generator: Generator) -> list[UnitPoint]:
        """Return uniform points."""
        return [tuple(row) for row in generator.random((count, dimensions)).tolist()]

    def more(self, count: int, tried: Sequence[EvaluatedPoint], *, box: Box, generator: Generator) -> list[UnitPoint]:
        """Return the points that Optuna suggests, given those that were tried."""
        import optuna  # noqa: PLC0415  (takes a third of a second)
        from optuna.distributions import FloatDistribution  # noqa: PLC0415

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        axes: dict[str, BaseDistribution] = {
            f"axis{number}": FloatDistribution(low, high) for number, (low, high) in enumerate(box)
        }
        study = optuna.create_study(sampler=self.make(int(generator.integers(2**31))))
        for each in tried:
            inside = [min(max(unit, low), high) for unit, (low, high) in zip(each.point, box, strict=True)]
            params = dict(zip(axes, inside, strict=True))
            study.add_trial(optuna.trial.create_trial(params=params, distributions=axes, value=each.value))
        asked = [study.ask(axes) for _ in range(count)]
        return [tuple(trial.params[name] for name in axes) for trial in asked]


def seeded(sampler: BaseSampler, seed: int) -> BaseSampler:
    """Return a sampler of Optuna with its random generators, and those of samplers within it, set to a seed.

    Optuna's own ``reseed_rng`` takes no seed.
    """
    for value in vars(sampler).values():
        if hasattr(value, "rng") and hasattr(value.rng, "seed"):
            value.rng.seed(seed)
        elif hasattr(value, "sample_relative"):
            seeded(value, seed)
    return sampler


def tpe(seed: int) -> BaseSampler:
    """Return the multivariate tree-structured Parzen estimator; pending points count as bad ones (constant liar).

    Reference:
        Bergstra et al. (2011), "Algorithms for hyper-parameter optimization".
    """
    from optuna.samplers import TPESampler  # noqa: PLC0415

    return TPESampler(seed=seed, multivariate=True, constant_liar=True, n_startup_trials=0)


def gaussian_process(seed: int) -> BaseSampler:
    """Return Optuna's Gaussian process with log expected improvement; it takes about a second for each point."""
    from optuna.samplers import GPSampler  # noqa: PLC0415

    return GPSampler(seed=seed, n_startup_trials=0)
