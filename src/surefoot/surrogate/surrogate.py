"""The surrogate: the expected final loss of settings and training lengths, from those that were tried.

Losses are modelled on a scale on which the noise of a training is even: their logarithm, if all are positive. How high
the high losses are says nothing about where the best is, and would distort the model near it. At each length
losses far above the best are compressed; a training that diverged counts as far above the best.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from surefoot.surrogate.gaussian_process import Array, GaussianProcess, ValleyKernel

# Up to so far above the best of its length, on the scale, a loss is not compressed. Its excess beyond counts as this
# share, up to a limit. Chosen: losses up to 1.5 times the best count in full.
UNCOMPRESSED_EXCESS, COMPRESSION, MAX_COMPRESSED_EXCESS = 0.4, 0.1, 0.7
# Losses below this are 0 up to rounding.
MIN_LOSS = 1e-12
# With more observations only the best and the last are used: the time grows with the cube of their number.
MAX_OBSERVATIONS = 160
# Leave-one-out errors needed for the prediction error, and the standard deviation of a normal distribution over the
# median of its absolute values.
MIN_LEAVE_ONE_OUT, DEVIATION_OVER_MEDIAN = 5, 1.483


@dataclass(frozen=True, slots=True)
class Observation:
    """A trial as the surrogate sees it.

    Attributes:
        features: u, m and the other axes of :class:`ValleyKernel`; the length is separate.
        steps: Length of the training, in steps.
        loss: Final loss; ``inf`` if the training diverged or failed.
    """

    features: tuple[float, ...]
    steps: int
    loss: float


@dataclass(frozen=True, slots=True)
class LossScale:
    """The scale on which losses are compared: logarithms, or multiples of a unit if some losses are negative.

    Attributes:
        unit: Unit of the scale; ``None`` for logarithms. It is the difference of the median and the best, but at least
            a quarter of the size of the best, so that a loss 5 % above the best is not compressed.
        floor: Smallest loss of the logarithmic scale, half the smallest positive one, if some losses are 0.

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
        return math.log(max(loss, self.floor, MIN_LOSS)) if self.unit is None else loss / self.unit

    def loss(self, value: float) -> float:
        """Return the loss at a value on the scale; the inverse of :meth:`value`."""
        return math.exp(min(value, 700.0)) if self.unit is None else value * self.unit

    def excess(self, share: float, *, over: float) -> float:
        """Return how far above a value, on the scale, a loss lies that is larger by a share of its size.

        Without logarithms the size may be 0; it counts as at least one unit.

        Args:
            share: Share of the loss.
            over: Value on the scale.

        Example:
            >>> round(LossScale(None).excess(0.05, over=-2.0), 4), round(LossScale(0.05).excess(0.05, over=-19.0), 4)
            (0.0488, 0.95)
        """
        return math.log1p(share) if self.unit is None else share * max(abs(over), 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Surrogate:
    """Expected losses over settings and training lengths; made by :meth:`fit`.

    Attributes:
        process: Gaussian process of the values less their mean.
        observations: Observations that it was fitted to.
        values: Their losses on the scale, compressed ``[n]``.
        scale: Scale of the losses.
        full_steps: Length of a full training in steps, at which t is 0.
    """

    process: GaussianProcess
    observations: tuple[Observation, ...]
    values: Array
    scale: LossScale
    full_steps: int

    @classmethod
    def fit(cls, observations: Sequence[Observation], *, full_steps: int, generator: Generator) -> Surrogate | None:
        """Return the surrogate of some trials, ``None`` if none of them ended with a finite loss.

        Args:
            observations: The trials.
            full_steps: Length of a full training, in steps.
            generator: Random generator that samples the settings of the kernel.
        """
        if not any(math.isfinite(each.loss) for each in observations):
            return None
        kept = _most_informative(observations)
        scale = LossScale.of([each.loss for each in kept])
        values = compress_losses(kept, scale)
        kernel = ValleyKernel(len(kept[0].features) - 2)
        points = _points([each.features for each in kept], [each.steps for each in kept], full_steps)
        centred = values - values.mean()
        process = GaussianProcess.fit(kernel, kernel.prior, points, centred, noise=kernel.noise, generator=generator)
        return cls(process, tuple(kept), values, scale, full_steps)

    def predict(self, features: NDArray[np.float64], steps: int) -> tuple[Array, Array]:
        """Return mean and deviation of the compressed values of features ``[m, D]`` at a length: ``[m]`` each."""
        means, deviations = self.process.predict(self._at(features, steps))
        return means + self.values.mean(), deviations

    def draws(
        self, features: NDArray[np.float64], steps: int | Sequence[int], count: int, *, generator: Generator
    ) -> Array:
        """Return functions drawn from the posterior, at features ``[m, D]``, one length or ``m``: ``[count, m]``."""
        drawn: Array = self.process.draws(self._at(features, steps), count, generator=generator) + self.values.mean()
        return drawn

    @property
    def noise(self) -> float:
        """Standard deviation of the value of a single training, between seeds."""
        kernel, process = self.process.kernel, self.process
        assert isinstance(kernel, ValleyKernel)  # noqa: S101  (fit made it)
        return float(process.weights @ kernel.noise(process.settings)[:, 0])

    @property
    def prediction_error(self) -> float:
        """Standard deviation of a trial's value from what the other trials predict; at least the noise.

        It is estimated from the median of the leave-one-out errors of trials whose losses are not compressed, or of
        all trials if these are few.
        """
        lowest = {steps: self._lowest(steps) for steps in {each.steps for each in self.observations}}
        counts = self.values - np.array([lowest[each.steps] for each in self.observations]) <= UNCOMPRESSED_EXCESS
        if counts.sum() < MIN_LEAVE_ONE_OUT:
            counts[:] = len(counts) >= MIN_LEAVE_ONE_OUT
        if not counts.any():
            return self.noise
        return max(
            self.noise, DEVIATION_OVER_MEDIAN * float(np.median(np.abs(self.process.leave_one_out_errors()[counts])))
        )

    def expected(self, features: NDArray[np.float64], steps: int) -> tuple[float, float]:
        """Return mean and standard deviation of the value of one setting, features ``[1, D]``, without compression."""
        means, deviations = self.predict(features, steps)
        lowest = self._lowest(steps)
        mean, higher = (_expanded(value, lowest) for value in (float(means[0]), float(means[0] + deviations[0])))
        return mean, higher - mean

    def _lowest(self, steps: int) -> float:
        """Return the lowest value of a length, ``inf`` if no trial had that length."""
        values = [value for each, value in zip(self.observations, self.values, strict=True) if each.steps == steps]
        return min(values, default=math.inf)

    def _at(self, features: NDArray[np.float64], steps: int | Sequence[int]) -> Array:
        lengths = [steps] * len(features) if isinstance(steps, int) else steps
        return _points(features, lengths, self.full_steps)


def compress_losses(observations: Sequence[Observation], scale: LossScale) -> Array:
    """Return the losses on the scale, with those far above the best of their length compressed: ``[n]``.

    Example:
        >>> same = [Observation((0.0, 0.0), 10, loss) for loss in (1.0, math.e ** 0.3, math.e ** 2.4, math.inf)]
        >>> compress_losses(same, LossScale(None)).round(2).tolist()
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
            if above > UNCOMPRESSED_EXCESS:
                above = min(UNCOMPRESSED_EXCESS + COMPRESSION * (above - UNCOMPRESSED_EXCESS), MAX_COMPRESSED_EXCESS)
            values[row] = best + above if math.isfinite(best) else math.inf
    # A length of which all trials diverged is as bad as the worst trial of the others.
    ended = np.isfinite(values)
    values[~ended] = values[ended].max() if ended.any() else 0.0
    return values


def _expanded(value: float, lowest: float) -> float:
    """Return the value that was compressed, given the lowest of its length; what the limit cut off is lost."""
    return value + max(0.0, value - lowest - UNCOMPRESSED_EXCESS) * (1.0 / COMPRESSION - 1.0)


def _most_informative(observations: Sequence[Observation]) -> list[Observation]:
    """Return at most ``MAX_OBSERVATIONS`` trials in their order: half of them the best ones, half the last ones."""
    if len(observations) <= MAX_OBSERVATIONS:
        return [*observations]
    half = MAX_OBSERVATIONS // 2
    order = sorted(range(len(observations) - half), key=lambda number: observations[number].loss)
    rows = {*order[:half], *range(len(observations) - half, len(observations))}
    return [observations[row] for row in sorted(rows)]


def _points(features: Sequence[Sequence[float]] | NDArray[np.float64], steps: Sequence[int], full_steps: int) -> Array:
    """Return the points of the kernel: u and m as far as a training of that length realises them, t, other axes."""
    rows, lengths = np.asarray(features, dtype=np.float64), np.asarray(steps, dtype=np.float64)
    share = realised_momentum_share(np.exp(rows[:, 1]), lengths)
    u, m = rows[:, 0] + np.log(share), np.maximum(rows[:, 1] + np.log(share), 0.0)
    return np.column_stack([u, m, np.log(lengths / full_steps), rows[:, 2:]])


def realised_momentum_share(memory: Array, steps: Array) -> Array:
    """Return the share of the effective rate lr / (1 - momentum) that a training realises, on average over its steps.

    A velocity that begins at 0 has reached (1 - b^k) / (1 - b) after k steps of a constant gradient; with the memory
    M = 1 / (1 - b), its mean over T steps is M times

        1 - (M / T) (1 - exp(-T / M))

    Args:
        memory: Memory M of the momentum, in steps.
        steps: Length T of the training.

    Example:
        >>> realised_momentum_share(np.array([1.0, 10.0, 50.0]), np.array([1000.0, 1000.0, 50.0])).round(3).tolist()
        [0.999, 0.99, 0.368]
    """
    share: Array = 1.0 - memory / steps * (1.0 - np.exp(-steps / memory))
    return share
