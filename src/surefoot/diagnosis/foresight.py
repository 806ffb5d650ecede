"""What the trainings that were tried, most of them short, say of full trainings that were not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from surefoot.diagnosis.settings import Setting

if TYPE_CHECKING:
    from sklearn.gaussian_process import GaussianProcessRegressor

# How much the log losses differ that are near the best, before anything is known.
SPREAD = 0.5
# Octaves of lr / (1 - momentum), of memory and of length over which losses stay alike; and the noise of one training.
# Of these the likeliest are taken.
RATE_SCALES, MEMORY_SCALES, LENGTH_SCALE, NOISES = (2.0, 4.0), (1.5, 4.0), 3.0, (0.05, 0.1)
# Log losses are clipped so far above the best: how bad the bad are says nothing of the good.
CLIP = 1.0
# A loss this small beside a usual one is nothing; the lowest of losses below zero counts as this share of a usual one.
SMALL, BELOW = 1e-3, 0.1


@dataclass(frozen=True, slots=True)
class Judged:
    """A training's validation loss.

    Attributes:
        setting: Its learning rate and momentum.
        share: How much of the full training it went through before its rate cooled down.
        seed: Number of the seed, from 0.
        loss: Infinite where it diverged.
    """

    setting: Setting
    share: float
    seed: int
    loss: float


@dataclass(frozen=True, slots=True)
class Expected:
    """What full trainings are likely to end at.

    Attributes:
        settings: N settings.
        means: Expected logarithms of the lifted losses ``[N]``; the bad are clipped.
        doubts: Standard deviations of them ``[N]``.
        from_own: Standard deviations of their differences to the recipe's own ``[N]``.
        noise: Standard deviation of a single training.
        lift: What was added to all losses before their logarithms were taken.
        floor: No loss lies below: 0 where none that was seen did, else minus infinity.
    """

    settings: tuple[Setting, ...]
    means: NDArray[np.float64]
    doubts: NDArray[np.float64]
    from_own: NDArray[np.float64]
    noise: float
    lift: float
    floor: float

    def loss(self, mean: float) -> float:
        """Return the loss of an expected logarithm."""
        return max(math.exp(mean) - self.lift, self.floor)

    def at(self, setting: Setting) -> tuple[float, float]:
        """Return one setting's expected log loss, and how much its difference to the recipe's own is in doubt."""
        place = self.settings.index(setting)
        return float(self.means[place]), float(self.from_own[place])


def foresee(judged: Sequence[Judged], settings: Sequence[Setting], own: Setting) -> Expected:
    """Return what full trainings are likely to end at: a Gaussian process over rate, memory and length.

    Losses of a further seed count from the recipe's own on that seed, for their luck is shared.

    Args:
        judged: All that were trained.
        settings: Which full trainings to foresee, the recipe's own among them.
        own: The recipe's setting.

    Reference:
        Rasmussen & Williams (2006), "Gaussian processes for machine learning", chapters 2 and 5.
    """
    lift = lift_of([row.loss for row in judged])
    inputs = np.array([[*row.setting.place, _length(row.share)] for row in judged])
    losses = _clipped(inputs[:, -1], _on_first_seed(judged, own, lift))
    usual = float(losses.mean())
    process, noise = _likeliest(inputs, losses - usual)
    means, covariance = process.predict(np.array([[*place.place, _length(1.0)] for place in settings]), return_cov=True)
    signal = np.diag(covariance) - noise**2
    here = list(settings).index(own)
    between = signal + signal[here] - 2.0 * covariance[here] + 2.0 * noise**2 * (np.arange(len(settings)) == here)
    doubts, from_own = np.sqrt(signal.clip(0.0)), np.sqrt(between.clip(1e-12))
    floor = 0.0 if min(row.loss for row in judged) >= 0 else -math.inf
    return Expected(tuple(settings), means + usual, doubts, from_own, noise, lift, floor)


def lift_of(losses: Sequence[float]) -> float:
    """Return what to add to losses so that their logarithms tell what matters.

    A thousandth of a usual loss is as good as nothing; and where losses go below zero, the lowest counts as a tenth of
    its distance to a usual one, and at least as a thousandth of its size.

    Example:
        >>> [round(lift_of(losses), 3) for losses in ([1.0, 2.0, 3.0], [-1.0, 0.0, 1.0], [-1.0, -1.0])]
        [0.002, 1.1, 1.001]
    """
    finite = np.array([loss for loss in losses if math.isfinite(loss)])
    if not finite.size:
        return 1.0
    lowest, usual = float(finite.min()), float(np.median(finite))
    lift = SMALL * usual if lowest >= 0 else max(BELOW * (usual - lowest), -SMALL * lowest) - lowest
    return lift or 1.0


def _length(share: float) -> float:
    return math.log2(share)


def _on_first_seed(judged: Sequence[Judged], own: Setting, lift: float) -> NDArray[np.float64]:
    """Return logarithms of lifted losses as they would be on the first seed, by the recipe's own on both."""
    losses = np.log(np.array([row.loss for row in judged]) + lift)
    owned = {
        row.seed: loss
        for row, loss in zip(judged, losses, strict=True)
        if row.setting == own and row.share == 1.0 and math.isfinite(loss)
    }
    shifts = [owned[0] - owned[row.seed] if row.seed in owned and 0 in owned else 0.0 for row in judged]
    shifted: NDArray[np.float64] = losses + np.array(shifts)
    return shifted


def _clipped(lengths: NDArray[np.float64], losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return losses clipped above the best of their length or a shorter one: a longer training can do as well."""
    finite = np.where(np.isfinite(losses), losses, np.inf)
    best = {length: finite[lengths <= length].min() for length in np.unique(lengths)}
    highest = np.array([best[length] for length in lengths]) + CLIP
    clipped: NDArray[np.float64] = np.minimum(losses, np.where(np.isfinite(highest), highest, finite.min() + CLIP))
    return clipped


def _likeliest(inputs: NDArray[np.float64], losses: NDArray[np.float64]) -> tuple[GaussianProcessRegressor, float]:
    """Return the process under which the losses are likeliest, and the noise it takes them to have."""
    from sklearn.gaussian_process import GaussianProcessRegressor  # noqa: PLC0415  (a second; the forks train first)
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel  # noqa: PLC0415

    best = None
    for rate, memory, noise in product(RATE_SCALES, MEMORY_SCALES, NOISES):
        kernel = ConstantKernel(SPREAD**2) * RBF((rate, memory, LENGTH_SCALE)) + WhiteKernel(noise**2)
        process = GaussianProcessRegressor(kernel, optimizer=None).fit(inputs, losses)
        likelihood = process.log_marginal_likelihood_value_
        if best is None or likelihood > best[0]:
            best = likelihood, process, noise
    assert best is not None  # noqa: S101  (there are kernels)
    return best[1], best[2]
