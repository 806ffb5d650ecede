"""A Gaussian process whose kernel settings are averaged over, not chosen, and the kernel of the surrogate.

    y ~ GP(0, K(θ) + noise(θ)² I),   θ ~ prior

Kernel settings θ are sampled from their prior, then around the best samples, and weighted by the marginal likelihood of
the observations,

    log p(y | θ) = -½ yᵀ K⁻¹ y - ½ log |K| - ½ n log 2π

With the dozen to hundred observations of a search, many settings explain them about equally well. Averaging over these
gives honest uncertainties. It also costs less than optimizing the settings: all samples go through one batched Cholesky
factorisation.

The kernel of the surrogate: the covariance of losses over learning rate, momentum, training length and other axes.

The features of a setting are logarithms: u of the effective rate lr / (1 - momentum), m of the momentum's memory
1 / (1 - momentum), t of the length as a share of the full training. Other axes follow, scaled to a few units. Along u
the loss has a valley, whose floor shifts with the memory and with the number of steps,

    u' = u + a m + b t

    k = offset(t, t') + s² R(u' / l_u) R(m / l_m) R(others) (ρ + (1 - ρ) R(t / l_t)),   R(d) = exp(-d² / 2)

with a, b, s and the length scales unknown. ``offset`` lets the loss fall or rise with the length of training.

Reference:
    Rasmussen & Williams (2006), "Gaussian processes for machine learning", chapters 2 and 5; for averaging over the
    kernel's settings Snoek et al. (2012), arXiv:1206.2944.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]

# Settings sampled from the prior, settings sampled around the best of these, and the best ones that are kept (ADR
# 0020).
FIRST_SAMPLES, SECOND_SAMPLES, KEPT_SAMPLES = 128, 64, 12
# Standard deviation of the second samples around the best of the first, as a share of the prior's.
SECOND_SAMPLES_SPREAD = 0.35
# Added to the diagonal of covariance matrices, for their factorisation to be stable.
JITTER = 1e-8


class Kernel(Protocol):
    """A covariance function, evaluated for several kernel settings at once."""

    def __call__(self, settings: Array, one: Array, other: Array) -> Array:
        """Return the covariances of points ``[n, D]`` and ``[m, D]`` for settings ``[S, P]``: ``[S, n, m]``."""
        ...

    def diagonal(self, settings: Array, points: Array) -> Array:
        """Return the variances at points ``[n, D]`` for settings ``[S, P]``: ``[S, n]``."""
        ...


@dataclass(frozen=True, slots=True)
class Prior:
    """Independent normal priors of the settings of a kernel.

    Attributes:
        means: Mean of each setting ``[P]``.
        deviations: Standard deviation of each setting ``[P]``; 0 fixes it.
    """

    means: Array
    deviations: Array

    def log_density(self, settings: Array) -> Array:
        """Return the log density of settings ``[S, P]`` up to a constant, ``[S]``."""
        free = self.deviations > 0
        scaled = (settings[:, free] - self.means[free]) / self.deviations[free]
        density: Array = -0.5 * (scaled**2).sum(axis=1)
        return density


@dataclass(frozen=True, slots=True, eq=False)
class GaussianProcess:
    """A posterior over functions: a weighted mixture over kernel settings.

    Attributes:
        kernel: Covariance function.
        points: Points of the observations ``[n, D]``.
        settings: Kernel settings of the mixture ``[S, P]``.
        weights: Posterior probability of each setting ``[S]``.
        inverses: Inverse covariance matrix for each setting ``[S, n, n]``.
        solved: ``K⁻¹ y`` for each setting ``[S, n]``.
    """

    kernel: Kernel
    points: Array
    settings: Array
    weights: Array
    inverses: Array
    solved: Array

    @classmethod
    def fit(
        cls,
        kernel: Kernel,
        prior: Prior,
        points: Array,
        values: Array,
        *,
        noise: Callable[[Array], Array],
        generator: Generator,
    ) -> GaussianProcess:
        """Return the posterior given observations.

        Args:
            kernel: Covariance function.
            prior: Prior of the kernel's settings.
            points: Points of the observations ``[n, D]``.
            values: Observed values ``[n]``.
            noise: Returns, for settings ``[S, P]``, the standard deviation of the noise, ``[S, 1]`` or ``[S, n]``.
            generator: Random generator that samples the settings.

        Example:
            >>> class Smooth:
            ...     def __call__(self, settings, one, other):
            ...         gap = (one[:, None, 0] - other[None, :, 0]) / np.exp(settings[:, 0])[:, None, None]
            ...         return np.exp(-0.5 * gap**2)
            ...     def diagonal(self, settings, points):
            ...         return np.ones((len(settings), len(points)))
            >>> x = np.linspace(0, 6, 25)[:, None]
            >>> fitted = GaussianProcess.fit(
            ...     Smooth(), Prior(np.zeros(1), np.ones(1)), x, np.sin(x[:, 0]),
            ...     noise=lambda settings: np.full((len(settings), 1), 0.01), generator=np.random.default_rng(0),
            ... )
            >>> mean, _ = fitted.predict(np.array([[np.pi / 2 + 0.05]]))
            >>> round(float(mean[0]), 2)
            1.0
        """
        first = prior.means + prior.deviations * generator.standard_normal((FIRST_SAMPLES, len(prior.means)))
        first[0] = prior.means
        evidence, _, _ = _evidence(kernel, prior, first, points=points, values=values, noise=noise, inverses=False)
        best = first[np.argsort(-evidence)[: SECOND_SAMPLES // 4]]
        around = np.repeat(best, 4, axis=0)
        second = around + SECOND_SAMPLES_SPREAD * prior.deviations * generator.standard_normal(around.shape)
        settings = np.concatenate([best, second])
        evidence, _, _ = _evidence(kernel, prior, settings, points=points, values=values, noise=noise, inverses=False)
        kept = settings[np.argsort(-evidence)[:KEPT_SAMPLES]]
        evidence, inverses, solved = _evidence(
            kernel, prior, kept, points=points, values=values, noise=noise, inverses=True
        )
        weights = np.exp(evidence - evidence.max())
        return cls(kernel, points, kept, weights / weights.sum(), inverses, solved)

    def predict(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of the function, without noise, at points ``[m, D]``: ``[m]`` each."""
        means, variances = self._by_setting(points)
        mean = self.weights @ means
        variance = self.weights @ (variances + (means - mean) ** 2)
        return mean, np.sqrt(np.maximum(variance, 0.0))

    def leave_one_out_errors(self) -> Array:
        """Return the leave-one-out error of each observation, its difference from what the others predict: ``[n]``.

        For each setting ``y - mean without y = (K⁻¹ y) / diag(K⁻¹)``: Rasmussen & Williams (2006), equation 5.12.
        """
        errors: Array = self.weights @ (self.solved / np.diagonal(self.inverses, axis1=1, axis2=2))
        return errors

    def draws(self, points: Array, count: int, *, generator: Generator) -> Array:
        """Return functions drawn from the posterior, at points ``[m, D]``: ``[count, m]``."""
        cross = self.kernel(self.settings, self.points, points)
        means = np.einsum("snm,sn->sm", cross, self.solved)
        counts = generator.multinomial(count, self.weights)
        parts = []
        for number in np.flatnonzero(counts):
            prior_covariance = self.kernel(self.settings[number : number + 1], points, points)[0]
            covariance = prior_covariance - cross[number].T @ self.inverses[number] @ cross[number]
            values, vectors = np.linalg.eigh(covariance)
            root = vectors * np.sqrt(np.maximum(values, 0.0))
            parts.append(means[number] + generator.standard_normal((counts[number], len(points))) @ root.T)
        drawn: Array = np.concatenate(parts)
        return drawn

    def _by_setting(self, points: Array) -> tuple[Array, Array]:
        """Return means and variances for each setting, ``[S, m]`` each."""
        cross = self.kernel(self.settings, self.points, points)
        means = np.einsum("snm,sn->sm", cross, self.solved)
        explained = (cross * (self.inverses @ cross)).sum(axis=1)
        return means, np.maximum(self.kernel.diagonal(self.settings, points) - explained, 0.0)


