"""Results of an experiment: loss curves of trainings with many recipes, on the same seeds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from surefoot.explanation.curve import MAX_RELATIVE_LOSS, cap_losses, losses_at_end, running_mean
from surefoot.recipe.names import momentum_use
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.cosine import Cosine
from surefoot.schedules.exponential import Exponential
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.step_decay import StepDecay
from surefoot.surfaces.surface import Surface

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
        return np.minimum(
            shares / running_mean(self.untrained_losses / self.untrained_mean[:, None]), MAX_RELATIVE_LOSS
        )

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
class StabilityLimit:
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
    stability_limits: tuple[StabilityLimit, ...] = ()
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

    def stability_limit(self, batch: BatchKind, momentum: float) -> StabilityLimit:
        """Return the largest stable learning rates with one batch size and momentum."""
        return next(each for each in self.stability_limits if (each.batch, each.momentum) == (batch, momentum))
