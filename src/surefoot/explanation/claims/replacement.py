"""Momentum cannot replace the learning rate."""

from __future__ import annotations

import numpy as np

from surefoot.explanation.beside import how_far
from surefoot.explanation.choice import held_out_losses, middle
from surefoot.explanation.claim import Claim
from surefoot.explanation.effect import Effect, Number
from surefoot.explanation.figure import Plane
from surefoot.explanation.survey import MOMENTA, STEPS_A_DECADE, Kind, Survey
from surefoot.numerals import numeral

KINDS = tuple(Kind(momentum=momentum) for momentum in MOMENTA)


def replacement(survey: Survey) -> Claim:
    """Judge it: at a tenth of the best rate of all, and at ten times, even the best of all momenta ends worse."""
    plane = np.stack([sweep.ends for sweep in survey.plane()])  # [M, R, seeds]
    rates = survey.sweep(Kind()).rates
    momenta, count, seeds = plane.shape
    row, place = divmod(middle(plane.reshape(momenta * count, seeds)), count)
    best = held_out_losses(plane.reshape(momenta * count, seeds))
    low, high = max(0, place - STEPS_A_DECADE), min(count - 1, place + STEPS_A_DECADE)
    words = [how_far(rates, place, at) for at in (low, high)]
    effects = tuple(
        Effect(
            Number.of(
                f"loss at {name} the best rate, best momentum, over the best loss",
                held_out_losses(plane[:, at]) / best,
                unit="x",
            ),
            notable=1.1,
        )
        for name, at in zip(words, (low, high), strict=True)
    )
    means = np.exp(np.log(plane).mean(axis=-1))
    return Claim(
        title="Momentum cannot replace the learning rate",
        effects=effects,
        sentence=(
            f"The best of all is a learning rate of {numeral(float(rates[place]))} with momentum "
            f"{MOMENTA[row]:g}. Stuck at {words[0]} that "
            f"rate, the best of {momenta} momenta ends at {effects[0].number} its loss; stuck at {words[1]} it, at "
            f"{effects[1].number}."
        ),
        figure=Plane(
            "Loss over learning rate and momentum, as multiples of the lowest",
            rates,
            MOMENTA,
            means / means.min(),
            (
                (words[0].removesuffix(" of"), float(rates[low])),
                ("best", float(rates[place])),
                (words[1], float(rates[high])),
            ),
        ),
    )