def _evidence(
    kernel: Kernel,
    prior: Prior,
    settings: Array,
    *,
    points: Array,
    values: Array,
    noise: Callable[[Array], Array],
    inverses: bool,
) -> tuple[Array, Array, Array]:
    """Return the log posterior density of each setting ``[S]``; with ``inverses``, also those of K, and ``K⁻¹ y``."""
    count = len(points)
    covariance = kernel(settings, points, points)
    covariance[:, np.arange(count), np.arange(count)] += noise(settings) ** 2 + JITTER
    factors = np.linalg.cholesky(covariance)
    half = np.linalg.solve(factors, np.broadcast_to(values[:, None], (len(settings), count, 1)))[..., 0]
    log_determinant = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    evidence = -0.5 * (half**2).sum(axis=1) - log_determinant + prior.log_density(settings)
    inverse: Array = np.asarray(np.linalg.inv(covariance) if inverses else factors, dtype=np.float64)
    solved: Array = inverse @ values if inverses else half
    return np.asarray(evidence), inverse, solved


# Settings of the kernel as (name, prior mean, prior standard deviation); all but the slopes and the growth are
# logarithms. The priors were chosen on five development tasks (ADR 0020).
LOG_SPREAD = ("log spread", np.log(0.25), 0.4)
LOG_RATE_LENGTH = ("log length along u", np.log(1.5), 0.35)
LOG_MEMORY_LENGTH = ("log length along m", np.log(2.0), 0.4)
MEMORY_SLOPE = ("slope in m", -0.3, 0.25)
STEPS_SLOPE = ("slope in t", 0.0, 0.08)
LOG_STEPS_LENGTH = ("log length along t", np.log(2.5), 0.4)
LOG_NOISE = ("log noise", np.log(0.06), 0.5)
LOG_LEVEL = ("log level change per unit of t", np.log(0.3), 0.5)
GROWTH = ("growth of the spread per unit of t", 0.2, 0.15)
COMMON_SETTINGS = (
    LOG_SPREAD, LOG_RATE_LENGTH, LOG_MEMORY_LENGTH, MEMORY_SLOPE, STEPS_SLOPE, LOG_STEPS_LENGTH, LOG_NOISE, LOG_LEVEL,
    GROWTH,
)  # fmt: skip
LOG_OTHER_LENGTH = ("log length along another axis", np.log(2.0), 0.6)
# Share of the shape of the loss, ρ, that is the same at every length of training.
SHAPE_SHARED_ACROSS_LENGTHS = 0.6
# Standard deviation of the level of all losses, so large that any level is possible.
LEVEL_DEVIATION = 3.0
# Columns of the points.
RATE, MEMORY, STEPS, FIRST_OTHER = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class ValleyKernel:
    """The covariance of this module, for points ``[n, 3 + others]`` of u, m, t and the other axes.

    Attributes:
        others: Number of other axes.
    """

    others: int = 0

    @property
    def prior(self) -> Prior:
        """The prior of the kernel's settings."""
        rows = [*COMMON_SETTINGS, *[LOG_OTHER_LENGTH] * self.others]
        return Prior(np.array([row[1] for row in rows]), np.array([row[2] for row in rows]))

    def noise(self, settings: Array) -> Array:
        """Return the standard deviation of the noise of a single training, for settings ``[S, P]``: ``[S, 1]``."""
        return np.exp(settings[:, COMMON_SETTINGS.index(LOG_NOISE), None])

    def __call__(self, settings: Array, one: Array, other: Array) -> Array:
        """Return the covariances of points ``[n, D]`` and ``[m, D]`` for settings ``[S, P]``: ``[S, n, m]``."""
        spread, rate, memory, lean, drift, length, _, level, growth = settings.T[: len(COMMON_SETTINGS), :, None, None]
        gap_m, gap_t = (one[:, None, axis] - other[None, :, axis] for axis in (MEMORY, STEPS))
        gap_u = one[:, None, RATE] - other[None, :, RATE] + lean * gap_m + drift * gap_t
        distance = (gap_u / np.exp(rate)) ** 2 + (gap_m / np.exp(memory)) ** 2
        for number in range(self.others):
            scale = np.exp(settings[:, len(COMMON_SETTINGS) + number])[:, None, None]
            axis = FIRST_OTHER + number
            distance = distance + ((one[:, None, axis] - other[None, :, axis]) / scale) ** 2
        across = np.exp(-0.5 * (gap_t / np.exp(length)) ** 2)
        scale = np.exp(2.0 * spread + growth * (one[:, None, STEPS] + other[None, :, STEPS]))
        valley = (
            scale
            * np.exp(-0.5 * distance)
            * (SHAPE_SHARED_ACROSS_LENGTHS + (1.0 - SHAPE_SHARED_ACROSS_LENGTHS) * across)
        )
        both = one[:, None, STEPS] * other[None, :, STEPS]
        offset = LEVEL_DEVIATION**2 + np.exp(2.0 * level) * (both + across)
        covariances: Array = valley + offset
        return covariances

    def diagonal(self, settings: Array, points: Array) -> Array:
        """Return the variances at points ``[n, D]`` for settings ``[S, P]``: ``[S, n]``."""
        spread, level, growth = (
            settings[:, COMMON_SETTINGS.index(setting), None] for setting in (LOG_SPREAD, LOG_LEVEL, GROWTH)
        )
        steps = points[None, :, STEPS]
        valley = np.exp(2.0 * (spread + growth * steps))
        variances: Array = valley + LEVEL_DEVIATION**2 + np.exp(2.0 * level) * (steps**2 + 1.0)
        return variances
