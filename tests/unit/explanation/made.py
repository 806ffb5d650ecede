"""Surveys made up, so that what is true of them is known."""

from __future__ import annotations

import numpy as np

from surefoot.explanation.experiment import DECAYS, MOMENTA, Kind, Limits, Survey, Sweep

STEPS, SEEDS = 200, 4
RATES = np.array([float(f"{10.0 ** (k / 4):.3g}") for k in range(-14, 4)])
NOISE = 0.02


def sweep(kind=Kind(), *, best=0.1, lowest=0.02, bend=2.0, speed=8.0, wobble=0.0, valid=None, seeds=SEEDS, luck=NOISE):  # noqa: B008
    """Return trainings that fall exponentially to an end that is a parabola in log rate.

    log10(end / lowest) = bend * log10(lr / best)^2, and at most 1

    Args:
        kind: Of them.
        best, lowest: Best rate, and the loss it ends at.
        bend: How much worse a rate ten times the best is, in decades.
        speed: How soon the end is reached.
        wobble: Swings of the course, in shares of the start; they grow with the rate and die out.
        valid: Validation over training loss.
        seeds: How many.
        luck: How far seeds differ, in log loss.
    """
    away = np.log10(RATES / best)
    ends = np.minimum(lowest * 10.0 ** (bend * away**2), 1.0)
    factors = np.exp(luck * np.array([(-1.0) ** seed * (1 + 0.1 * seed) for seed in range(seeds)]))
    t = np.linspace(0.0, 1.0, STEPS)
    ends = np.minimum(ends[:, None, None] * factors[None, :, None], 1.0)
    swings = wobble * np.minimum(RATES / best, 3.0)[:, None, None] * np.abs(np.sin(20.0 * t)) * (1.0 - t)
    losses = ends + (1.0 - ends) * np.exp(-speed * t) + swings * factors[None, :, None]
    over = np.ones(len(RATES)) if valid is None else valid(RATES)
    return Sweep(kind, RATES, 2.0 * losses, 2.0 * losses[..., -1] * over[:, None], np.full((seeds, STEPS), 2.0))


def survey(*changed, default=None, limits=None, seeds=SEEDS):
    """Return a survey in which everything is alike but for the sweeps given."""
    kinds = [*(Kind(momentum=momentum) for momentum in MOMENTA), Kind("adam", 0.9), Kind("rmsprop", 0.0)]
    kinds += [Kind(decay=decay) for decay in DECAYS]
    given = {each.kind: each for each in changed}
    sweeps = tuple(given.get(kind) or sweep(kind, seeds=seeds) for kind in kinds)
    usual = next(each for each in sweeps if each.kind == Kind())
    place = int(np.abs(np.log(RATES / (default or 0.01))).argmin())
    own = Sweep(Kind(), RATES[[place]], usual.losses[[place]], usual.valid[[place]], usual.still)
    ranges = {("full", 0.0): 1.0, ("full", 0.9): 1.0, ("small", 0.0): 1.0, ("small", 0.9): 1.0} | (limits or {})
    found = tuple(
        Limits(batch, momentum, 512 if batch == "full" else 64, rate * np.exp(NOISE * np.arange(seeds)), seeds)
        for (batch, momentum), rate in ranges.items()
    )
    return Survey("made", STEPS, seeds, sweeps, own, found, 60)
