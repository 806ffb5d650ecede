"""The surrogate: what a training is likely to end at, for settings and lengths that were not tried.

Losses are modelled on a scale on which a training's noise is even: their logarithm, where all are positive. How bad the
bad are says nothing about where the best is, and a cliff must not bend the valley beside it: at each length, losses far
above the best are compressed, and a training that diverged counts as far above.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from surefoot.surrogate.gaussian_process import Array, GaussianProcess
from surefoot.surrogate.valley_kernel import ValleyKernel

# So far above the best of its length, in logarithms, a loss counts in full; what is beyond counts a tenth, to a limit.
FULL_WEIGHT, BEYOND, HIGHEST = 0.4, 0.1, 0.7
# A loss that is this small is 0 but for rounding.
SMALLEST = 1e-12
# More observations than this say no more, and the covariance grows with their square: the best and the last are kept.
MOST_OBSERVATIONS = 160
# From fewer trials nobody knows how wrong the surrogate is; the standard deviation of a normal over its median size.
FEWEST_LEFT_OUT, OVER_MEDIAN = 5, 1.483


@dataclass(frozen=True, slots=True)
class Observation:
    """A trial as the surrogate sees it.

    Attributes:
        features: u, m and the other axes, as :class:`ValleyKernel` has them, without the length.
        steps: Length of the training.
        loss: What it ended at; ``inf`` where it diverged or failed.
    """

    features: tuple[float, ...]
    steps: int
    loss: float


@dataclass(frozen=True, slots=True)
class LossScale:
    """The scale on which losses are compared: logarithms, or shares of their spread where some are not positive.

    Attributes:
        unit: ``None`` for logarithms, else what the losses are divided by: their median over their best, but no less
            than a quarter of the best's size. A loss that is 5 % larger then lies where losses count in full.
        floor: Losses below it count as it: half the smallest that is above 0, where some are 0.

    Example:
        >>> scale = LossScale.of([2.0, 0.5, math.inf])
        >>> round(scale.loss(scale.value(0.5)), 9), LossScale.of([-1.0, -3.0, 1.0]).unit
        (0.5, 2.0)
    """

    unit: float | None
    floor: float = 0.0

    @classmethod
    def of(cls, losses: Sequence[float]) -> LossScale:
        """Return the scale for some losses."""
        finite = np.array([loss for loss in losses if math.isfinite(loss)])
        if not finite.size or finite.min() > 0:
            return cls(None)
        if finite.min() == 0 and finite.max() > 0:
            return cls(None, floor=float(finite[finite > 0].min()) / 2)
        best, middle = float(finite.min()), float(np.median(finite))
        return cls(max(middle - best, abs(best) / 4.0) or 1.0)

    def value(self, loss: float) -> float:
        """Return a loss on the scale."""
        return math.log(max(loss, self.floor, SMALLEST)) if self.unit is None else loss / self.unit

    def loss(self, value: float) -> float:
        """Return the loss of a value on the scale; the inverse of :meth:`value`."""
        return math.exp(min(value, 700.0)) if self.unit is None else value * self.unit

    def excess(self, share: float, *, over: float) -> float:
        """Return how far above a value, on the scale, a loss lies that is larger by a share of its size.

        Without logarithms a size may vanish; it counts as one unit at least.

        Example:
            >>> round(LossScale(None).excess(0.05, over=-2.0), 4), round(LossScale(0.05).excess(0.05, over=-19.0), 4)
            (0.0488, 0.95)
        """
        return math.log1p(share) if self.unit is None else share * max(abs(over), 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Surrogate:
    """Expected losses over settings and lengths; make one with :meth:`fit`.

    Attributes:
        process: The posterior over functions, of values less their mean: the kernel's level is around 0.
        observations: What it was fitted to.
        values: The same on the scale, compressed ``[n]``.
        scale: Of the losses.
        full_steps: The length at which t is 0.
    """

    process: GaussianProcess
    observations: tuple[Observation, ...]
    values: Array
    scale: LossScale
    full_steps: int

    @classmethod
    def fit(cls, observations: Sequence[Observation], *, full_steps: int, generator: Generator) -> Surrogate | None:
        """Return the surrogate of some trials, ``None`` where none of them ended with a finite loss.

        Args:
            observations: The trials.
            full_steps: Length of a full training.
            generator: Draws the kernel's settings.
        """
        if not any(math.isfinite(each.loss) for each in observations):
            return None
        kept = _kept(observations)
        scale = LossScale.of([each.loss for each in kept])
        values = compressed(kept, scale)
        kernel = ValleyKernel(len(kept[0].features) - 2)
        points = _points([each.features for each in kept], [each.steps for each in kept], full_steps)
        centred = values - values.mean()
        process = GaussianProcess.fit(kernel, kernel.prior, points, centred, noise=kernel.noise, generator=generator)
        return cls(process, tuple(kept), values, scale, full_steps)

    def predict(self, features: NDArray[np.float64], steps: int) -> tuple[Array, Array]:
        """Return mean and standard deviation of the value on the scale, for settings ``[m, D]`` at one length."""
        means, deviations = self.process.predict(self._at(features, steps))
        return means + self.values.mean(), deviations

    def draws(
        self, features: NDArray[np.float64], steps: int | Sequence[int], count: int, *, generator: Generator
    ) -> Array:
        """Return functions that the trials allow, at settings ``[m, D]`` and one length or one each: ``[count, m]``."""
        drawn: Array = self.process.draws(self._at(features, steps), count, generator=generator) + self.values.mean()
        return drawn

    @property
    def noise(self) -> float:
        """Standard deviation of one training's value on the scale."""
        kernel, process = self.process.kernel, self.process
        assert isinstance(kernel, ValleyKernel)  # noqa: S101  (fit made it)
        return float(process.weights @ kernel.noise(process.settings)[:, 0])

    @property
    def error(self) -> float:
        """Standard deviation of a trial's value from what the others say of it; no less than the noise.

        Of trials whose losses count in full; of all where these are few. It is the median that counts, so that single
        ones weigh little.
        """
        lowest = {steps: self._lowest(steps) for steps in {each.steps for each in self.observations}}
        counts = self.values - np.array([lowest[each.steps] for each in self.observations]) <= FULL_WEIGHT
        if counts.sum() < FEWEST_LEFT_OUT:
            counts[:] = len(counts) >= FEWEST_LEFT_OUT
        if not counts.any():
            return self.noise
        return max(self.noise, OVER_MEDIAN * float(np.median(np.abs(self.process.left_out()[counts]))))

    def expected(self, features: NDArray[np.float64], steps: int) -> tuple[float, float]:
        """Return mean and standard deviation for one setting ``[1, D]``, the compression of what is far off undone."""
        means, deviations = self.predict(features, steps)
        lowest = self._lowest(steps)
        mean, higher = (_expanded(value, lowest) for value in (float(means[0]), float(means[0] + deviations[0])))
        return mean, higher - mean

    def _lowest(self, steps: int) -> float:
        """Return the lowest value of a length, infinite where no trial had it."""
        own = [value for each, value in zip(self.observations, self.values, strict=True) if each.steps == steps]
        return min(own, default=math.inf)

    def _at(self, features: NDArray[np.float64], steps: int | Sequence[int]) -> Array:
        lengths = [steps] * len(features) if isinstance(steps, int) else steps
        return _points(features, lengths, self.full_steps)


