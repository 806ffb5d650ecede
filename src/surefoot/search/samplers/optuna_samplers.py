"""Optuna's samplers: an Optuna study in memory is given the points that were tried and asked for further ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from numpy.random import Generator

from surefoot.search.samplers.sampler import EvaluatedPoint
from surefoot.search.space.coordinates import Box, Point

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler


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

    def first(self, count: int, *, dimensions: int, generator: Generator) -> list[Point]:
        """Return uniform points."""
        return [tuple(row) for row in generator.random((count, dimensions)).tolist()]

    def more(self, count: int, tried: Sequence[EvaluatedPoint], *, box: Box, generator: Generator) -> list[Point]:
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
