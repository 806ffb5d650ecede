"""Designs and runs an experiment: a range test finds the usable rates, then all trainings that the claims need."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from surefoot.core.errors import BudgetError
from surefoot.explanation.experiment_results import (
    ADAM,
    PLAIN_SGD,
    RATES_PER_DECADE,
    RMSPROP,
    SGD_WITH_MOMENTUM,
    Experiment,
    OptimizerName,
    StableRateLimit,
    Sweep,
    Variant,
)
from surefoot.explanation.experiment_runners import ExperimentRunner, Subject, SubjectT
from surefoot.explanation.range_test_and_stability import (
    STABILITY_STEPS,
    effective_limit,
    ramp_recipe,
    read_ramp,
    stability_config_steps,
)
from surefoot.recipe.recipe import DEFAULT_RECIPE, Recipe
from surefoot.recipe.settings import momentum_use

# Number of steps of a range test, and the variants that have one.
RAMP_STEPS = 100
RAMPED_VARIANTS = (PLAIN_SGD, SGD_WITH_MOMENTUM, ADAM, RMSPROP)
# Number of learning rates in a sweep: of SGD with a constant rate, of an adaptive optimizer, and of a decaying rate.
SGD_RATE_COUNT, ADAPTIVE_RATE_COUNT, DECAY_RATE_COUNT = 17, 14, 9
# How far the highest rate of a sweep lies above the limit of the range test, in quarter decades: so far that the
# highest rates diverge, if any does. Chosen.
RATES_ABOVE_LIMIT: dict[OptimizerName, int] = {"sgd": 2, "adam": 1, "rmsprop": 4}
# With a learning rate of 0 nothing is trained: its losses are what relative losses are relative to.
UNTRAINED = Recipe.of("sgd", lr=0.0, momentum=0.0)
# Number of steps of a training. Chosen: fewer show no loss curve, more change no verdict.
MIN_TRAINING_STEPS, MAX_TRAINING_STEPS = 40, 400

StabilityMeasurement: TypeAlias = Callable[[SubjectT, float], tuple[StableRateLimit, ...]]


@dataclass(frozen=True, slots=True)
class ExperimentDesign:
    """What an experiment trains.

    Attributes:
        variants: Variants with a sweep each.
        stability: Whether the stability limits are measured.
        steps: Number of steps of every training.
        seeds: Number of seeds.
    """

    variants: tuple[Variant, ...]
    stability: bool
    steps: int
    seeds: int

    @property
    def config_steps(self) -> int:
        """Config-steps of all trainings, those of the range test, the default recipe and the untrained network too."""
        trainings = sum(map(rate_count, self.variants)) + 2
        ramps = RAMP_STEPS * len(RAMPED_VARIANTS)
        return trainings * self.steps * self.seeds + ramps + self.stability * stability_config_steps(self.seeds)


def design_experiment(
    subject: Subject, variants: Collection[Variant], *, stability: bool, seeds: int, max_config_steps: float | None
) -> ExperimentDesign:
    """Return what to train: with at most 400 steps a training, and fewer if the budget demands it.

    Args:
        subject: What is trained.
        variants: Variants that the claims need.
        stability: Whether the claims need the stability limits.
        seeds: Number of seeds.
        max_config_steps: Budget in config-steps; unlimited by default.

    Raises:
        BudgetError: If the budget is too small for 40 steps a training.
    """
    ordered = tuple(sorted(variants, key=lambda each: (each.optimizer != "sgd", each.decay, each.momentum)))
    full = ExperimentDesign(ordered, stability, min(subject.total_steps, MAX_TRAINING_STEPS), seeds)
    if max_config_steps is None or full.config_steps <= max_config_steps:
        return full
    fixed_cost = ExperimentDesign(ordered, stability, 0, seeds).config_steps
    steps = math.floor((max_config_steps - fixed_cost) / max(1, full.config_steps - fixed_cost) * full.steps)
    min_steps = min(MIN_TRAINING_STEPS, full.steps)
    if steps < min_steps:
        needed = ExperimentDesign(ordered, stability, min_steps, seeds).config_steps / subject.total_steps
        raise BudgetError(
            f"these experiments with {seeds} seeds need at least {needed:.3g}x; given "
            f"{max_config_steps / subject.total_steps:.3g}x.",
            hint="fewer --seeds or one --claim cost less.",
        )
    return ExperimentDesign(ordered, stability, steps, seeds)


def run_experiment(
    subject: SubjectT,
    design: ExperimentDesign,
    *,
    runner: ExperimentRunner[SubjectT],
    measure_stability: StabilityMeasurement[SubjectT] | None = None,
) -> Experiment:
    """Run all trainings of a design.

    Every variant has its own fleet on each seed, so that its results do not depend on which other variants are trained.

    Args:
        subject: What is trained.
        design: What to train.
        runner: Trains.
        measure_stability: Measures the stability limits, given the subject and the limit of the range test without
            momentum; needed if the design includes them.

    Raises:
        Interrupted: If asked to stop.
        TaskError: If a loss is below 0.
    """
    progress = runner.progress
    progress.stage("range test", config_steps=RAMP_STEPS * len(RAMPED_VARIANTS))
    limits = ramp_limits(subject, runner)
    subject = subject.with_length(steps=design.steps)
    progress.stage("untrained network and default recipe", config_steps=2 * design.steps * design.seeds)
    losses, valid_losses = runner.loss_curves(subject, [UNTRAINED, DEFAULT_RECIPE])
    untrained_losses = losses[0]
    default_rate = np.array([DEFAULT_RECIPE.lr.highest])
    default = Sweep(SGD_WITH_MOMENTUM, default_rate, losses[1:], valid_losses[1:], untrained_losses)
    sweeps = []
    for variant in design.variants:
        progress.stage(variant.name, config_steps=rate_count(variant) * design.steps * design.seeds)
        rates = learning_rate_grid(limits, variant)
        losses, valid_losses = runner.loss_curves(subject, [variant.recipe(float(rate)) for rate in rates])
        sweeps.append(Sweep(variant, rates, losses, valid_losses, untrained_losses))
    stability_limits: tuple[StableRateLimit, ...] = ()
    if design.stability and measure_stability is not None:
        progress.stage("stability limits", config_steps=stability_config_steps(design.seeds))
        stability_limits = measure_stability(subject, limits[PLAIN_SGD])
    return Experiment(
        task=subject.name,
        steps=design.steps,
        seeds=design.seeds,
        sweeps=tuple(sweeps),
        default=default,
        stability_limits=stability_limits,
        stability_steps=STABILITY_STEPS if stability_limits else 0,
    )


def ramp_limits(subject: SubjectT, runner: ExperimentRunner[SubjectT]) -> dict[Variant, float]:
    """Return the largest usable learning rate of each ramped variant, from range tests on the first seed."""
    recipes = [
        ramp_recipe(variant.momentum, steps=RAMP_STEPS, optimizer=variant.optimizer) for variant in RAMPED_VARIANTS
    ]
    losses, _ = runner.loss_curves(subject.with_length(steps=RAMP_STEPS), recipes, seeds=1)
    limits = {}
    for variant, recipe, curve in zip(RAMPED_VARIANTS, recipes, losses, strict=True):
        effective = effective_limit([read_ramp(recipe, curve.T)])
        limits[variant] = momentum_use(variant.optimizer).lr(effective, variant.momentum)
    return limits


def learning_rate_grid(limits: Mapping[Variant, float], variant: Variant) -> NDArray[np.float64]:
    """Return the learning rates of a variant's sweep, ascending, on a grid of whole quarter decades.

    SGD has the same learning rates at all momenta, so that settings can be compared along rows and columns.

    Args:
        limits: Largest usable learning rates of the ramped variants.
        variant: The variant to return the rates of.

    Example:
        >>> learning_rate_grid({PLAIN_SGD: 1.0, SGD_WITH_MOMENTUM: 0.5}, Variant(momentum=0.5))[-3:].tolist()
        [1.0, 1.78, 3.16]
    """
    above = 0
    if variant.decay != "constant":
        limit = limits[SGD_WITH_MOMENTUM]
    else:
        above = RATES_ABOVE_LIMIT[variant.optimizer]
        limit = max(limits[PLAIN_SGD], limits[SGD_WITH_MOMENTUM]) if variant.optimizer == "sgd" else limits[variant]
    highest = round(RATES_PER_DECADE * math.log10(limit)) + above
    exponents = np.arange(highest - rate_count(variant) + 1, highest + 1) / RATES_PER_DECADE
    return np.array([float(f"{10.0**exponent:.3g}") for exponent in exponents])


def rate_count(variant: Variant) -> int:
    """Return the number of learning rates in a variant's sweep."""
    if variant.optimizer != "sgd":
        return ADAPTIVE_RATE_COUNT
    return DECAY_RATE_COUNT if variant.decay != "constant" else SGD_RATE_COUNT