def compressed(observations: Sequence[Observation], scale: LossScale) -> Array:
    """Return losses on the scale, those far above the best of their length compressed.

    Example:
        >>> same = [Observation((0.0, 0.0), 10, loss) for loss in (1.0, math.e ** 0.3, math.e ** 2.4, math.inf)]
        >>> compressed(same, LossScale(None)).round(2).tolist()
        [0.0, 0.3, 0.6, 0.7]
    """
    values = np.empty(len(observations))
    for steps in {each.steps for each in observations}:
        rows = [number for number, each in enumerate(observations) if each.steps == steps]
        on_scale = [
            scale.value(observations[row].loss) if math.isfinite(observations[row].loss) else math.inf for row in rows
        ]
        best = min(on_scale)
        for row, value in zip(rows, on_scale, strict=True):
            above = value - best if math.isfinite(value) else math.inf
            if above > FULL_WEIGHT:
                above = min(FULL_WEIGHT + BEYOND * (above - FULL_WEIGHT), HIGHEST)
            values[row] = best + above if math.isfinite(best) else math.inf
    # Where all of a length diverged, it is as bad as the worst of the others.
    ended = np.isfinite(values)
    values[~ended] = values[ended].max() if ended.any() else 0.0
    return values


def _expanded(value: float, lowest: float) -> float:
    """Return what :func:`compressed` made of a value, given the lowest of its length; without a limit."""
    return value + max(0.0, value - lowest - FULL_WEIGHT) * (1.0 / BEYOND - 1.0)


def _kept(observations: Sequence[Observation]) -> list[Observation]:
    """Return the trials that say most, where there are too many: the best half and the last half, in their order."""
    if len(observations) <= MOST_OBSERVATIONS:
        return [*observations]
    half = MOST_OBSERVATIONS // 2
    order = sorted(range(len(observations) - half), key=lambda number: observations[number].loss)
    rows = {*order[:half], *range(len(observations) - half, len(observations))}
    return [observations[row] for row in sorted(rows)]


def _points(features: Sequence[Sequence[float]] | NDArray[np.float64], steps: Sequence[int], full_steps: int) -> Array:
    """Return points as the kernel has them: u and m as far as they are realised within the training, t, others."""
    rows, lengths = np.asarray(features, dtype=np.float64), np.asarray(steps, dtype=np.float64)
    share = realised_share(np.exp(rows[:, 1]), lengths)
    u, m = rows[:, 0] + np.log(share), np.maximum(rows[:, 1] + np.log(share), 0.0)
    return np.column_stack([u, m, np.log(lengths / full_steps), rows[:, 2:]])


def realised_share(memory: Array, steps: Array) -> Array:
    """Return the share of lr / (1 - momentum) that a training of so many steps realises, on average over its steps.

    A velocity that begins at 0 has reached (1 - b^k) / (1 - b) after k steps of a constant gradient; with the memory
    M = 1 / (1 - b), its mean over T steps is M times

        1 - (M / T) (1 - exp(-T / M))

    Example:
        >>> realised_share(np.array([1.0, 10.0, 50.0]), np.array([1000.0, 1000.0, 50.0])).round(3).tolist()
        [0.999, 0.99, 0.368]
    """
    share: Array = 1.0 - memory / steps * (1.0 - np.exp(-steps / memory))
    return share
