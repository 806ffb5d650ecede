"""Made-up experiments, of which it is known what is true."""

from __future__ import annotations

import numpy as np

from surefoot.explanation.experiment_results import (
    ADAM,
    DECAY_SCHEDULES,
    RMSPROP,
    SGD_AT_ALL_MOMENTA,
    SGD_WITH_MOMENTUM,
    Experiment,
    StableRateLimit,
    Sweep,
    Variant,
)

STEPS, SEEDS = 200, 4
RATES = np.array([float(f"{10.0 ** (k / 4):.3g}") for k in range(-14, 4)])
# Standard deviation of log losses between seeds, about.
SEED_NOISE = 0.02
ALL_VARIANTS = (*SGD_AT_ALL_MOMENTA, ADAM, RMSPROP, *(Variant(decay=decay) for decay in DECAY_SCHEDULES))


def sweep(
    variant=SGD_WITH_MOMENTUM,
    *,
    best=0.1,
    lowest=0.02,
    curvature=2.0,
    speed=8.0,
    oscillation=0.0,
    valid=None,
    seeds=SEEDS,
    seed_noise=SEED_NOISE,
):
    """Return trainings whose loss falls exponentially to a final loss that is a parabola in log rate.

    log10(final / lowest) = curvature * log10(lr / best)^2, and at most 1

    Args:
        variant: The variant of the trainings.
        best, lowest: Best rate, and its final loss.
        curvature: How much worse a rate ten times the best is, in decades.
        speed: How soon the final loss is reached.
        oscillation: Amplitude in shares of the first loss; it grows with the rate and decays with time.
        valid: Returns validation over training loss, given the rates.
        seeds: Number of seeds.
        seed_noise: How far seeds differ, in log loss.
    """
    decades = np.log10(RATES / best)
    final = np.minimum(lowest * 10.0 ** (curvature * decades**2), 1.0)
    factors = np.exp(seed_noise * np.array([(-1.0) ** seed * (1 + 0.1 * seed) for seed in range(seeds)]))
    t = np.linspace(0.0, 1.0, STEPS)
    final = np.minimum(final[:, None, None] * factors[None, :, None], 1.0)
    swings = oscillation * np.minimum(RATES / best, 3.0)[:, None, None] * np.abs(np.sin(20.0 * t)) * (1.0 - t)
    losses = final + (1.0 - final) * np.exp(-speed * t) + swings * factors[None, :, None]
    gap = np.ones(len(RATES)) if valid is None else valid(RATES)
    return Sweep(variant, RATES, 2.0 * losses, 2.0 * losses[..., -1] * gap[:, None], np.full((seeds, STEPS), 2.0))


def experiment(*changed_sweeps, default=None, stable_rates=None, seeds=SEEDS):
    """Return an experiment in which all variants are alike but for some sweeps.

    Args:
        changed_sweeps: Sweeps that replace those of their variants.
        default: Learning rate of the default recipe.
        stable_rates: Largest stable rates that are not 1, by kind of batch and momentum.
        seeds: Number of seeds.
    """
    changed = {each.variant: each for each in changed_sweeps}
    sweeps = tuple(changed.get(variant) or sweep(variant, seeds=seeds) for variant in ALL_VARIANTS)
    usual = next(each for each in sweeps if each.variant == SGD_WITH_MOMENTUM)
    row = [int(np.abs(np.log(RATES / (default or 0.01))).argmin())]
    default_sweep = Sweep(
        SGD_WITH_MOMENTUM, RATES[row], usual.losses[row], usual.valid_losses[row], usual.untrained_losses
    )
    rates = {(batch, momentum): 1.0 for batch in ("full", "small") for momentum in (0.0, 0.9)} | (stable_rates or {})
    limits = tuple(
        StableRateLimit(batch, momentum, 512 if batch == "full" else 64, rate * _seed_factors(seeds), seeds)
        for (batch, momentum), rate in rates.items()
    )
    return Experiment("made up", STEPS, seeds, sweeps, default_sweep, limits, 60)


def _seed_factors(seeds):
    return np.exp(SEED_NOISE * np.arange(seeds))
