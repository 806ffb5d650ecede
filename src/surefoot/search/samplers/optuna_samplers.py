"""Optuna's samplers on surefoot's engine: a study in memory learns what was tried and is asked for points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from numpy.random import Generator

from surefoot.search.samplers.basic import Tried
from surefoot.search.space.coordinates import Box, Point

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler


@dataclass(frozen=True, slots=True)
class OptunaSampler:
    """The first points at random, as Optuna's samplers begin, the others from a sampler of Optuna's.

    Optuna's database is not used: an ask and a tell through it cost tens of milliseconds. Each time a study is made
    in memory from all that was tried, so that nothing need be saved.

    Attributes:
        name: As on the command line.
        make: Returns a sampler for a seed; of an instance given by the user, a copy.
    """

    name: str
    make: Callable[[int], BaseSampler]

    def first(self, count: int, *, dimensions: int, generator: Generator) -> list[Point]:
        """Return uniform points."""
        return [tuple(row) for row in generator.random((count, dimensions)).tolist()]

    def more(self, count: int, tried: Sequence[Tried], *, box: Box, generator: Generator) -> list[Point]:
        """Return the sampler's points, given the values of those that were tried."""
        import optuna  # noqa: PLC0415  (a third of a second)
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
    """Return a sampler whose generators, and those of the samplers in it, begin at a seed.

    ``reseed_rng`` of Optuna takes no seed.
    """
    for value in vars(sampler).values():
        if hasattr(value, "rng") and hasattr(value.rng, "seed"):
            value.rng.seed(seed)
        elif hasattr(value, "sample_relative"):
            seeded(value, seed)
    return sampler


def tpe(seed: int) -> BaseSampler:
    """Return the tree-structured Parzen estimator, multivariate, with pending points counted as bad ones.

    Reference:
        Bergstra et al. (2011), "Algorithms for hyper-parameter optimization".
    """
    from optuna.samplers import TPESampler  # noqa: PLC0415

    return TPESampler(seed=seed, multivariate=True, constant_liar=True, n_startup_trials=0)


def gaussian_process(seed: int) -> BaseSampler:
    """Return Optuna's Gaussian process with log expected improvement; about a second a point."""
    from optuna.samplers import GPSampler  # noqa: PLC0415

    return GPSampler(seed=seed, n_startup_trials=0)
