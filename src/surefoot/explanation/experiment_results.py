"""Results of an experiment: loss curves of trainings with many recipes on the same seeds, and measures of curves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from surefoot.recipe.recipe import Recipe
from surefoot.recipe.settings import momentum_use
from surefoot.schedules.cosine import Cosine
from surefoot.schedules.exponential import Exponential
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.step_decay import StepDecay
from surefoot.surfaces.surface import Surface

# Bounds of a relative loss. Above the first a training has failed, however far; below the second ratios of losses are
# ratios of rounding errors. Chosen: far outside of what trainings that work end at.
MAX_CAPPED_LOSS, MIN_RELATIVE_LOSS = 10.0, 1e-4
# Length of the window of the running mean, as a share of the training. Chosen: it smooths mini-batch noise and still
# shows oscillation.
RUNNING_MEAN_SHARE = 0.05
# Added to the total rise of a curve, so that ratios of curves that never rise are 1; a share of the untrained loss.
MIN_RISE = 1e-3


def cap_losses(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return relative losses with everything that is not finite, or above ``MAX_CAPPED_LOSS``, set to that bound."""
    return np.minimum(np.where(np.isfinite(losses), losses, MAX_CAPPED_LOSS), MAX_CAPPED_LOSS)


def running_mean(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean loss of the last 5 % of a training up to each step; at the beginning, of all steps so far.

        mean(t) = (sum of losses from t - w + 1 to t) / w,  w = steps / 20

    Args:
        losses: Loss at every step, shape ``[..., steps]``.

    Example:
        >>> running_mean(np.arange(40.0))[[0, 1, 2, 39]].tolist()
        [0.0, 0.5, 1.5, 38.5]
    """
    steps = losses.shape[-1]
    window = max(1, round(RUNNING_MEAN_SHARE * steps))
    sums = np.cumsum(losses, axis=-1)
    sums_before_window = np.concatenate([np.zeros((*losses.shape[:-1], window)), sums[..., :-window]], axis=-1)
    means: NDArray[np.float64] = (sums - sums_before_window) / np.minimum(np.arange(1, steps + 1), window)
    return means


def losses_at_end(loss_curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the last loss of each curve ``[..., steps]``, at most 1: a training that ends higher learned nothing."""
    return np.clip(loss_curves[..., -1], MIN_RELATIVE_LOSS, 1.0)


def steps_to_loss(loss_curves: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return after how many steps each curve first reaches its target loss.

    Args:
        loss_curves: Loss at every step, shape ``[..., steps]``.
        targets: Loss to reach, shape ``[...]``.

    Returns:
        Number of steps, shape ``[...]``; the length of the curve where it never reaches the target.

    Example:
        >>> steps_to_loss(np.array([[0.9, 0.5, 0.2]]), np.array([0.5])).tolist()
        [2.0]
    """
    reached = loss_curves <= targets[..., None] * (1 + 1e-9)
    return np.where(reached.any(axis=-1), reached.argmax(axis=-1) + 1.0, float(loss_curves.shape[-1]))


def speed_ratio(fast: NDArray[np.float64], slow: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many times as many steps ``slow`` needs as ``fast`` to reach the lowest loss that both reach.

    Args:
        fast: Loss curves, shape ``[..., steps]``.
        slow: Loss curves of the same shape.

    Returns:
        Ratio of step counts, shape ``[...]``: above 1 where ``fast`` is faster, 1 for equal curves.

    Example:
        >>> curve = np.linspace(1.0, 0.0, 100)
        >>> speed_ratio(curve[None, ::2], curve[None, :50]).round(2).tolist()
        [1.92]
    """
    target = np.maximum(losses_at_end(fast), losses_at_end(slow))
    return steps_to_loss(slow, target) / steps_to_loss(fast, target)


def total_rise(loss_curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of all increases of each curve ``[..., steps]``, plus ``MIN_RISE``.

    It measures oscillation: a loss that only falls has ``MIN_RISE``.

    Example:
        >>> round(float(total_rise(np.array([1.0, 0.5, 0.7, 0.4]))), 6)
        0.201
    """
    rises: NDArray[np.float64] = np.maximum(np.diff(loss_curves, axis=-1), 0.0).sum(axis=-1)
    return MIN_RISE + rises


Array: TypeAlias = NDArray[np.float64]
OptimizerName: TypeAlias = Literal["sgd", "adam", "rmsprop"]
DecayName: TypeAlias = Literal["constant", "step", "exponential", "cosine"]
BatchKind: TypeAlias = Literal["full", "small"]

# Learning rates lie on a grid with four per decade, and 1 - momentum nearly on the same grid, so that settings of equal
# learning rate, and those of equal lr / (1 - momentum), can be compared.
RATES_PER_DECADE = 4
# Ratio of neighbouring learning rates.
RATE_SPACING = 10.0 ** (1 / RATES_PER_DECADE)
MOMENTA = (0.0, 0.684, 0.9, 0.968, 0.99)
DEFAULT_MOMENTUM = 0.9
DECAY_SCHEDULES: dict[DecayName, type[Schedule]] = {"step": StepDecay, "exponential": Exponential, "cosine": Cosine}


@dataclass(frozen=True, slots=True)
class Variant:
    """What all trainings of a sweep have in common; they differ only in their learning rate.

    Attributes:
        optimizer: Name of the optimizer.
        momentum: SGD's momentum, or Adam's beta1; 0 for an optimizer without momentum.
        decay: Name of the learning rate schedule.

    Example:
        >>> Variant().recipe(0.1).lr.highest, str(Variant(decay="cosine").recipe(0.1)), Variant("adam").name
        (0.1, 'sgd(lr=cosine(0.1), momentum=0.9)', 'adam')
    """

    optimizer: OptimizerName = "sgd"
    momentum: float = DEFAULT_MOMENTUM
    decay: DecayName = "constant"

    def recipe(self, lr: float) -> Recipe:
        """Return the recipe with a learning rate, which is the peak of the schedule."""
        rate = lr if self.decay == "constant" else DECAY_SCHEDULES[self.decay](lr)  # type: ignore[call-arg]  # all have a peak
        if self.optimizer != "sgd":
            return Recipe.of(self.optimizer, lr=rate)
        return Recipe.of("sgd", lr=rate, momentum=self.momentum)

    @property
    def name(self) -> str:
        """Label in figures and tables."""
        if self.optimizer != "sgd":
            return self.optimizer
        return f"momentum {self.momentum:g}" if self.decay == "constant" else self.decay

    def effective(self, lr: Array) -> Array:
        """Return effective learning rates: lr / (1 - momentum) where the optimizer sums its gradients, otherwise lr."""
        return np.array([momentum_use(self.optimizer).effective(float(rate), self.momentum) for rate in lr])


PLAIN_SGD = Variant(momentum=0.0)
SGD_WITH_MOMENTUM = Variant()
ADAM = Variant("adam", 0.9)
RMSPROP = Variant("rmsprop", 0.0)
# SGD with a constant learning rate, at each of the momenta.
SGD_AT_ALL_MOMENTA = tuple(Variant(momentum=momentum) for momentum in MOMENTA)


@dataclass(frozen=True, eq=False)
class Sweep:
    """Trainings of one variant with several learning rates.

    Attributes:
        variant: What the trainings have in common.
        rates: Learning rates, ascending, shape ``[R]``.
        losses: Training loss at every step, not finite after divergence, shape ``[R, seeds, steps]``.
        valid_losses: Validation loss at the end, shape ``[R, seeds]``.
        untrained_losses: Training loss with a learning rate of 0 on the same batches, shape ``[seeds, steps]``.
    """

    variant: Variant
    rates: Array
    losses: Array
    valid_losses: Array
    untrained_losses: Array

    @cached_property
    def untrained_mean(self) -> Array:
        """Mean training loss of the untrained network, shape ``[seeds]``."""
        return np.asarray(self.untrained_losses.mean(axis=-1))

    @cached_property
    def loss_curves(self) -> Array:
        """Running means of the training loss, relative to those of the untrained network, ``[R, seeds, steps]``.

        Both are of the same batches: that some batches are harder than others cancels.
        """
        with np.errstate(over="ignore"):  # an overflow is capped like any failed training
            shares = running_mean(cap_losses(self.losses / self.untrained_mean[:, None]))
        return np.minimum(shares / running_mean(self.untrained_losses / self.untrained_mean[:, None]), MAX_CAPPED_LOSS)

    @cached_property
    def final_losses(self) -> Array:
        """Last values of the loss curves, ``[R, seeds]``; 1 means that nothing was learned."""
        return losses_at_end(self.loss_curves)

    @cached_property
    def final_valid_losses(self) -> Array:
        """Validation losses at the end, relative to the untrained training loss, at most 1, ``[R, seeds]``."""
        return losses_at_end(cap_losses(self.valid_losses / self.untrained_mean)[..., None])

    def diverged_seeds(self, index: int) -> int:
        """Return on how many seeds the training with the learning rate at an index diverged to NaN or infinity."""
        return int((~np.isfinite(self.losses[index])).any(axis=-1).sum())


@dataclass(frozen=True, slots=True, eq=False)
class StableRateLimit:
    """The largest stable learning rate with one batch size and momentum.

    Attributes:
        batch: Whether all samples are one batch, or an eighth of them.
        momentum: SGD's momentum.
        samples: Number of samples in a batch.
        rates: Largest stable learning rate on each seed, shape ``[seeds]``.
        unstable_seeds: Number of seeds on which a learning rate that was tried is unstable.
    """

    batch: BatchKind
    momentum: float
    samples: int
    rates: Array
    unstable_seeds: int


@dataclass(frozen=True, slots=True, eq=False)
class Experiment:
    """All measurements that claims are tested on.

    Attributes:
        task: Name of the task or surface.
        steps: Number of steps of every training.
        seeds: Number of seeds.
        sweeps: One sweep for each variant that the claims need.
        default: The default recipe, as a sweep with one learning rate.
        stability_limits: Largest stable learning rates, if a claim needs them.
        stability_steps: Number of steps of the trainings that the stability limits were measured with.
        first_seed: The first of the seeds; the others follow it.
        surface: The surface that the experiment ran on; ``None`` for a network.
    """

    task: str
    steps: int
    seeds: int
    sweeps: tuple[Sweep, ...]
    default: Sweep
    stability_limits: tuple[StableRateLimit, ...] = ()
    stability_steps: int = 0
    first_seed: int = 0
    surface: Surface | None = None

    @property
    def all_seeds(self) -> range:
        """The seeds themselves."""
        return range(self.first_seed, self.first_seed + self.seeds)

    def sweep(self, variant: Variant) -> Sweep:
        """Return the sweep of a variant.

        Raises:
            KeyError: If the variant was not trained.
        """
        for sweep in self.sweeps:
            if sweep.variant == variant:
                return sweep
        raise KeyError(variant)

    def momentum_sweeps(self) -> list[Sweep]:
        """Return SGD's sweeps with constant learning rates, one for each of ``MOMENTA``."""
        return [self.sweep(variant) for variant in SGD_AT_ALL_MOMENTA]

    def stability_limit(self, batch: BatchKind, momentum: float) -> StableRateLimit:
        """Return the largest stable learning rates with one batch size and momentum."""
        return next(each for each in self.stability_limits if (each.batch, each.momentum) == (batch, momentum))
