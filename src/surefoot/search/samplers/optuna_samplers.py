"""Optuna's samplers on surefoot's engine: a study in memory is told what was judged and asked for points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from numpy.random import Generator

from surefoot.tuning.evidence import full_losses
from surefoot.tuning.rungs import Verdict
from surefoot.search.space import Box, Point

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler


class OptunaStrategy:
    """The first points at random, as Optuna's samplers begin, the others from a sampler.

    Optuna's database is not used: an ask and a tell through it cost tens of milliseconds. Each time a study is made
    in memory from all judgements, so that nothing need be saved.
    """

    name: ClassVar[str]
    refines: ClassVar[bool] = True
    smooths: ClassVar[bool] = False

    def first(self, count: int, *, dimensions: int, generator: Generator) -> list[Point]:
        """Return uniform points."""
        return [tuple(row) for row in generator.random((count, dimensions)).tolist()]

    def more(self, count: int, verdicts: Sequence[Sequence[Verdict]], *, box: Box, generator: Generator) -> list[Point]:
        """Return the sampler's points, given the full loss that each candidate's last judgement foretells."""
        import optuna  # noqa: PLC0415  (a third of a second, and many searches end before they refine)
        from optuna.distributions import FloatDistribution  # noqa: PLC0415

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        axes: dict[str, BaseDistribution] = {
            f"axis{number}": FloatDistribution(low, high) for number, (low, high) in enumerate(box)
        }
        study = optuna.create_study(sampler=self.sampler(int(generator.integers(2**31))))
        for found in full_losses(verdicts):
            inside = [min(max(unit, low), high) for unit, (low, high) in zip(found.point, box, strict=True)]
            params = dict(zip(axes, inside, strict=True))
            study.add_trial(optuna.trial.create_trial(params=params, distributions=axes, value=found.loss))
        asked = [study.ask(axes) for _ in range(count)]
        return [tuple(trial.params[name] for name in axes) for trial in asked]

    def sampler(self, seed: int) -> BaseSampler:
        """Return a fresh sampler."""
        raise NotImplementedError


class TPE(OptunaStrategy):
    """The tree-structured Parzen estimator, multivariate, with pending points counted as bad ones.

    Reference:
        Bergstra et al. (2011), "Algorithms for hyper-parameter optimization".
    """

    name: ClassVar[str] = "tpe"

    def sampler(self, seed: int) -> BaseSampler:
        """Return the sampler."""
        from optuna.samplers import TPESampler  # noqa: PLC0415

        return TPESampler(seed=seed, multivariate=True, constant_liar=True, n_startup_trials=0)


class OptunaGP(OptunaStrategy):
    """Optuna's Gaussian process with log expected improvement; about a second a point."""

    name: ClassVar[str] = "gp"

    def sampler(self, seed: int) -> BaseSampler:
        """Return the sampler."""
        from optuna.samplers import GPSampler  # noqa: PLC0415

        return GPSampler(seed=seed, n_startup_trials=0)
